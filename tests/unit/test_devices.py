"""Jobs on one machine get separate devices, and a killed job releases its devices."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from asrtransfer.files.errors import InputError
from asrtransfer.machine import compute

SCRIPTS = Path(__file__).resolve().parents[2] / "workflow/scripts"
JOB = """
import os, sys
from asrtransfer.machine import devices
devices.take(int(sys.argv[1]))
print(os.environ.get("CUDA_VISIBLE_DEVICES", "all"), flush=True)
sys.stdin.read()
"""


class Jobs:
    """Start processes that reserve devices on a machine with four."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[str]] = []
        tool = folder / "nvidia-smi"
        tool.write_text("#!/bin/sh\nprintf '0\\n1\\n2\\n3\\n'\n")
        tool.chmod(0o755)

    def start(self, count: int = 1, **environment: str) -> subprocess.Popen[str]:
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("SLURM", "CUDA"))}
        process = subprocess.Popen(
            [sys.executable, "-c", JOB, str(count)],
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


def waits(process: subprocess.Popen[str]) -> bool:
    """Tell whether the process still holds nothing after a while."""
    assert process.stdout is not None
    time.sleep(1.5)
    os.set_blocking(process.stdout.fileno(), False)
    taken = device(process)
    os.set_blocking(process.stdout.fileno(), True)
    return not taken


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    started = Jobs(tmp_path)
    yield started
    for process in started.processes:
        with process:
            process.kill()


def test_jobs_at_the_same_time_have_devices_of_their_own_and_kill_9_frees_one(jobs: Jobs) -> None:
    running = [jobs.start() for _ in range(4)]
    taken = [device(process) for process in running]
    assert sorted(taken) == ["0", "1", "2", "3"]
    waiting = jobs.start()
    assert waits(waiting), "four have them all"
    running[2].send_signal(signal.SIGKILL)
    assert device(waiting) == taken[2]


def test_a_job_of_several_takes_all_at_once_or_none(jobs: Jobs) -> None:
    first = jobs.start(3)
    assert device(first) == "0,1,2"
    waiting = jobs.start(2)
    assert waits(waiting), "one is free, and it wants two"
    assert device(jobs.start()) == "3", "which it does not hold meanwhile"
    first.kill()
    assert device(waiting) == "0,1"


def test_jobs_of_several_that_start_together_do_not_wait_for_each_other(jobs: Jobs) -> None:
    for process in [jobs.start(count) for count in (3, 2, 3, 4, 2)]:
        # Each process ends once it holds devices, and the others continue.
        process.stdin.close()  # type: ignore[union-attr]
    ended = [process.wait(timeout=30) for process in jobs.processes]
    assert ended == [0] * 5
    assert [len(device(process).split(",")) for process in jobs.processes] == [3, 2, 3, 4, 2]


def test_where_there_are_fewer_than_asked_for_the_job_says_so(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    assert device(jobs.start(5)) == "all"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    with pytest.raises(InputError, match=r"^training\.gpus: 5 GPUs are configured, but this job sees 4; lower it"):
        compute.prepare("cuda", 1, own=False, gpus=5)


def test_only_what_is_visible_is_taken(jobs: Jobs) -> None:
    named = {"CUDA_VISIBLE_DEVICES": "GPU-ab,3"}
    assert sorted(device(jobs.start(**named)) for _ in range(2)) == ["3", "GPU-ab"]


def test_what_slurm_gave_is_left_alone(jobs: Jobs) -> None:
    given = {"SLURM_JOB_ID": "7", "CUDA_VISIBLE_DEVICES": "1"}
    assert [device(jobs.start(**given)) for _ in range(2)] == ["1", "1"]


def test_without_the_tool_nothing_is_set(jobs: Jobs) -> None:
    assert device(jobs.start(PATH="/nowhere")) == "all"
