"""A GPU for each job on a machine that several jobs share without a cluster's engine.

Snakemake counts GPUs and hands out none, so that all jobs would run on the first. Here a job takes a device by an
exclusive lock on a file named after it; the kernel takes the lock back when the job ends, however it ends.
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


def take() -> None:
    """See to it that this process sees one GPU that no other job has; call it before CUDA is used.

    Waits until one is free. Where Slurm has chosen, nothing is done; where ``CUDA_VISIBLE_DEVICES`` names devices, one
    of them is taken.
    """
    if "SLURM_JOB_ID" in os.environ or _held:
        return
    devices = visible()
    if devices:
        os.environ["CUDA_VISIBLE_DEVICES"] = claim(devices, Path(tempfile.gettempdir()))


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


def claim(devices: Sequence[str], folder: Path, *, pause: float = 1.0) -> str:
    """Take the first device that nobody has, and keep it until this process ends.

    Args:
        folder: where the locks are; all jobs of a machine and user must give the same.
        pause: seconds between two looks while all are taken.
    """
    waiting = False
    while True:
        for device in devices:
            path = folder / f"asrtransfer-{os.getuid()}-gpu-{device.replace('/', '-')}.lock"
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(handle)
                continue
            _held.append(handle)
            log.info("GPU %s", device)
            return device
        if not waiting:
            log.info("waiting for one of %d GPUs, all taken by other jobs", len(devices))
        waiting = True
        time.sleep(pause)
