"""What programs leave behind when they have ended: processes, mounts and temporary files."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import psutil


def list_started(name: str, value: str) -> list[str]:
    """Commands of other processes that were started with a variable in their environment."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and process.environ().get(name) == value:
                found.append(" ".join(process.cmdline()))
    return found


def list_temporary(folder: Path) -> list[Path]:
    """Files and folders in a folder for temporary ones, without the one that PyTorch's optimisers make.

    That is the folder in which PyTorch would keep what it compiles; it is always the same, and stays empty.
    """
    return [path for path in folder.iterdir() if not path.name.startswith("torchinductor_") or any(path.iterdir())]


def list_mounts() -> set[str]:
    """Lines of the table of mounts."""
    return set(Path("/proc/self/mounts").read_text().splitlines())
