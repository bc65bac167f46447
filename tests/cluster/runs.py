"""A study on the local cluster: start Snakemake, look at its jobs, do them harm."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from copies import EXTENDED, SMOKE, Repository
from local_slurm import Job, LocalSlurm, wait

from study.cost.work import NETWORKS

# The smoke study computes on the CPU; here its networks ask for a GPU all the same.
WITH_GPUS = [f"{rule}:{what}" for rule in NETWORKS for what in ("gpu=1", "slurm_partition=gpu")]
RUN = (
    *("--profile", "slurm", "--configfile", SMOKE, EXTENDED, "--set-resources", *WITH_GPUS),
    # A real cluster is asked less often, and its jobs' logs are of no interest once they have succeeded.
    *("--slurm-init-seconds-before-status-checks", "5", "--latency-wait", "10", "--slurm-keep-successful-logs"),
)
PATIENCE = 300.0


class Run:
    """One ``snakemake --profile slurm``, under way."""

    def __init__(self, repository: Repository, slurm: LocalSlurm) -> None:
        self.path = repository.path
        self.output = repository.path / "output.txt"
        before = self.output.stat().st_size if self.output.exists() else 0
        # What is killed cannot remove its temporary files.
        temporary = repository.path.with_name("temporary")
        temporary.mkdir(exist_ok=True)
        with self.output.open("a") as output:
            # Not as a child of an interactive shell, where Ctrl-C would be ignored.
            self.process = subprocess.Popen(
                [sys.executable, "-m", "snakemake", *RUN],
                cwd=repository.path,
                env=os.environ | slurm.environment | {"PYTHONDONTWRITEBYTECODE": "", "TMPDIR": str(temporary)},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )
        self.before = before

    @property
    def shown(self) -> str:
        """What this run has shown so far."""
        return self.output.read_text()[self.before :]

    def signal(self, how: signal.Signals) -> int:
        """Send a signal to Snakemake alone, as to a program of a terminal, and wait for its end."""
        self.process.send_signal(how)
        return self.process.wait(PATIENCE)

    def finish(self) -> str:
        """Wait for the end, which is a good one; returns what was shown."""
        assert self.process.wait(2 * PATIENCE) == 0, self.shown[-5000:]
        return self.shown

    def until(self, ready: Callable[[], object], what: str) -> None:
        """Wait while the run goes on."""

        def over() -> object:
            assert self.process.poll() is None, f"it ended before {what}: {self.shown[-5000:]}"
            return ready()

        wait(PATIENCE, over, what)


class Watch(threading.Thread):
    """Every job as it was seen while it ran: what it had is not remembered by Slurm."""

    def __init__(self, slurm: LocalSlurm) -> None:
        super().__init__(daemon=True)
        self.slurm = slurm
        self.stop = threading.Event()
        self.seen: list[list[Job]] = []

    def run(self) -> None:
        while not self.stop.wait(1.0):
            self.seen.append([job for job in self.slurm.jobs() if job["JobState"] == "RUNNING"])


@contextmanager
def watched(slurm: LocalSlurm) -> Iterator[Watch]:
    """Look at the jobs each second for a while."""
    watch = Watch(slurm)
    watch.start()
    try:
        yield watch
    finally:
        watch.stop.set()
        watch.join()


def process_of(folder: Path, rule: str, model: str) -> psutil.Process | None:
    """The process in which a rule's script works on a model, or on a surrogate's samples, if there is one."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, IndexError):
            ours = Path(process.cwd()) == folder.resolve() and process.cmdline()[-1].endswith(f".{rule}.py")
            wanted = re.compile(rf"(?:model|surrogate)={re.escape(model)}(?![\w.-])")
            if ours and any(wanted.search(word) for word in process.parent().cmdline()):
                return process
    return None


def list_processes(folder: Path) -> list[psutil.Process]:
    """Processes that work in a folder, or below it."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if Path(process.cwd()).is_relative_to(folder.resolve()):
                found.append(process)
    return found


class Held:
    """Jobs whose processes stand still while something is done to them, so that none ends before."""

    def __init__(self, run: Run, rule: str, models: Sequence[str]) -> None:
        self.processes: dict[str, psutil.Process] = {}

        def complete() -> bool:
            for model in models:
                if model not in self.processes and (process := process_of(run.path, rule, model)):
                    process.suspend()
                    self.processes[model] = process
            return len(self.processes) == len(models)

        run.until(complete, f"processes of {rule}")

    def release(self, *models: str) -> None:
        """Let some go on, or all."""
        for model in models or tuple(self.processes):
            with suppress(psutil.NoSuchProcess):
                self.processes.pop(model).resume()


def has_checkpoint(folder: Path, model: str) -> bool:
    """Whether a training has something to go on from."""
    return (folder / f"results-smoke/models/{model}/checkpoint.safetensors").exists()


def pause() -> None:
    """Let something that takes a moment begin."""
    time.sleep(2)
