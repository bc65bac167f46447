"""Rule verdict: the tables in a dozen lines, unless a positive control says that they cannot be trusted."""

from pathlib import Path
from typing import TYPE_CHECKING

from asrtransfer.files import parquet
from asrtransfer.files.whole import replace_file
from asrtransfer.report.verdict import verdict
from job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as progress:
    paths = [Path(path) for path in snakemake.input]
    tables = {path.stem: parquet.read(path) for path in paths}
    lines = verdict(tables, snakemake.params.level, str(paths[0].parent))
    replace_file(Path(snakemake.output.verdict), ("\n".join(lines) + "\n").encode())
    progress(f"{len(lines)} lines")
