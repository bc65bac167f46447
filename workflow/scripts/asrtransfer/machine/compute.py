"""How this process computes: threads, determinism, device."""

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

# Of malloc.h. Blocks above the largest that glibc allows to be set go back to the system all the same.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST_BLOCK = 32 << 20


def prepare(device: str, threads: int, *, deterministic: bool = True, own: bool = True, gpus: int = 1) -> None:
    """Set threads and determinism for the whole process; call it before anything is computed.

    One fixed thread count gives bit-equal results on a CPU, so it is part of the experiment and never taken from the
    number of cores. On CUDA, the process takes ``gpus`` devices for itself (unless it is not to ``own`` any, as part of
    a job that has), and deterministic matrix products need their workspace named before the first of them. Products of
    float32 numbers are float32's own, also where PyTorch would let an accelerator shorten them.

    Raises:
        InputError: if there is no such device, or fewer than it takes.
    """
    if device == "cuda" and own:
        devices.take(gpus)
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("device: cuda is configured, and there is no CUDA device here; set device: cpu")
    if device == "cuda" and torch.cuda.device_count() < gpus:
        raise InputError(
            f"training.gpus: {gpus} are asked for, and this job sees {torch.cuda.device_count()}; lower it, or run "
            "where one machine has as many"
        )
    _keep_memory()
    torch.set_num_threads(threads)
    # Numbers below 1e-38 add nothing to a result and cost a hundred times the time of others on a CPU.
    torch.set_flush_denormal(True)
    allow_tf32(False)
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        # What `use_deterministic_algorithms` does, without the second that it takes to import a compiler.
        torch.set_deterministic_debug_mode("error")
        # Memory is overwritten before it is read; filling it first, by default, takes a twentieth of the time.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def _keep_memory() -> None:
    """Have the C library keep what is freed for the next pass, where it is glibc.

    By default it hands large blocks back to the system and gets them back as pages to be cleared, which took up to a
    sixth of an attack's time (``mallopt(3)``; ``benchmarks/attack_iteration.py``).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGEST_BLOCK)
        mallopt(M_TRIM_THRESHOLD, -1)


def allow_tf32(allowed: bool) -> None:
    """Whether an accelerator may round the factors of float32 products to TF32's 10 bits; PyTorch lets LSTMs do so."""
    precision = "tf32" if allowed else "ieee"
    torch.backends.cuda.matmul.fp32_precision = precision
    torch.backends.cudnn.conv.fp32_precision = precision  # type: ignore[attr-defined]
    torch.backends.cudnn.rnn.fp32_precision = precision  # type: ignore[attr-defined]


def in_batches(
    count: int, batch: int, work: Callable[[range], None], planned: Callable[[range], bool] = lambda part: True
) -> None:
    """Do ``work`` on items 0 to ``count``, so many at a time; half as many where the device's memory is too small.

    Args:
        planned: whether some items are expected to fit into memory; one is tried in any case.
        work: does some items. It is called again with fewer, the same first, after running out of memory, and what it
            does for an item depends on no other.

    Raises:
        InputError: if the memory does not hold even one.
    """
    start = 0
    while start < count:
        part = range(start, min(start + batch, count))
        while len(part) > 1 and not planned(part):
            part = part[:-1]
        if _fits(work, part):
            start = part.stop
            continue
        if len(part) == 1:
            raise InputError(
                "device: its memory does not hold a single utterance; free it of other programs, or set device: cpu"
            )
        batch = len(part) // 2
        torch.cuda.empty_cache()
        log.info("%d utterances at once exceed the device's memory; going on with %d", len(part), batch)


def _fits(work: Callable[[range], None], part: range) -> bool:
    try:
        work(part)
    except torch.OutOfMemoryError:
        return False
    return True


def describe(device: str) -> dict[str, str]:
    """What the results may depend on besides the configuration: versions and hardware."""
    facts = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "machine": platform.machine(),
        "processor": _processor(),
    }
    if device == "cuda":
        facts["accelerator"] = torch.cuda.get_device_name()
        facts["cuda"] = str(torch.version.cuda)
        facts["driver"] = _driver()
    return facts


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def _driver() -> str:
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(query, capture_output=True, text=True, check=True).stdout.split("\n")[0]
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
