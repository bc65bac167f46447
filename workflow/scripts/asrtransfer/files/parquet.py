"""Tables as Parquet files: written atomically, byte-identical for equal rows, and verified by a checksum.

The SHA-256 of all other bytes stands between data and footer, where other readers ignore it: they locate the footer
from the end of the file and the data from its start.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow
import pyarrow.parquet

from asrtransfer.files.errors import InputError
from asrtransfer.files.whole import replace_file

# A file ends with the length of its footer (4 bytes, little-endian) and this mark (Apache Parquet, "File Format").
_MAGIC = b"PAR1"
_END = 8
_DIGEST = hashlib.sha256().digest_size
_CHUNK = 1 << 20


def write(rows: pyarrow.Table | pd.DataFrame, path: Path) -> None:
    """Write a table atomically.

    Args:
        rows: the table; the index of a data frame is not written.
        path: the file.
    """
    if isinstance(rows, pd.DataFrame):
        rows = pyarrow.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata(None)
    buffer = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(rows, buffer, compression="zstd")
    # A view, not a copy: the table of a job holds hundreds of megabytes of audio.
    content = memoryview(buffer.getvalue())
    footer = _locate_footer(len(content), bytes(content[-_END:]))
    replace_file(path, content[:footer], hashlib.sha256(content).digest(), content[footer:])


def read(path: Path, columns: Sequence[str] | None = None, *, without: Sequence[str] = ()) -> pd.DataFrame:
    """Read a table that :func:`write` wrote as a data frame; for arguments and errors see :func:`read_table`."""
    return read_table(path, columns, without=without).to_pandas()


def read_table(
    path: Path,
    columns: Sequence[str] | None = None,
    *,
    without: Sequence[str] = (),
    filters: list[tuple[str, str, object]] | None = None,
) -> pyarrow.Table:
    """Verify and read a table that :func:`write` wrote.

    Args:
        path: the file.
        columns: names of the columns to read; by default all except ``without``.
        without: names of columns to omit; ignored if ``columns`` is given.
        filters: conditions on the rows, in the form of ``pyarrow.parquet.read_table``.

    Raises:
        InputError: if the file is missing, or any byte differs from what was written.
    """
    _verify_checksum(path)
    try:
        if columns is None:
            columns = [name for name in pyarrow.parquet.read_schema(path).names if name not in without]
        table = pyarrow.parquet.read_table(path, columns=list(columns), filters=filters or None)
        # A file whose author gave it a checksum may hold text that is none, which fails only where it is used.
        table.validate(full=True)
        return table
    # PyArrow reports some faults of a file as errors of the operating system.
    except (pyarrow.ArrowException, UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path}: cannot be read ({error}); delete it and run again") from error


def _locate_footer(size: int, end: bytes) -> int:
    """Compute the offset of the footer from the size of the file, in bytes, and its last eight bytes."""
    return size - _END - int.from_bytes(end[-_END:-4], "little")


def _verify_checksum(path: Path) -> None:
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _END))
            end = file.read()
            data = _locate_footer(size, end) - _DIGEST
            if end[-4:] != _MAGIC or data < 0:
                raise InputError(f"{path}: cannot be read (not a complete Parquet file); delete it and run again")
            file.seek(0)
            digest = hashlib.sha256()
            while data and (chunk := file.read(min(data, _CHUNK))):
                digest.update(chunk)
                data -= len(chunk)
            found = file.read(_DIGEST)
            digest.update(file.read())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); delete it and run again") from None
    if digest.digest() != found:
        raise InputError(f"{path}: differs from the checksum kept in it; delete it and run again")
