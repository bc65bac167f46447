"""Files that are written whole or not at all."""

from __future__ import annotations

import glob
import os
import tempfile
from pathlib import Path

# The end of a file's name while it is being written.
_PART = ".part"


def replace_file(path: Path, *content: bytes | memoryview) -> None:
    """Put the parts of `content` at `path` in one step; what was there stays until then, also if the machine dies.

    OSError, with `path` in it, if there is no room or no right to write.
    """
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=_PART)
        try:
            with os.fdopen(handle, "wb") as file:
                for part in content:
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
            # mkstemp gives 0600, which would keep a shared results folder from its other readers.
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def remove_parts(path: Path) -> None:
    """Take away what killed writers of `path` left beside it, or, if it is a folder, of files in it."""
    inside = path.is_dir() and not path.is_symlink()
    folder, name = (path, "") if inside else (path.parent, f"{glob.escape(path.name)}.")
    for part in folder.glob(f".{name}*{_PART}"):
        part.unlink(missing_ok=True)
