"""Run the shipped studies in turn for hours, kill them at random, look for what is left behind.

By hand, two hours: ``PYTHONPATH=workflow/scripts:tests python tests/workflow/soak.py 2 --seed 1``.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

import psutil
from copies import Repository, add_extensions
from kills import wait_for_end
from left_behind import list_temporary

STUDIES = ("smoke", "config", "families", "ladder", "dose", "effort", "strong", "factors")
"""The shipped configurations whose speech is synthetic and whose models are small."""
# Seconds of a run before it is killed, at the most.
LONGEST = 600.0
FLAT = 1.2
"""By how much the memory of the main process may grow from the second fifth of a run to the last."""


@dataclass
class Soak:
    """What has been seen.

    Attributes:
        temporary: where all programs have their temporary files.
        faults: what was left behind, or grew.
        kills: runs that were killed.
        ended: runs that ended by themselves.
    """

    temporary: Path
    faults: list[str] = field(default_factory=list)
    kills: int = 0
    ended: int = 0

    def run(self, copy: Repository, name: str, moment: float) -> None:
        """Run a study up to a moment, kill it, and look."""
        with (copy.path / "output.txt").open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", f"config/{name}.yaml"],
                cwd=copy.path,
                env=os.environ | {"TMPDIR": str(self.temporary), "PYTHONDONTWRITEBYTECODE": ""},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        memory = self._watch(process, moment)
        killed = process.poll() is None
        if killed:
            os.killpg(process.pid, signal.SIGKILL)
        code = process.wait()
        self.kills += killed
        self.ended += not killed
        if not killed and code:
            self.faults.append(f"{name}: {(copy.path / 'output.txt').read_text()[-2000:]}")
        copy.snakemake("--unlock", "--configfile", f"config/{name}.yaml")
        growth = grow(memory)
        found = [f"its memory grew {growth:.2f} times"] if growth > FLAT else []
        self.faults += [f"{name}: {one}" for one in found + self.left(copy, killed=killed)]
        how = f"killed after {moment:.0f} s" if killed else "ended"
        print(f"{name}: {how}, {max(memory, default=0):.0f} MB, grown {growth:.2f} times", flush=True)

    def _watch(self, process: subprocess.Popen[bytes], moment: float) -> list[float]:
        """The memory of the main process in MB, twice a second, until a moment or its end."""
        memory, start = [], time.monotonic()
        watched = psutil.Process(process.pid)
        while process.poll() is None and time.monotonic() - start < moment:
            try:
                memory.append(watched.memory_info().rss / 1e6)
            except psutil.NoSuchProcess:
                break
            time.sleep(0.5)
        return memory

    def left(self, copy: Repository, *, killed: bool) -> list[str]:
        """Processes, locks and temporary files that a run has left behind, once it is unlocked."""
        found = [f"still running: {command}" for command in wait_for_end(copy.path)]
        found += [f"a lock: {path.name}" for path in copy.path.glob(".snakemake/locks/*")]
        # A process that is killed cannot remove its temporary files.
        files = list_temporary(self.temporary)
        for path in files:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        return found + [f"a temporary file: {path.name}" for path in files if not killed]


def grow(memory: list[float]) -> float:
    """How much the memory of a run has grown, from the second fifth to the last; 1 of a short run."""
    fifth = len(memory) // 5
    if fifth < 10:
        return 1.0
    return statistics.median(memory[-fifth:]) / statistics.median(memory[fifth : 2 * fifth])


def main() -> None:
    """Run studies in turn, most of them killed, until the time is over."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("hours", type=float)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rng = random.Random(given.seed)
    end = time.monotonic() + 3600 * given.hours
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(Path(folder, "temporary"))
        soak.temporary.mkdir()
        copies = {name: Repository.copy(Path(folder, name)) for name in STUDIES}
        for copy in copies.values():
            add_extensions(copy.path)
        for name in cycle(STUDIES):
            if time.monotonic() > end:
                break
            soak.run(copies[name], name, rng.uniform(10, LONGEST))
    print(f"{soak.kills} runs killed, {soak.ended} ended: {len(soak.faults)} faults", *soak.faults, sep="\n")
    sys.exit(bool(soak.faults))


if __name__ == "__main__":
    main()
