"""Rule tables: what was attacked, heard and trained becomes tables, each as CSV and as Parquet."""

from pathlib import Path
from typing import TYPE_CHECKING

from asrtransfer import tables
from asrtransfer.files import parquet
from asrtransfer.files.whole import replace_file
from job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as progress:
    inputs = {
        name: [Path(path) for path in snakemake.input[name]]
        for name in ("attacks", "transcripts", "clean", "cards", "scored")
    }
    design = tables.Design.from_dict(snakemake.params.design)
    results = tables.read(design, **inputs)
    made = tables.tabulate(results, design)
    for output in map(Path, snakemake.output):
        table = made[output.stem]
        if output.suffix == ".csv":
            replace_file(output, table.to_csv(index=False, lineterminator="\n").encode())
        else:
            parquet.write(table, output)
    progress(f"{len(made)} tables from {len(results.hearings)} hearings", last=True)
