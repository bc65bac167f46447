"""Rule verdict: the tables in a dozen lines, unless a positive control or the audit forbids it."""

from asrtransfer.files import parquet
from asrtransfer.files.whole import replace_file
from asrtransfer.report import audited
from asrtransfer.report.verdict import Cost, verdict
from asrtransfer.tables import Design
from job import Job, run


def main(job: Job) -> None:
    """Write the verdict."""
    paths = job.inputs("tables")
    tables = {path.stem: parquet.read(path) for path in paths}
    lines = verdict(Design.from_dict(job.params.design), tables, str(paths[0].parent), Cost(**job.params.cost))
    audited.refuse(parquet.read(job.input("audit")), str(job.input("page")))
    replace_file(job.output("verdict"), ("\n".join(lines) + "\n").encode())
    job.progress(f"{len(lines)} lines")


if __name__ == "__main__":
    run(main, globals()["snakemake"])
