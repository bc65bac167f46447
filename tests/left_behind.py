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
    """Files and folders in a folder for temporary ones, without two that are always the same.

    The folder in which PyTorch's optimisers would keep what they compile stays empty; that of pytest holds what tests
    of the last runs have made, for somebody who looks.
    """

    def is_usual(path: Path) -> bool:
        return path.name.startswith("pytest-of-") or (
            path.name.startswith("torchinductor_") and not any(path.iterdir())
        )

    return [path for path in folder.iterdir() if not is_usual(path)]


def list_mounts() -> set[str]:
    """Lines of the table of mounts."""
    return set(Path("/proc/self/mounts").read_text().splitlines())
