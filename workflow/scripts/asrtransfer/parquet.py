"""Tables as Parquet files: whole or not at all, and the same bytes for the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow
import pyarrow.parquet

from asrtransfer.audio import replace_file
from asrtransfer.errors import InputError


def write(rows: pyarrow.Table | pd.DataFrame, path: Path) -> None:
    """Write a table; a data frame's index is left out."""
    if isinstance(rows, pd.DataFrame):
        rows = pyarrow.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata(None)
    buffer = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(rows, buffer, compression="zstd")
    replace_file(path, buffer.getvalue().to_pybytes())


def read(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a Parquet table that this workflow wrote.

    Raises:
        InputError: if it is missing or damaged.
    """
    try:
        return pyarrow.parquet.read_table(path, columns=columns).to_pandas()
    except (OSError, pyarrow.ArrowException) as error:
        raise InputError(f"{path}: cannot be read ({error}); delete it and run again") from error
