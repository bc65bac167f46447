"""What an audit has found: a check, what it read, and what failed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pandas as pd

SHOWN = 10
"""Failures that a finding shows."""


@dataclass(frozen=True)
class Finding:
    """One check.

    Attributes:
        stage: whose promise it is.
        check: what must hold.
        count: of the things that were looked at.
        noun: what they are, in the plural.
        failures: what does not hold: a line each.
        skipped: why nothing was looked at; empty where something was.
    """

    stage: str
    check: str
    count: int
    noun: str
    failures: Sequence[str] = ()
    skipped: str = ""

    @property
    def holds(self) -> bool:
        """Whether nothing failed."""
        return not self.failures


@dataclass
class Probe:
    """Collects what one check finds.

    Attributes:
        stage: whose promise it is.
        check: what must hold.
        noun: what is looked at, in the plural.
    """

    stage: str
    check: str
    noun: str
    count: int = 0
    failures: list[str] = field(default_factory=list)

    def look(self, holds: bool, failure: str) -> None:
        """Look at one thing."""
        self.count += 1
        if not holds:
            self.failures.append(failure)

    def finish(self, skipped: str = "") -> Finding:
        """Return the finding."""
        return Finding(self.stage, self.check, self.count, self.noun, self.failures, "" if self.count else skipped)


def as_table(found: Iterable[Finding]) -> pd.DataFrame:
    """Write findings as a table.

    Returns:
        A row a check: stage, check, looked_at (a count), of (what they are), failed (a count), failures (the first ten,
        a line each), skipped.
    """
    rows = [
        {
            "stage": one.stage,
            "check": one.check,
            "looked_at": one.count,
            "of": one.noun,
            "failed": len(one.failures),
            "failures": "\n".join(one.failures[:SHOWN]),
            "skipped": one.skipped,
        }
        for one in found
    ]
    return pd.DataFrame(rows)


def describe(found: Iterable[Finding]) -> str:
    """Write findings for people: a line a check, failures below it, and a last line that counts."""
    found = list(found)
    lines = []
    for one in found:
        state = "FAILS" if one.failures else "not checked" if one.skipped else "holds"
        lines.append(f"{state:11} {one.stage}: {one.check} ({one.skipped or f'{one.count} {one.noun}'})")
        lines += [f"{'':11}   {failure}" for failure in one.failures[:SHOWN]]
        if len(one.failures) > SHOWN:
            lines.append(f"{'':11}   and {len(one.failures) - SHOWN} more")
    failed, skipped = sum(not one.holds for one in found), sum(bool(one.skipped) for one in found)
    lines.append(f"audit: {len(found)} checks, {failed} fail, {skipped} had nothing to look at")
    return "\n".join(lines) + "\n"
