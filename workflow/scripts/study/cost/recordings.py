"""How much speech a table of your own recordings lists, for plan and resources."""

from __future__ import annotations

import csv
import stat
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

Row = Mapping[str, object]
LARGEST = 2 * 10**8
"""Bytes of a table that is read; every start of a run reads it."""
# PyArrow's errors are some of these.
_UNREADABLE = (OSError, ValueError, TypeError, LookupError, NotImplementedError, csv.Error)


class Listed(NamedTuple):
    """Recordings of a split: their number, and their seconds, together and of the longest, if the table tells them."""

    utterances: int
    seconds: float | None
    longest: float | None


def measure(manifest: Path) -> dict[str, Listed]:
    """Measure the splits of a table, of which the columns ``split`` and ``seconds`` are read.

    Args:
        manifest: CSV, TSV or Parquet.

    Returns:
        By split; nothing if the table cannot be read. What is wrong with it is said by the job that makes the corpus.
    """
    try:
        about = manifest.stat()
        readable = stat.S_ISREG(about.st_mode) and about.st_size <= LARGEST
        return _measure(manifest, about.st_mtime_ns) if readable else {}
    except _UNREADABLE:
        return {}


@lru_cache(maxsize=8)
def _measure(manifest: Path, changed: int) -> dict[str, Listed]:
    lengths: dict[str, list[float | None]] = defaultdict(list)
    for row in _read(manifest):
        lengths[str(row.get("split"))].append(_read_seconds(row.get("seconds")))
    found = {}
    for split, values in lengths.items():
        known = [value for value in values if value is not None]
        complete = len(known) == len(values)
        found[split] = Listed(len(values), sum(known) if complete else None, max(known) if complete else None)
    return found


def _read(manifest: Path) -> Iterator[Row]:
    if manifest.suffix == ".parquet":
        import pyarrow.parquet

        known = pyarrow.parquet.read_schema(manifest).names
        table = pyarrow.parquet.read_table(manifest, columns=[name for name in ("split", "seconds") if name in known])
        yield from table.to_pylist()
    else:
        with manifest.open(encoding="utf-8-sig", newline="") as file:
            yield from csv.DictReader(file, delimiter="\t" if manifest.suffix == ".tsv" else ",")


def _read_seconds(value: object) -> float | None:
    """Read a length; nothing if it is none."""
    try:
        seconds = float(str(value))
    except ValueError:
        return None
    return seconds if 0 < seconds < float("inf") else None
