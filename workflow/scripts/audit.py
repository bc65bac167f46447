"""Rule audit: what each stage has stored is checked again, by code of its own."""

from asrtransfer import audit
from asrtransfer.audit.findings import as_table
from asrtransfer.audit.stored import NotAStudy
from asrtransfer.files import parquet
from asrtransfer.files.errors import InputError
from job import Job, run


def main(job: Job) -> None:
    """Audit the folder, and store a row a check."""
    try:
        found = audit.audit_results(job.input("configuration").parent)
    except NotAStudy as error:
        raise InputError(str(error)) from None
    parquet.write(as_table(found), job.output("table"))
    failed = sum(not one.holds for one in found)
    job.progress(f"{len(found)} checks, {failed} fail", last=True)


if __name__ == "__main__":
    run(main, globals()["snakemake"])
