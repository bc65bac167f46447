"""Take the power away from a running study at any moment, run it again, look for differences.

By hand, 200 moments, 15 of them to the end:
``PYTHONPATH=workflow/scripts:tests python tests/workflow/power_loss.py 200 15``.
"""

from __future__ import annotations

import argparse
import base64
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from copies import RESULTS, SMOKE, Repository
from journal import Crash, Journal, build_library, prepare, read_journal
from kills import contents, differences, left_over

from asrtransfer.files import tensors
from asrtransfer.files.errors import InputError

RUN = ("--cores", "2", "--configfile", SMOKE)
KINDS = ("killed", "unflushed", "empty", "zeros", "drawn")
"""What is lost: nothing, all that was not flushed, the content of files, that with zeros in its place, or any part."""
LAST = (
    *("selected.parquet", "near-targets", "words", "transcripts/seed-1/seed-2.parquet", "tables", "configuration.json"),
    *("audit.parquet", "audit.html", "report.html", "verdict.txt", "proofread.parquet", "benchmarks"),
)
"""Results of jobs that take seconds: a checkpoint with many files, a transcription, and all that follows."""
HOUR = 3600 * 10**9
Outcome = tuple[str, str, list[str]]
"""Of a trial: its kind, its name, and what went wrong."""


@dataclass(frozen=True)
class Point:
    """A moment of a study, and what its disk loses then.

    Attributes:
        kind: one of KINDS.
        end: number of changes before it.
        seed: draws what is lost.
        ahead: hours that the clock was ahead until half of the changes were made; negative: behind.
    """

    kind: str
    end: int
    seed: int
    ahead: int = 0

    def __str__(self) -> str:
        return f"{self.kind} at {self.end}, seed {self.seed}" + f", clock {self.ahead:+d} h" * bool(self.ahead)


