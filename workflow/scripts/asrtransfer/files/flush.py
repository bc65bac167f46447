"""What must be on the disk before something else says that it is there."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path

# What file systems say that cannot flush a folder, as those of some networks.
_CANNOT = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.EPERM}


def flush(paths: Iterable[Path], root: Path) -> None:
    """Wait until files and folders, and their names, are on the disk: a loss of power leaves them as they are.

    Renaming a file that was flushed is not enough: its name belongs to the folder, and is lost with what that has not
    flushed.

    Args:
        paths: files, and folders, of whose content only the names are flushed; what is missing is passed over.
        root: a folder above, to which the names of all folders on the way are flushed.

    Raises:
        OSError: if the disk fails; the error names the path.
    """
    folders: set[Path] = set()
    for path in paths:
        _flush_one(path)
        for folder in path.parents:
            folders.add(folder)
            if folder == root:
                break
    # From below: a folder that is there has what is in it.
    for folder in sorted(folders, key=lambda folder: len(folder.parts), reverse=True):
        _flush_one(folder)


def _flush_one(path: Path) -> None:
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno in _CANNOT:
            return
        raise
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _CANNOT:
            raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        os.close(handle)
