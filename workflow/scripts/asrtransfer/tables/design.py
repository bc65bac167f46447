"""What a study set out to do: the rows that its tables must have, whether or not anything came of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

ARMS = ("self", "twin", "seed", "ulp", "native")
KINDS = ("adversarial", "clean", "shuffled", "moved", "noise")
CONFIDENCES = ("low", "high")
TARGET_KINDS = ("phrase", "near")
POOLED = "all"
"""In a column attack or confidence: all of them together."""

SAMPLE = ["attack", "surrogate", "target", "confidence", "utterance_id", "iteration"]
"""What names a stored sample."""


@dataclass(frozen=True)
class Settings:
    """How results are counted: level of every interval, resamples of the bootstrap and their seed."""

    confidence_level: float = 0.95
    resamples: int = 2000
    seed: int = 0


@dataclass(frozen=True)
class Design:
    """A study as its configuration has it.

    Attributes:
        jobs: (attack, surrogate, target, confidence) of every attack job, in the order wanted in tables. A
            target ``rank-k`` is a near target, any other one a phrase.
        hearings: (surrogate, remote, arm).
        phrases: by attack, the phrase behind each target that is no near target.
        thresholds: by attack, what a confidence must exceed to be called high.
        models: every model.
        settings: how results are counted.
    """

    jobs: Sequence[Sequence[str]]
    hearings: Sequence[Sequence[str]]
    phrases: Mapping[str, Mapping[str, str]]
    thresholds: Mapping[str, float]
    models: Sequence[str]
    settings: Settings

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Design:
        """Build from builtin values, as a configuration file or a job's parameters hold them."""
        return cls(**{**plain, "settings": Settings(**plain["settings"])})

    @property
    def attacks(self) -> list[str]:
        """Attacks, in order."""
        return list(dict.fromkeys(job[0] for job in self.jobs))

    @property
    def arms(self) -> list[str]:
        """Arms that the study has, in the order of :data:`ARMS`."""
        return [arm for arm in ARMS if any(arm == hearing[2] for hearing in self.hearings)]

    @cached_property
    def categories(self) -> dict[str, pd.CategoricalDtype]:
        """Ordered categories of the columns that name things, so that sorting gives the design's order."""
        columns = {
            "attack": [POOLED, *self.attacks],
            "surrogate": self.models,
            "remote": self.models,
            "target": list(dict.fromkeys(job[2] for job in self.jobs)),
            "confidence": [POOLED, *CONFIDENCES],
            "arm": ARMS,
            "kind": KINDS,
            "target_kind": TARGET_KINDS,
        }
        return {name: pd.CategoricalDtype(list(values), ordered=True) for name, values in columns.items()}

    def typed(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The same rows with this design's categories."""
        return frame.astype({name: dtype for name, dtype in self.categories.items() if name in frame})

    @cached_property
    def job_table(self) -> pd.DataFrame:
        """One row a job: attack, surrogate, target, confidence, target_kind."""
        table = pd.DataFrame([list(job) for job in self.jobs], columns=SAMPLE[:4])
        return self.typed(table.assign(target_kind=target_kinds(table["target"])))

    @cached_property
    def expected(self) -> pd.DataFrame:
        """One row a job and remote: the columns of :attr:`job_table`, remote, arm."""
        heard = self.typed(pd.DataFrame([list(row) for row in self.hearings], columns=["surrogate", "remote", "arm"]))
        return self.job_table.merge(heard, on="surrogate")


def target_kinds(targets: pd.Series) -> pd.Series:
    """``near`` for rank-k, else ``phrase``."""
    return targets.astype(str).str.startswith("rank-").map({True: "near", False: "phrase"})
