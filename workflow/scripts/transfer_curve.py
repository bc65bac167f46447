"""Rule transfer_curve: what the neighbours heard becomes one curve."""

import pandas as pd

from asrtransfer.files import parquet
from asrtransfer.files.whole import replace_file
from asrtransfer.report import transfer_curve
from job import Job, run


def main(job: Job) -> None:
    """Count and draw."""
    heard = pd.concat([parquet.read(path) for path in job.inputs()], ignore_index=True)
    table = transfer_curve.curve(heard, job.params.level)
    replace_file(job.output("table"), table.to_csv(index=False).encode())
    replace_file(job.output("figure"), transfer_curve.draw(table))
    job.progress(f"{len(table)} points", last=True)


if __name__ == "__main__":
    run(main, globals()["snakemake"])
