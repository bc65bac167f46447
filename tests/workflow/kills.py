"""Kill a running study at any moment, run it again, look for differences.

By hand, 60 times: ``PYTHONPATH=workflow/scripts:tests python tests/workflow/kills.py 60``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import psutil
from copies import EXTENDED, RESULTS, SMOKE, Repository
from everything import CONFIGURATIONS, add_everything

STUDY = (SMOKE, EXTENDED)
"""Configurations of the study that is killed; by hand, more lies over them."""
# These tell of each run how it went; and the page says how long training took.
OF_THE_RUN = {"logs", "benchmarks", "report.html"}


def contents(results: Path) -> dict[str, str]:
    """Every file that a study made, with a digest of what two runs of it have in common."""
    found = {}
    # A cache between checkouts leaves links to folders.
    paths = (Path(folder, name) for folder, _, names in os.walk(results, followlinks=True) for name in names)
    for path in sorted(paths):
        name = path.relative_to(results)
        if name.parts[0] not in OF_THE_RUN and name.name != ".snakemake_timestamp":
            found[str(name)] = hashlib.sha256(_timeless(path)).hexdigest()
    return found


def _timeless(path: Path) -> bytes:
    """A file without the seconds that something took."""
    if path.name == "curve.parquet":
        return pd.read_parquet(path).drop(columns="seconds").to_csv().encode()
    if path.name == "card.json":
        card = json.loads(path.read_text())
        return json.dumps({key: card[key] for key in card.keys() - {"seconds", "card_sha256"}}, sort_keys=True).encode()
    return path.read_bytes()


def left_over(results: Path) -> list[Path]:
    """Files that a finished study does not have."""
    return [path for path in results.rglob("*") if path.suffix == ".part" or path.name.startswith("checkpoint")]


def differences(results: Path, undisturbed: dict[str, str]) -> list[str]:
    """What a study has otherwise than the undisturbed one; nothing if it has survived."""
    found = contents(results)
    different = [name for name in sorted(found.keys() | undisturbed.keys()) if found.get(name) != undisturbed.get(name)]
    return different + [str(path) for path in left_over(results)]


def list_arguments(*configurations: str) -> tuple[str, ...]:
    """List what Snakemake is given to run a study."""
    return ("--cores", "2", "--configfile", *configurations)


def killed(repository: Repository, due: Callable[[float], bool], configurations: Sequence[str] = STUDY) -> bool:
    """Start a run and kill all of its processes once ``due``, asked with the seconds since the start, says so.

    Returns:
        Whether it was killed; else it had ended by itself.
    """
    # What is killed cannot remove its temporary files.
    with tempfile.TemporaryDirectory() as temporary, (repository.path / "output.txt").open("a") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "snakemake", *list_arguments(*configurations)],
            cwd=repository.path,
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": "", "TMPDIR": temporary},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        start = time.monotonic()
        try:
            while process.poll() is None and not due(time.monotonic() - start):
                time.sleep(0.05)
            ended = process.poll()
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    assert ended in (None, 0), (repository.path / "output.txt").read_text()[-5000:]
    # Jobs are in the group of their Snakemake, so none goes on.
    assert not (outliving := wait_for_end(repository.path)), f"still running: {outliving}"
    return ended is None


def wait_for_end(folder: Path) -> list[str]:
    """Commands of processes that still work in a folder after five seconds: a process may be in its last moments."""
    for _ in range(100):
        if not (found := running(folder)):
            return []
        time.sleep(0.05)
    return found


class After:
    """Due some seconds after the first file of a pattern is there."""

    def __init__(self, folder: Path, pattern: str, seconds: float) -> None:
        self.folder = folder
        self.pattern = pattern
        self.seconds = seconds
        self.begun: float | None = None

    def __call__(self, elapsed: float) -> bool:
        if self.begun is None and any(self.folder.glob(self.pattern)):
            self.begun = elapsed
        return self.begun is not None and elapsed - self.begun > self.seconds


def running(folder: Path) -> list[str]:
    """Commands of processes that work in a folder."""
    commands = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == folder.resolve():
                commands.append(" ".join(process.cmdline()))
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return commands


def again(repository: Repository, configurations: Sequence[str] = STUDY) -> str:
    """What README.md says to do after a run that was killed; returns what the terminal showed."""
    repository.snakemake("--unlock")
    return repository.snakemake(*list_arguments(*configurations)).stdout


def main() -> None:
    """Kill studies that hold every feature at random moments, each several times before it may finish."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("kills", type=int)
    parser.add_argument("--each", type=int, default=10, help="kills of one study, at the most")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rng = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as folder:
        base = Repository.copy(Path(folder, "base"))
        add_everything(base)
        model = Repository.copy(Path(folder, "undisturbed"), base.path)
        start = time.monotonic()
        model.snakemake(*list_arguments(*CONFIGURATIONS))
        seconds = time.monotonic() - start
        undisturbed = contents(model.path / RESULTS)
        print(f"undisturbed: {seconds:.0f} s, {len(undisturbed)} files", flush=True)
        done = survived = study = 0
        while done < given.kills:
            study += 1
            copy = Repository.copy(Path(folder, f"study-{study}"), base.path)
            kills = 0
            while kills < min(given.each, given.kills - done):
                moment = rng.uniform(0, 2 * seconds / given.each)
                if not killed(copy, lambda elapsed, moment=moment: elapsed > moment, CONFIGURATIONS):
                    break
                kills += 1
                jobs = sorted(path.name for path in copy.path.glob(".snakemake/scripts/*"))
                print(f"study {study}: killed after {moment:.1f} s, jobs begun: {len(jobs)}", flush=True)
                copy.snakemake("--unlock")
            again(copy, CONFIGURATIONS)
            found = differences(copy.path / RESULTS, undisturbed)
            done += kills
            survived += 0 if found else kills
            print(f"study {study}: {', '.join(found) or 'the same'}", flush=True)
    print(f"survived {survived} of {done} kills")
    sys.exit(survived < done)


if __name__ == "__main__":
    main()