@dataclass(frozen=True)
class Recorded:
    """An undisturbed study, and the journal of its folder.

    Attributes:
        repository: the study, finished.
        base: what was in its folder before; None: what a clone has.
        journal: of its folder.
        undisturbed: contents of its results.
    """

    repository: Repository
    base: Path | None
    journal: Journal
    undisturbed: dict[str, str]

    @classmethod
    def smoke(cls, folder: Path, finished: Path | None = None) -> Recorded:
        """Run the smoke study in a folder that is watched: from the start, or the LAST of a finished one again."""
        if finished is not None:
            remove_last(Repository.copy(folder / "base", finished))
        copy = Repository.copy(folder / "repository", *([folder / "base"] if finished else []))
        environment = prepare(build_library(folder), copy.path, folder / "notes")
        result = run(copy, environment)
        assert result.returncode == 0, result.stdout[-5000:]
        return cls.read(folder)

    @classmethod
    def read(cls, folder: Path) -> Recorded:
        """Read what :meth:`smoke` has left in a folder."""
        copy, base = Repository(folder / "repository"), folder / "base"
        journal = Journal(read_journal(folder / "notes/journal", copy.path))
        return cls(copy, base if base.exists() else None, journal, contents(copy.path / RESULTS))

    def crash(self, point: Point) -> Crash:
        """What a point leaves."""
        if point.kind == "drawn":
            return self.journal.draw(point.end, random.Random(point.seed))
        if point.kind in ("empty", "zeros"):
            return self.journal.lose_content(point.end, zeros=point.kind == "zeros")
        return self.journal.lose_unflushed(point.end) if point.kind == "unflushed" else self.killed(point.end)

    def killed(self, end: int) -> Crash:
        """Nothing is lost."""
        return self.journal.lose_nothing(end)

    def rebuild(self, point: Point, folder: Path) -> Repository:
        """Build the folder of the study as a point leaves it."""
        copy = Repository.copy(folder, *([self.base] if self.base else []))
        half = self.journal.changes[point.end // 2].time
        self.journal.rebuild(self.crash(point), folder, lambda time: time + point.ahead * HOUR * (time < half))
        return copy

    def place_of(self, name: str, changes: int) -> int:
        """The place a number of changes after the first in a folder of the results, or of a file's."""
        begun = next(
            place
            for place, change in enumerate(self.journal.changes)
            if any(path.startswith(f"{RESULTS}/{name}") for path in (change.first, change.second))
        )
        return min(begun + changes, len(self.journal.changes))

    def draw(self, number: int, seed: int, since: str = "") -> Iterator[Point]:
        """Draw moments, each kind in turn: half of them among the changes of the corpus, which are most of all.

        Args:
            number: of them.
            seed: draws them.
            since: a folder or file of the results; moments before it are left out.
        """
        rng = random.Random(seed)
        end = len(self.journal.changes)
        corpus = 1 if since or self.base else self.place_of("models", 0)
        first = self.place_of(since, 0) if since else corpus
        for place in range(number):
            moment = rng.randint(1, corpus) if place % 2 and corpus > 1 else rng.randint(first, end)
            yield Point(KINDS[place % len(KINDS)], moment, seed + place, rng.choice((0, 0, 0, 3, -3)))


def remove_last(repository: Repository) -> None:
    """Take away LAST, and what Snakemake remembers of it."""
    for name in LAST:
        path = repository.path / RESULTS / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for record in (repository.path / ".snakemake/metadata").iterdir():
        if not (repository.path / base64.urlsafe_b64decode(record.name).decode()).exists():
            record.unlink()


def run(repository: Repository, environment: dict[str, str], *targets: str) -> subprocess.CompletedProcess[str]:
    """Run the study, or some files of it, with a disk of a kind."""
    return subprocess.run(
        [sys.executable, "-m", "snakemake", *targets, *RUN],
        cwd=repository.path,
        env=os.environ | environment | {"PYTHONDONTWRITEBYTECODE": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def faults_planned(repository: Repository, undisturbed: dict[str, str]) -> list[str]:
    """What the next run would take as finished and is not as in the undisturbed study; a second instead of minutes.

    Jobs are deterministic: if all that the next run keeps is as it must be, then so is all that it makes.
    """
    results = repository.path / RESULTS
    # Snakemake prints its plan.
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        plan = repository.plan(configfiles=[SMOKE], incomplete=True)
    kept = {str(path.relative_to(results)) for path in plan.kept}

    def is_kept(name: str) -> bool:
        return name in kept or any(str(parent) in kept for parent in Path(name).parents)

    found = contents(results)
    wrong = [name for name in sorted(undisturbed) if is_kept(name) and found.get(name) != undisturbed[name]]
    return wrong + [name for name in sorted(found) if is_kept(name) and name not in undisturbed] + _damaged(results)


def _damaged(results: Path) -> list[str]:
    """Checkpoints that stop a training."""
    damaged = []
    for path in results.glob("models/*/checkpoint*.safetensors"):
        try:
            tensors.read(path, "a checkpoint")
        except InputError as error:
            damaged.append(str(error))
    return damaged


def faults_at_the_end(repository: Repository, undisturbed: dict[str, str]) -> list[str]:
    """Do what docs/troubleshooting.md says after a loss of power; return what went wrong."""
    for arguments in (("--unlock", "--configfile", SMOKE), RUN):
        result = repository.snakemake(*arguments, check=False)
        if result.returncode:
            return [result.stdout[-3000:]]
    return differences(repository.path / RESULTS, undisturbed)


def try_points(
    recorded: Recorded, points: Iterator[Point], judge: Callable[[Repository, dict[str, str]], list[str]]
) -> int:
    """Try points, print how each ends, and return how many failed."""

    def outcomes() -> Iterator[Outcome]:
        with tempfile.TemporaryDirectory() as folder:
            for point in points:
                copy = recorded.rebuild(point, Path(folder, "repository"))
                left = left_over(copy.path / RESULTS)
                yield point.kind, f"{point}: {len(left)} half-made files", judge(copy, recorded.undisturbed)
                shutil.rmtree(copy.path)

    return count_failed(outcomes())


def count_failed(outcomes: Iterable[Outcome]) -> int:
    """Print how each of some trials ends, and how many of each kind survive; return how many failed."""
    tried: Counter[str] = Counter()
    survived: Counter[str] = Counter()
    for kind, name, wrong in outcomes:
        tried[kind] += 1
        survived[kind] += not wrong
        print(f"{name}; {wrong[:3] or 'the same'}", flush=True)
    for kind in tried:
        print(f"{kind}: survived {survived[kind]} of {tried[kind]}")
    return tried.total() - survived.total()


def main() -> None:
    """Take the power away at many moments; most are judged by what would run again, some by running it."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("planned", type=int)
    parser.add_argument("full", type=int)
    parser.add_argument("--since", default="", help="a folder or file of the results: only moments after it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--finished", type=Path, help="folder of a finished smoke study: only its last jobs run again")
    parser.add_argument("--recorded", type=Path, help="folder of an earlier recording, or to keep this one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.recorded or Path(temporary)
        folder.mkdir(exist_ok=True)
        recorded = (
            Recorded.read(folder) if (folder / "notes/journal").exists() else Recorded.smoke(folder, given.finished)
        )
        print(f"{len(recorded.journal.changes)} changes, {len(recorded.undisturbed)} files", flush=True)
        failed = try_points(recorded, recorded.draw(given.planned, given.seed, given.since), faults_planned)
        points = recorded.draw(given.full, given.seed + given.planned, given.since)
        failed += try_points(recorded, points, faults_at_the_end)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
