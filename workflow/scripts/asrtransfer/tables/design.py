"""What a study set out to do: the rows that its tables must have, even where nothing was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from asrtransfer.statistics.published import Published

ARMS = ("self", "twin", "seed", "ulp", "native", "data", "tuned", "shares", "channel", "family")
STRANGERS = ("seed", "family")
"""Arms whose remotes share no training with the surrogate."""
KINDS = ("adversarial", "clean", "shuffled", "moved", "noise", "spoken")
CONFIDENCES = ("low", "high")
"""Confidences that come first, in this order; others follow in the order of the jobs."""
TARGET_KINDS = ("phrase", "near", "words")
POOLED = "all"
"""In a column attack or confidence: all of them together."""

SAMPLE = ["attack", "surrogate", "target", "confidence", "utterance_id", "iteration"]
"""What names a stored sample."""


@dataclass(frozen=True)
class Settings:
    """How results are counted.

    Attributes:
        confidence_level: of every interval.
        margin: share of utterances below which transfer is called absent, and difference below which shares are equal.
        resamples: of the bootstrap.
        seed: of the resamples.
    """

    confidence_level: float
    margin: float
    resamples: int
    seed: int


@dataclass(frozen=True)
class Attack:
    """One attack of the study.

    Attributes:
        label: its name as people read it.
        thresholds: by confidence, what K1 must exceed; None: nothing.
        phrases: by target, the text; near targets are left out.
        published: what an earlier study published about it, if anything.
        settings: by confidence, the values of the keys that any confidence overrides.
        judges: models that had to hear a target before a sample counted; none hears the attack's samples.
    """

    label: str
    thresholds: Mapping[str, float | None]
    phrases: Mapping[str, str]
    published: Published | None
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    judges: Sequence[str] = ()

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Attack:
        """Build from builtin values."""
        published = plain["published"]
        return cls(**{**plain, "published": None if published is None else Published.from_dict(published)})

    def find_threshold(self, confidence: str) -> float | None:
        """Return the threshold of a confidence; where it has none, the attack's highest; None without any."""
        known = [threshold for threshold in self.thresholds.values() if threshold is not None]
        return self.thresholds.get(confidence) or max(known, default=None)


@dataclass(frozen=True)
class Target:
    """One target: ``phrase`` (one text for all utterances), ``near`` (the surrogate's own text of a ``rank``), or
    ``words`` (the truth with some words changed)."""

    kind: str
    rank: int | None


@dataclass(frozen=True)
class Model:
    """One recogniser.

    Attributes:
        family: of recognisers.
        base: the model that it is an arm of; a model that is no arm is its own base.
        seed: of the training; None if the model was loaded.
        arm: ``none``, ``twin``, ``ulp``, ``native``, ``data``, ``tuned`` or ``shares``.
        rung: of ``tuned`` and ``shares``, the arm and how much, such as ``shares-2``, and with a channel that, such as
            ``twin@phone``; empty for others.
        common: what a rung has in common with the model that it was made from, in words.
        place: among the rungs of its arm.
        channel: through which it hears; empty if nothing lies between.
        source: the model that hears at the end of the channel; empty without one.
    """

    family: str
    base: str
    seed: int | None
    arm: str
    rung: str = ""
    common: str = ""
    place: int = 0
    channel: str = ""
    source: str = ""


@dataclass(frozen=True)
class Design:
    """A study as its configuration describes it. The order of each mapping is the order in tables.

    Attributes:
        kind: ``grid`` (every surrogate attacks every utterance for every target) or ``balanced`` (one surrogate an
            utterance, and one phrase for each attack).
        jobs: (attack, surrogate, target, confidence) of every attack job.
        hearings: (surrogate, remote, arm).
        attacks: by name.
        targets: by name.
        models: by name.
        surrogates: by name, the models that the surrogate consists of.
        settings: how results are counted.
    """

    kind: str
    jobs: Sequence[Sequence[str]]
    hearings: Sequence[Sequence[str]]
    attacks: Mapping[str, Attack]
    targets: Mapping[str, Target]
    models: Mapping[str, Model]
    surrogates: Mapping[str, Sequence[str]]
    settings: Settings

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Design:
        """Build from builtin values, as a configuration file or a job's parameters hold them."""
        return cls(
            kind=plain["kind"],
            jobs=plain["jobs"],
            hearings=plain["hearings"],
            attacks={name: Attack.from_dict(attack) for name, attack in plain["attacks"].items()},
            targets={name: Target(**target) for name, target in plain["targets"].items()},
            models={name: Model(**model) for name, model in plain["models"].items()},
            surrogates=plain["surrogates"],
            settings=Settings(**plain["settings"]),
        )

    @property
    def arms(self) -> list[str]:
        """Arms that the study has, in the order of :data:`ARMS`."""
        return [arm for arm in ARMS if any(arm == hearing[2] for hearing in self.hearings)]

    @property
    def confidences(self) -> list[str]:
        """Confidences that the study has, from the lowest to the highest of :data:`CONFIDENCES`, then others."""
        found = dict.fromkeys(job[3] for job in self.jobs)
        return [*(name for name in CONFIDENCES if name in found), *(name for name in found if name not in CONFIDENCES)]

    def find_near_target(self, rank: int) -> str | None:
        """Return the name of the near target of a rank, or None if the study has none."""
        near = (name for name, target in self.targets.items() if target.kind == "near" and target.rank == rank)
        return next(near, None)

    def find_source(self, model: str) -> str:
        """Return the model whose weights and card a model has: of one with a channel, that at its end."""
        return self.models[model].source or model

    def has_own_weights(self, surrogate: str, remote: str, weights: Mapping[str, str]) -> bool:
        """Return whether a remote has the weights of any member of the surrogate.

        Args:
            surrogate: the name.
            remote: the name.
            weights: by model, the hash.
        """
        return weights[remote] in {weights[member] for member in self.surrogates[surrogate]}

    @cached_property
    def categories(self) -> dict[str, pd.CategoricalDtype]:
        """Ordered categories of the columns that name things, so that sorting gives the design's order."""
        columns = {
            "attack": [POOLED, *self.attacks],
            "surrogate": self.surrogates,
            "remote": self.models,
            "target": self.targets,
            "confidence": [POOLED, *self.confidences],
            "arm": ARMS,
            "kind": KINDS,
            "target_kind": TARGET_KINDS,
        }
        return {name: pd.CategoricalDtype(list(values), ordered=True) for name, values in columns.items()}

    def typed(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the same rows with this design's categories."""
        return frame.astype({name: dtype for name, dtype in self.categories.items() if name in frame})

    @cached_property
    def job_table(self) -> pd.DataFrame:
        """One row a job: attack, surrogate, target, confidence, target_kind."""
        table = pd.DataFrame([list(job) for job in self.jobs], columns=SAMPLE[:4])
        kinds = {name: target.kind for name, target in self.targets.items()}
        return self.typed(table.assign(target_kind=table["target"].map(kinds)))

    @cached_property
    def expected(self) -> pd.DataFrame:
        """One row a job and remote: the columns of :attr:`job_table`, remote, arm."""
        heard = self.typed(pd.DataFrame([list(row) for row in self.hearings], columns=["surrogate", "remote", "arm"]))
        every = self.job_table.merge(heard, on="surrogate")
        judged = {(name, judge) for name, attack in self.attacks.items() for judge in attack.judges}
        pairs = zip(every["attack"], every["remote"], strict=True)
        return every[[pair not in judged for pair in pairs]].reset_index(drop=True)
