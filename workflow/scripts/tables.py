"""Rule tables: what was attacked, heard and trained becomes tables, each as CSV and as Parquet."""

import json

from asrtransfer import tables
from asrtransfer.files import parquet
from asrtransfer.files.whole import replace_file
from job import Job, run


def main(job: Job) -> None:
    """Read the results, and write every table."""
    inputs = {name: job.inputs(name) for name in ("attacks", "transcripts", "clean", "cards", "scored")}
    design = tables.Design.from_dict(job.params.design)
    results = tables.read(design, **inputs)
    made = tables.tabulate(results, design)
    for output in [path for path in job.outputs() if path != job.output("configuration")]:
        table = made[output.stem]
        if output.suffix == ".csv":
            replace_file(output, table.to_csv(index=False, lineterminator="\n").encode())
        else:
            parquet.write(table, output)
    configuration = {"configuration": job.params.configuration, "design": job.params.design}
    replace_file(job.output("configuration"), (json.dumps(configuration, indent=2) + "\n").encode())
    job.progress(f"{len(made)} tables from {len(results.hearings)} hearings", last=True)


if __name__ == "__main__":
    run(main, globals()["snakemake"])
