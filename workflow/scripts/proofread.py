"""Rule proofread: verdict and report are held against tables and transcripts."""

from asrtransfer import audit
from asrtransfer.audit.findings import as_table, describe
from asrtransfer.audit.stored import NotAStudy
from asrtransfer.files import parquet
from asrtransfer.files.errors import InputError
from asrtransfer.report import audited
from job import Job, log, run


def main(job: Job) -> None:
    """Check the pages; one that is wrong ends the job."""
    try:
        found = audit.audit_pages(job.input("report").parent)
    except NotAStudy as error:
        raise InputError(str(error)) from None
    log.info("%s", describe(found))
    table = as_table(found)
    audited.refuse(table, job.log)
    parquet.write(table, job.output("table"))
    job.progress(f"{len(found)} checks, all hold", last=True)


if __name__ == "__main__":
    run(main, globals()["snakemake"])
