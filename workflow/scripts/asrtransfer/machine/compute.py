"""Threads, determinism, device and batches of this process."""

from __future__ import annotations

import ctypes
import logging
import os
import platform
import subprocess
from collections.abc import Callable
from pathlib import Path

import torch

from asrtransfer.files.errors import InputError
from asrtransfer.machine import devices

log = logging.getLogger(__name__)

# From malloc.h. glibc returns blocks above its largest permitted threshold to the system in any case.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST_BLOCK = 32 << 20


def prepare(device: str, threads: int, *, deterministic: bool = True, own: bool = True, gpus: int = 1) -> None:
    """Set threads and determinism for the whole process; call this before the first computation.

    A fixed thread count gives bit-equal results on a CPU; it is therefore part of the experiment and does not follow
    the number of cores. Matrix products of float32 tensors keep full precision: TF32 is disabled.

    Args:
        device: ``cpu`` or ``cuda``.
        threads: threads of PyTorch's operators.
        deterministic: forbid operators without a deterministic implementation.
        own: reserve GPUs for this process; false for a child process of a job that holds them.
        gpus: number of GPUs to reserve.

    Raises:
        InputError: if the device is missing, or fewer than ``gpus`` are visible.
    """
    if device == "cuda" and own:
        devices.take(gpus)
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("device: cuda is configured, but this machine has no CUDA device; set device: cpu")
    if device == "cuda" and torch.cuda.device_count() < gpus:
        raise InputError(
            f"training.gpus: {gpus} GPUs are configured, but this job sees {torch.cuda.device_count()}; lower it, or "
            f"run on a machine with {gpus} GPUs"
        )
    _keep_memory()
    torch.set_num_threads(threads)
    # Denormal numbers (below 1e-38) do not affect results, and cost a CPU a hundred times the time of others.
    torch.set_flush_denormal(True)
    allow_tf32(False)
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        # As `use_deterministic_algorithms`, without importing a compiler, which takes a second.
        torch.set_deterministic_debug_mode("error")
        # Every tensor is written before it is read; the default, filling it first, costs a twentieth of the time.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def _keep_memory() -> None:
    """Make glibc keep freed memory for the next pass; other C libraries are not changed.

    By default glibc returns large blocks to the system and receives pages that the kernel must clear, which cost up to
    a sixth of an attack's time (``mallopt(3)``; ``benchmarks/attack_iteration.py``).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGEST_BLOCK)
        mallopt(M_TRIM_THRESHOLD, -1)


def allow_tf32(allowed: bool) -> None:
    """Allow or forbid TF32, which rounds the factors of float32 products to 10 bits; PyTorch allows it in LSTMs."""
    precision = "tf32" if allowed else "ieee"
    torch.backends.cuda.matmul.fp32_precision = precision
    torch.backends.cudnn.conv.fp32_precision = precision  # type: ignore[attr-defined]
    torch.backends.cudnn.rnn.fp32_precision = precision  # type: ignore[attr-defined]


def in_batches(
    count: int, batch: int, work: Callable[[range], None], planned: Callable[[range], bool] = lambda part: True
) -> None:
    """Process items 0 to ``count`` - 1 in batches, and halve the batch when the device runs out of memory.

    Args:
        count: number of items.
        batch: largest number of items in one batch.
        work: processes a range of items. After an out-of-memory error it is called again with a shorter range that
            starts at the same item; its result for one item must not depend on the others.
        planned: tells whether a range of items is expected to fit into memory; a single item is tried in any case.

    Raises:
        InputError: if a single item does not fit into memory.
    """
    start = 0
    while start < count:
        part = range(start, min(start + batch, count))
        while len(part) > 1 and not planned(part):
            part = part[:-1]
        if _try_work(work, part):
            start = part.stop
            continue
        if len(part) == 1:
            raise InputError(
                "device: its memory is too small for a single utterance; end other programs on it, or set device: cpu"
            )
        batch = len(part) // 2
        torch.cuda.empty_cache()
        log.info("%d utterances in a batch exceed the device's memory; continuing with %d", len(part), batch)


def _try_work(work: Callable[[range], None], part: range) -> bool:
    try:
        work(part)
    except torch.OutOfMemoryError:
        return False
    return True


def describe(device: str) -> dict[str, str]:
    """Describe the versions and the hardware that results depend on, apart from the configuration.

    Args:
        device: ``cpu`` or ``cuda``.
    """
    facts = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "machine": platform.machine(),
        "processor": _read_processor(),
    }
    if device == "cuda":
        facts["accelerator"] = torch.cuda.get_device_name()
        facts["cuda"] = str(torch.version.cuda)
        facts["driver"] = _query_driver()
    return facts


def _read_processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def _query_driver() -> str:
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(query, capture_output=True, text=True, check=True).stdout.split("\n")[0]
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
