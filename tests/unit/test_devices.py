"""Jobs on one machine get devices of their own, and a killed job gives its back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "workflow/scripts"
JOB = """
import os, sys
from asrtransfer import devices
devices.take()
print(os.environ.get("CUDA_VISIBLE_DEVICES", "all"), flush=True)
sys.stdin.read()
"""


class Jobs:
    """Processes that take a device each, on a machine with four."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[str]] = []
        tool = folder / "nvidia-smi"
        tool.write_text("#!/bin/sh\nprintf '0\\n1\\n2\\n3\\n'\n")
        tool.chmod(0o755)

    def start(self, **environment: str) -> subprocess.Popen[str]:
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("SLURM", "CUDA"))}
        process = subprocess.Popen(
            [sys.executable, "-c", JOB],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=clean
            | {"PATH": f"{self.folder}:{os.environ['PATH']}", "TMPDIR": str(self.folder), "PYTHONPATH": str(SCRIPTS)}
            | environment,
        )
        self.processes.append(process)
        return process


def device(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    started = Jobs(tmp_path)
    yield started
    for process in started.processes:
        process.kill()
        process.communicate()


def test_jobs_at_the_same_time_have_devices_of_their_own_and_kill_9_frees_one(jobs: Jobs) -> None:
    running = [jobs.start() for _ in range(4)]
    taken = [device(process) for process in running]
    assert sorted(taken) == ["0", "1", "2", "3"]
    waiting = jobs.start()
    time.sleep(1.5)
    os.set_blocking(waiting.stdout.fileno(), False)  # type: ignore[union-attr]
    assert device(waiting) == "", "it waits: four have them all"
    os.set_blocking(waiting.stdout.fileno(), True)  # type: ignore[union-attr]
    running[2].send_signal(signal.SIGKILL)
    assert device(waiting) == taken[2]


def test_only_what_is_visible_is_taken(jobs: Jobs) -> None:
    named = {"CUDA_VISIBLE_DEVICES": "GPU-ab,3"}
    assert sorted(device(jobs.start(**named)) for _ in range(2)) == ["3", "GPU-ab"]


def test_what_slurm_gave_is_left_alone(jobs: Jobs) -> None:
    given = {"SLURM_JOB_ID": "7", "CUDA_VISIBLE_DEVICES": "1"}
    assert [device(jobs.start(**given)) for _ in range(2)] == ["1", "1"]


def test_without_the_tool_nothing_is_set(jobs: Jobs) -> None:
    assert device(jobs.start(PATH="/nowhere")) == "all"
