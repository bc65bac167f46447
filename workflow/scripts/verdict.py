"""Rule verdict: the tables in a dozen lines, unless a positive control says that they cannot be trusted."""

from asrtransfer.files import parquet
from asrtransfer.files.whole import replace_file
from asrtransfer.report.verdict import Cost, verdict
from asrtransfer.tables import Design
from job import Job, run


def main(job: Job) -> None:
    """Write the verdict."""
    paths = job.inputs()
    tables = {path.stem: parquet.read(path) for path in paths}
    lines = verdict(Design.from_dict(job.params.design), tables, str(paths[0].parent), Cost(**job.params.cost))
    replace_file(job.output("verdict"), ("\n".join(lines) + "\n").encode())
    job.progress(f"{len(lines)} lines")


if __name__ == "__main__":
    run(main, globals()["snakemake"])
