"""Let the disk of a running study fail at any moment, run the study again, look for differences.

By hand, 50 moments: ``PYTHONPATH=workflow/scripts:tests python tests/workflow/failing_disks.py 50``.
"""

from __future__ import annotations

import argparse
import errno
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from copies import RESULTS, Repository
from journal import count, prepare
from kills import differences
from power_loss import RUN, Outcome, Recorded, count_failed, run

FAILURES = {"full": errno.ENOSPC, "quota": errno.EDQUOT, "read-only": errno.EROFS, "clock": 0}
"""What happens to the disk, or to the clock; a disk that becomes read-only refuses removals and renames, too."""


@dataclass(frozen=True)
class Fault:
    """When the disk of a study fails, and how.

    Attributes:
        kind: one of FAILURES.
        after: bytes written before it, or changes made.
        hours: by which the clock jumps; negative: back.
    """

    kind: str
    after: int
    hours: int = 0

    @property
    def settings(self) -> dict[str, object]:
        """What ``disk.c`` is told."""
        counted = {} if self.kind in ("full", "quota") else {"counts": "changes"}
        how = {"clock": 3600 * self.hours} if self.kind == "clock" else {"error": FAILURES[self.kind]}
        return {"after": self.after, **counted, **how}

    def __str__(self) -> str:
        unit = "changes" if "counts" in self.settings else "bytes"
        return f"{self.kind}{f' {self.hours:+d} h' if self.hours else ''} after {self.after} {unit}"


@dataclass(frozen=True)
class Watched:
    """An undisturbed study, and what its disk did meanwhile.

    Attributes:
        base: the study before it was run.
        library: lets a disk fail.
        undisturbed: contents of its results.
        written: bytes.
        changes: number of them.
    """

    base: Repository
    library: Path
    undisturbed: dict[str, str]
    written: int
    changes: int

    @classmethod
    def read(cls, folder: Path) -> Watched:
        """Read what :meth:`power_loss.Recorded.smoke` has left in a folder."""
        recorded = Recorded.read(folder)
        _, written, changes = count(folder / "notes")
        base = Repository(recorded.base) if recorded.base else Repository.copy(folder / "clone")
        return cls(base, folder / "disk.so", recorded.undisturbed, written, changes)

    def draw(self, number: int, seed: int) -> Iterator[Fault]:
        """Draw faults, each kind in turn."""
        rng = random.Random(seed)
        for place in range(number):
            kind = list(FAILURES)[place % len(FAILURES)]
            most = self.written if kind in ("full", "quota") else self.changes
            yield Fault(kind, rng.randrange(most), rng.choice((-30, -2, 2, 30)) if kind == "clock" else 0)

    def try_faults(self, faults: Iterator[Fault]) -> Iterator[Outcome]:
        """Try faults, each in a copy of the study."""
        for fault in faults:
            with tempfile.TemporaryDirectory() as folder:
                yield fault.kind, str(fault), self.judge(fault, Path(folder))

    def judge(self, fault: Fault, folder: Path) -> list[str]:
        """What goes wrong: while the disk fails, or when the study runs again on a sound one."""
        copy = Repository.copy(folder / "repository", self.base.path)
        result = run(copy, prepare(self.library, copy.path, folder / "notes", **fault.settings))
        wrong = [] if fault.kind == "clock" else self._misses(fault, result.returncode, result.stdout)
        copy.snakemake("--unlock", check=False)
        repeated = copy.snakemake(*RUN, check=False)
        if repeated.returncode:
            return [*wrong, repeated.stdout[-3000:]]
        return wrong + differences(copy.path / RESULTS, self.undisturbed)

    def _misses(self, fault: Fault, code: int, printed: str) -> list[str]:
        """What the user is not told: that the run has failed, and why."""
        if code == 0:
            return ["the run counts as finished"]
        reason = os.strerror(FAILURES[fault.kind])
        return [] if reason in printed else [f"the terminal does not say {reason!r}: {printed[-2000:]}"]


def main() -> None:
    """Let the disk fail at many moments, and run each study again on a sound one."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("faults", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--finished", type=Path, help="folder of a finished smoke study: only its last jobs run again")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        Recorded.smoke(Path(folder), given.finished)
        watched = Watched.read(Path(folder))
        print(f"{watched.written} bytes, {watched.changes} changes, {len(watched.undisturbed)} files", flush=True)
        failed = count_failed(watched.try_faults(watched.draw(given.faults, given.seed)))
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
