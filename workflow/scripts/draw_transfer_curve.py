"""Rule transfer_curve: what the neighbours heard becomes one curve."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from asrtransfer.files import parquet
from asrtransfer.files.whole import replace_file
from asrtransfer.report import transfer_curve
from job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as progress:
    heard = pd.concat([parquet.read(Path(path)) for path in snakemake.input], ignore_index=True)
    table = transfer_curve.curve(heard, snakemake.params.level)
    replace_file(Path(snakemake.output.table), table.to_csv(index=False).encode())
    replace_file(Path(snakemake.output.figure), transfer_curve.draw(table))
    progress(f"{len(table)} points", last=True)
