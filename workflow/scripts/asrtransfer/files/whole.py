"""Files that are written atomically."""

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

# Suffix of a file that is being written.
_PART = ".part"
_checks: list[Callable[[], None]] = []


def check_before_replacing(check: Callable[[], None]) -> None:
    """Call a function before each file that this process replaces; it raises what shall prevent that."""
    _checks[:] = [check]


def replace_file(path: Path, *content: bytes | memoryview) -> None:
    """Write a file atomically: until it is complete, and if the machine fails, `path` keeps its previous content.

    Args:
        path: the file.
        content: its parts, in order.

    Raises:
        OSError: if the file cannot be written, for lack of space or permission; the error names `path`.
    """
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=_PART)
        try:
            with os.fdopen(handle, "wb") as file:
                for part in content:
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
            # mkstemp sets 0600, which would lock out other readers of a shared results folder.
            os.chmod(temporary, 0o644)
            for check in _checks:
                check()
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def remove_parts(path: Path) -> None:
    """Delete the partial files that killed writers left.

    Args:
        path: a file, whose own partial files are deleted, or a folder, in which all are.
    """
    inside = path.is_dir() and not path.is_symlink()
    folder, name = (path, "") if inside else (path.parent, f"{glob.escape(path.name)}.")
    for part in folder.glob(f".{name}*{_PART}"):
        part.unlink(missing_ok=True)
