"""What a quick look has found: counted, in words, as JSON, and as a page."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asrtransfer.files.whole import replace_file
from asrtransfer.report.words import NO_VERDICT, many, percent, write_limits
from asrtransfer.statistics.bounds import clopper_pearson, one_sided

LEVEL = 0.95
"""Of confidence, of every interval."""
RELATIONS = {"self": "itself", "twin": "equal weights", "other": "another recogniser"}
"""What a remote is to the surrogate."""
CONTROLS = ("clean", "shuffled", "moved", "noise")
"""Audio that should not be heard as the phrase: see :mod:`asrtransfer.hearing.controls`."""


@dataclass(frozen=True)
class Pair:
    """A surrogate and a remote.

    Attributes:
        surrogate: for whom the samples were made.
        remote: who listens.
        relation: a value of :data:`RELATIONS`.
        hearings: of samples.
        transfers: hearings as the phrase.
        utterances: with a sample; the unit of the interval.
        utterances_hit: with a transfer.
        lower, upper: two-sided exact limits of the share of utterances, 0..1.
        bound: one-sided limit where all utterances agree; None where they do not, or there are none.
        controls: hearings of audio that should not carry the phrase.
        controls_hit: of these, those heard as the phrase.
    """

    surrogate: str
    remote: str
    relation: str
    hearings: int
    transfers: int
    utterances: int
    utterances_hit: int
    lower: float
    upper: float
    bound: float | None
    controls: int
    controls_hit: int


@dataclass(frozen=True)
class Check:
    """A positive control: hearings that must be as meant, and how many are."""

    name: str
    right: int
    checked: int

    @property
    def passed(self) -> bool:
        """Whether all are right."""
        return self.right == self.checked


@dataclass(frozen=True)
class Look:
    """A quick look.

    Attributes:
        phrase: what the surrogates should hear.
        attack: its label.
        confidence: of the attack.
        clean: the utterances by name, int16 (samples,), 16 kHz.
        recognisers: names.
        surrogates: names of those attacked.
        arms: by surrogate and recogniser, a key of :data:`RELATIONS`.
        attempts: one row a sample, or an utterance without; the columns of :data:`asrtransfer.attacks.samples.SCHEMA`.
        hearings: one row a hearing; the columns of :data:`asrtransfer.hearing.transfer.SCHEMA`, of which those about
            the true text are empty of meaning, since nobody has said what the utterances say.
    """

    phrase: str
    attack: str
    confidence: str
    clean: Mapping[str, NDArray[np.int16]]
    recognisers: list[str]
    surrogates: list[str]
    arms: Mapping[tuple[str, str], str]
    attempts: pd.DataFrame
    hearings: pd.DataFrame

    @property
    def samples(self) -> pd.DataFrame:
        """The attempts that left a sample."""
        return self.attempts[self.attempts["status"] == "sample"]

    @property
    def pairs(self) -> list[Pair]:
        """Every surrogate with every recogniser."""
        return [self._count(surrogate, remote) for surrogate in self.surrogates for remote in self.recognisers]

    @property
    def checks(self) -> list[Check]:
        """The positive controls: samples heard by their own surrogate, and by recognisers with equal weights."""
        heard = self.hearings[self.hearings["kind"] == "adversarial"]
        own, twin = heard[heard["arm"] == "self"], heard[heard["arm"] == "twin"]
        found = [Check("samples heard as the phrase by their own surrogate", int(own["hit"].sum()), len(own))]
        if len(twin):
            right = int(twin["hit"].sum())
            found.append(Check("samples heard as the phrase by a recogniser with equal weights", right, len(twin)))
        return found

    @property
    def others(self) -> Pair:
        """All hearings by other recognisers together; an utterance hits if any of them transfers."""
        return self._sum(self.hearings[self.hearings["arm"] == "other"], "all", "all", "other")

    @property
    def verdict(self) -> tuple[str, str]:
        """The result in two sentences."""
        broken = [check for check in self.checks if not check.passed]
        if broken:
            return (
                NO_VERDICT,
                f"Only {broken[0].right} of {broken[0].checked} {broken[0].name}.",
            )
        if self.samples.empty:
            return "The attack left no sample: this look says nothing about transfer.", self._write_attempts()
        if not self.others.hearings:
            return "No other recogniser listened: this look says nothing about transfer.", self._write_attempts()
        some = "Some samples are" if self.others.transfers else "No sample is"
        count = f"{self.others.transfers} of {many(self.others.hearings, 'hearing')}"
        return (
            f"{some} heard as “{self.phrase}” by another recogniser: {count}, {write_units(self.others)}.",
            self._write_attempts(),
        )

    def _write_attempts(self) -> str:
        reached = self.samples[["surrogate", "utterance_id"]].drop_duplicates()
        tried = self.attempts[["surrogate", "utterance_id"]].drop_duplicates()
        return f"{self.attack} reached the phrase in {len(reached)} of {many(len(tried), 'attempt')}."

    def __str__(self) -> str:
        return self.text()

    def text(self) -> str:
        """Write the result in lines for a terminal."""
        lines = [*self.verdict, ""]
        width = max(len(f"{pair.surrogate} -> {pair.remote}") for pair in self.pairs)
        for pair in self.pairs:
            ends = f"{pair.surrogate} -> {pair.remote}"
            lines.append(f"{ends:{width}}  {write_pair(pair)}")
        lines += ["", *(f"{check.right} of {check.checked} {check.name}" for check in self.checks)]
        others = self.others
        lines.append(
            f"{others.controls_hit} of {others.controls} controls (clean, shuffled, moved, noise) heard as the phrase "
            "by another recogniser"
        )
        lines.append(f"intervals: exact, at {percent(LEVEL)} confidence; the unit is the utterance")
        return "\n".join(lines) + "\n"

    def json(self) -> str:
        """Write the result as JSON: counts, checks, attempts without audio, and hearings."""
        content = {
            "phrase": self.phrase,
            "attack": self.attack,
            "confidence": self.confidence,
            "level": LEVEL,
            "unit": "utterance",
            "verdict": " ".join(self.verdict),
            "checks": [asdict(check) | {"passed": check.passed} for check in self.checks],
            "others": asdict(self.others),
            "pairs": [asdict(pair) for pair in self.pairs],
            "attempts": _list_rows(self.attempts, ATTEMPT_COLUMNS),
            "hearings": _list_rows(self.hearings, HEARING_COLUMNS),
        }
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def html(self) -> str:
        """Write the result as one page that loads nothing, with the samples to hear."""
        from asrtransfer.quick.page import render

        return render(self)

    def write(self, folder: Path | str) -> None:
        """Write ``look.txt``, ``look.json`` and ``look.html`` into a folder, which is made if it does not exist."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        for suffix, content in (("txt", self.text()), ("json", self.json()), ("html", self.html())):
            replace_file(Path(folder, f"look.{suffix}"), content.encode())

    def _count(self, surrogate: str, remote: str) -> Pair:
        rows = self.hearings[(self.hearings["surrogate"] == surrogate) & (self.hearings["remote"] == remote)]
        return self._sum(rows, surrogate, remote, self.arms[surrogate, remote])

    def _sum(self, rows: pd.DataFrame, surrogate: str, remote: str, arm: str) -> Pair:
        heard = rows[rows["kind"] == "adversarial"]
        beside = rows[rows["kind"].isin(CONTROLS)]
        by_utterance = heard.groupby("utterance_id")["hit"].any()
        units, hits = len(by_utterance), int(by_utterance.sum())
        limits = clopper_pearson(hits, units, LEVEL)
        return Pair(
            surrogate,
            remote,
            RELATIONS[arm],
            len(heard),
            int(heard["hit"].sum()),
            units,
            hits,
            *limits,
            one_sided(hits, units, LEVEL),
            len(beside),
            int(beside["hit"].sum()),
        )


