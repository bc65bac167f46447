"""What Snakemake keeps about jobs, so that a loss of power leaves nothing that looks finished and is not.

Snakemake marks the files of a job as incomplete, runs it, records what it was made of, and takes the marks away. It
leaves to the system when each of that reaches the disk, and so in which order. After a loss of power the mark could be
missing of a job that was not finished, or the record of one that was, and then a changed configuration would go unseen.
Here each step is on the disk before the next begins; jobs do the same with what they make.
"""

from __future__ import annotations

import itertools
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from asrtransfer.files.flush import flush

STAMP = ".snakemake_timestamp"
"""In a folder that is one output, Snakemake's file for the time of the whole."""

ROOM_BYTES = 1 << 20
"""Snakemake's log, its locks and the first scripts of a study."""


def keep_order(persistence: Any) -> None:
    """Make Snakemake wait for the disk between a job's mark, its files, its record, and the removal of the mark.

    Args:
        persistence: Snakemake's, which keeps records as files; one that keeps them in a database is left alone, since
            databases do this themselves.
    """
    if not hasattr(persistence, "_record_path"):
        return
    root = Path(persistence.path).parent
    started, write, unmark = persistence.started, persistence._write_record, persistence._unmark_incomplete
    written: list[Path] = []

    def start(job: Any, *arguments: Any) -> None:
        started(job, *arguments)
        marks = (persistence._record_path(persistence._incomplete_path, str(file)) for file in job.output)
        flush({Path(mark).parent for mark in marks}, root)

    def write_record(key: str, record: Any) -> None:
        write(key, record)
        written.append(Path(persistence._record_path(persistence._metadata_path, key)))

    def unmark_incomplete(key: str) -> None:
        flush(written, root)
        written.clear()
        unmark(key)

    persistence.started = start
    persistence._write_record = write_record
    persistence._unmark_incomplete = unmark_incomplete


def check_room(folder: Path) -> None:
    """Make sure that there is room for what Snakemake writes before the first job, whose errors are its own.

    Raises:
        OSError: if there is not.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(ROOM_BYTES))


def find_unwritable(folder: Path, results: Path) -> Path | None:
    """Find a folder that this user cannot write to, for which Snakemake or a job would fail in the middle.

    Args:
        folder: where the study runs.
        results: folder of the study.

    Returns:
        The first such folder, or None.
    """
    records = folder / ".snakemake"
    kept = [path for path in records.iterdir() if path.is_dir()] if os.access(records, os.R_OK | os.X_OK) else []
    made = (Path(found) for found, _ in _walk(results))
    folders = itertools.chain([folder, records], kept, made)
    return next((path for path in folders if path.exists() and not os.access(path, os.W_OK | os.X_OK)), None)


def date_back(results: Path) -> None:
    """Date files of the future now, as a clock leaves them that was ahead and has been set right.

    Snakemake refuses a job whose files would be older than those that they are made of.

    Args:
        results: folder of the study; a file whose time cannot be set stays as it is.
    """
    now = time.time()
    for path in _list_outputs(results):
        with suppress(OSError):
            if path.lstat().st_mtime > now:
                os.utime(path, (now, now), follow_symlinks=False)


def _list_outputs(results: Path) -> Iterator[Path]:
    """Yield files of the results; of a folder that is one output only what tells its time."""
    yield from (Path(folder, name) for folder, names in _walk(results) for name in names)


def _walk(results: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield folders of the results and the names of their files; of a folder that is one output only its own."""
    for folder, below, names in os.walk(results):
        if STAMP in names:
            below.clear()
        yield folder, [STAMP] if STAMP in names else names
