"""GPUs for each job on a machine that several jobs share without a cluster's engine.

Snakemake counts GPUs and hands out none, so that all jobs would run on the first. Here a job takes its devices
by exclusive locks on files named after them; the kernel takes the locks back when the job ends, however it ends.
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
    """See to it that this process sees so many GPUs, which no other job has; call it before CUDA is used.

    Waits until they are free. Where Slurm has chosen, and where there are fewer, nothing is done; where
    ``CUDA_VISIBLE_DEVICES`` names devices, they are taken of those.
    """
    if "SLURM_JOB_ID" in os.environ or _held:
        return
    devices = visible()
    if len(devices) >= count:
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(claim(devices, Path(tempfile.gettempdir()), count))


def visible() -> list[str]:
    """The GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` names them; none where that cannot be known."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        command = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
        try:
            named = ",".join(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
        except (OSError, subprocess.CalledProcessError):
            return []
    return [name.strip() for name in named.split(",") if name.strip()]


def claim(devices: Sequence[str], folder: Path, count: int = 1, *, pause: float = 1.0) -> list[str]:
    """Take the first devices that nobody has, and keep them until this process ends.

    Args:
        folder: where the locks are; all jobs of a machine and user must give the same.
        count: how many to take, all at once: jobs that kept some while waiting for more could wait for each other.
        pause: seconds between two looks while too many are taken.
    """
    waiting = False
    while not (taken := _locked(devices, folder, count)):
        if not waiting:
            log.info("waiting for %d of %d GPUs, taken by other jobs", count, len(devices))
        waiting = True
        time.sleep(pause)
    _held.extend(taken.values())
    log.info("GPU %s", ", ".join(taken))
    return list(taken)


def _locked(devices: Sequence[str], folder: Path, count: int) -> dict[str, int]:
    """The first devices that nobody has, with their locks: so many, or none."""
    # One job looks at a time: two could keep from each other what both give back.
    gate = _opened(folder, "gpus")
    fcntl.flock(gate, fcntl.LOCK_EX)
    taken: dict[str, int] = {}
    for device in devices:
        handle = _opened(folder, f"gpu-{device.replace('/', '-')}")
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


def _opened(folder: Path, name: str) -> int:
    return os.open(folder / f"asrtransfer-{os.getuid()}-{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
