"""Rule proofread: verdict and report are held against the tables, and the audit becomes a page."""

from pathlib import Path

import pandas as pd

from asrtransfer import audit
from asrtransfer.audit.findings import as_table
from asrtransfer.audit.stored import NotAStudy
from asrtransfer.files import parquet
from asrtransfer.files.errors import InputError
from asrtransfer.files.whole import replace_file
from asrtransfer.report import audit_page, audited
from job import Job, run

TEMPLATES = Path(__file__).parents[1] / "report"


def main(job: Job) -> None:
    """Check the pages, and list what the whole audit has found; a check that fails ends the job."""
    try:
        found = audit.audit_pages(job.input("report").parent)
    except NotAStudy as error:
        raise InputError(str(error)) from None
    table = pd.concat([parquet.read(job.input("audit")), as_table(found)], ignore_index=True)
    audited.refuse(table)
    replace_file(job.output("page"), audit_page.render(table, TEMPLATES).encode())
    job.progress(f"{len(table)} checks, all hold", last=True)


if __name__ == "__main__":
    run(main, globals()["snakemake"])