ATTEMPT_COLUMNS = ["surrogate", "utterance_id", "status", "iteration", "k1", "best_loss", "linf", "bound", "snr_db"]
HEARING_COLUMNS = ["surrogate", "remote", "utterance_id", "iteration", "kind", "texts", "rank", "hit", "cer_target"]


def write_pair(pair: Pair) -> str:
    """Write what a remote makes of a surrogate's samples."""
    if not pair.hearings:
        return f"{pair.relation}: no sample"
    return f"{pair.relation}: {pair.transfers} of {many(pair.hearings, 'hearing')}, {write_units(pair)}"


def write_units(pair: Pair) -> str:
    """Write the utterances with a transfer, and what share of utterances they allow."""
    limits = write_limits(pair.utterances_hit, pair.lower, pair.upper, pair.bound)
    return f"{pair.utterances_hit} of {many(pair.utterances, 'utterance')} ({limits})"


def _list_rows(frame: pd.DataFrame, columns: list[str]) -> list[dict[str, Any]]:
    return [{name: _plain(value) for name, value in row.items()} for row in frame[columns].to_dict("records")]  # type: ignore[misc]


def _plain(value: Any) -> Any:
    """The value as JSON has it: None for what is missing or not finite."""
    if isinstance(value, np.ndarray | list):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return int(value) if value.is_integer() else value
    return value
