"""Reservation of GPUs by jobs that share a machine without a cluster scheduler.

Snakemake counts GPUs but assigns none, so all jobs would use the first. Here a job reserves its devices by exclusive
locks on files named after them. The kernel releases the locks when the job ends, even by a kill.
"""

from __future__ import annotations

import fcntl
import logging
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

log = logging.getLogger(__name__)
_held: list[int] = []


def take(count: int = 1) -> None:
    """Reserve GPUs for this process and hide the others; call this before CUDA is used.

    Waits until enough GPUs are free, among those in ``CUDA_VISIBLE_DEVICES`` if it is set. Does nothing in a Slurm job,
    whose GPUs Slurm assigns, if this process already holds GPUs, or if the machine has fewer than ``count``.

    Args:
        count: number of GPUs.
    """
    if "SLURM_JOB_ID" in os.environ or _held:
        return
    devices = visible()
    if len(devices) >= count:
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(claim(devices, Path(tempfile.gettempdir()), count))


def visible() -> list[str]:
    """List the GPUs that this process may use, by their names in ``CUDA_VISIBLE_DEVICES``; empty if unknown."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        command = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
        try:
            named = ",".join(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
        except (OSError, subprocess.CalledProcessError):
            return []
    return [name.strip() for name in named.split(",") if name.strip()]


def claim(devices: Sequence[str], folder: Path, count: int = 1, *, pause: float = 1.0) -> list[str]:
    """Lock the first free devices until this process ends.

    Args:
        devices: names of the devices.
        folder: folder of the lock files, the same for all jobs of a machine and user.
        count: number of devices. They are locked together: jobs that held some while waiting for more could deadlock.
        pause: seconds between attempts.

    Returns:
        The names of the locked devices.
    """
    waiting = False
    while not (taken := _lock_free(devices, folder, count)):
        if not waiting:
            log.info("waiting for %d of %d GPUs, held by other jobs", count, len(devices))
        waiting = True
        time.sleep(pause)
    _held.extend(taken.values())
    log.info("GPU %s", ", ".join(taken))
    return list(taken)


def _lock_free(devices: Sequence[str], folder: Path, count: int) -> dict[str, int]:
    """Lock the first ``count`` free devices and return their lock handles; lock none if fewer are free."""
    # One job tries at a time: two that each lock some devices and fail would leave both without.
    gate = _open_lock(folder, "gpus")
    fcntl.flock(gate, fcntl.LOCK_EX)
    taken: dict[str, int] = {}
    for device in devices:
        handle = _open_lock(folder, f"gpu-{device.replace('/', '-')}")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            continue
        taken[device] = handle
        if len(taken) == count:
            break
    else:
        for handle in taken.values():
            os.close(handle)
        taken = {}
    os.close(gate)
    return taken


def _open_lock(folder: Path, name: str) -> int:
    return os.open(folder / f"asrtransfer-{os.getuid()}-{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
