"""The table of paired tests: two conditions on the same utterance, surrogate and remote."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pandas as pd

from asrtransfer.statistics import paired as statistics
from asrtransfer.tables import counting
from asrtransfer.tables.counting import Outcome
from asrtransfer.tables.design import POOLED, Design
from asrtransfer.tables.results import Results

MATCH = ["surrogate", "remote", "utterance_id"]
OUTCOMES: dict[Outcome, str] = {"hit": "transfer", "top_ten": "top ten"}
COLUMNS = [
    *["comparison", "first", "second", "outcome", "arm", "attack", "confidence", "target"],
    *["pairs", "both", "only_first", "only_second", "neither", "first_share", "second_share"],
    *[
        "difference",
        "difference_lower",
        "difference_upper",
        "p_value",
        "odds_ratio",
        "odds_lower",
        "odds_upper",
    ],
]


def paired(results: Results, design: Design) -> pd.DataFrame:
    """Matched hearings of primary samples; unit: (surrogate, remote, utterance), for phrases also the phrase.

    Comparisons: ``confidence`` (high, low), ``rank`` (each near target and the next less likely one),
    ``attack`` (cw, pgd; phrases), ``perturbation`` (adversarial, clean). Left out are pairs in
    which one side has no sample, and the arms self and twin, which hear everything as meant.
    """
    rows = results.hearings[results.hearings["primary"]]
    heard = counting.adversarial(rows)
    sides = [
        *_confidences(heard, design),
        *_ranks(heard, design),
        *_attacks(heard, design),
        *_clean(rows, design),
    ]
    table = []
    for labels, first, second in sides:
        for arm in [name for name in design.arms if name not in ("self", "twin")]:
            for outcome, name in OUTCOMES.items():
                ends = counting.selected(first, arm=arm), counting.selected(second, arm=arm)
                table.append(labels | {"outcome": name, "arm": arm} | _compared(*ends, outcome, design))
    return pd.DataFrame(table, columns=COLUMNS)


Side = tuple[dict[str, str], pd.DataFrame, pd.DataFrame]


def _labels(comparison: str, first: str, second: str, attack: str, confidence: str, target: str) -> dict[str, str]:
    return {
        "comparison": comparison,
        "first": first,
        "second": second,
        "attack": attack,
        "confidence": confidence,
        "target": target,
    }


def _targets(design: Design, attack: str) -> list[tuple[str, dict[str, str]]]:
    """An attack's near targets one by one, and its phrases together."""
    jobs = counting.selected(design.job_table, attack=attack)
    near = jobs.loc[jobs["target_kind"] == "near", "target"].unique()
    found = [(str(target), {"target": str(target)}) for target in near]
    return [*found, ("phrases", {"target_kind": "phrase"})] if (jobs["target_kind"] == "phrase").any() else found


def _has(design: Design, attack: str, confidence: str) -> bool:
    return not counting.selected(design.job_table, attack=attack, confidence=confidence).empty


def _confidences(heard: pd.DataFrame, design: Design) -> Iterator[Side]:
    for attack in design.attacks:
        if _has(design, attack, "high") and _has(design, attack, "low"):
            for name, where in _targets(design, attack):
                rows = counting.selected(heard, attack=attack, **where)
                labels = _labels("confidence", "high", "low", attack, POOLED, name)
                yield labels, *(counting.selected(rows, confidence=one) for one in ("high", "low"))  # type: ignore[misc]


def _ranks(heard: pd.DataFrame, design: Design) -> Iterator[Side]:
    for attack in design.attacks:
        near = [name for name, _ in _targets(design, attack) if name != "phrases"]
        for first, second in pairwise(sorted(near, key=lambda name: int(name.removeprefix("rank-")))):
            for confidence in ("low", "high"):
                if _has(design, attack, confidence):
                    rows = counting.selected(heard, attack=attack, confidence=confidence)
                    # The target names the sides here, so it must not be matched.
                    ends = [rows[rows["target"] == name].drop(columns="target") for name in (first, second)]
                    yield _labels("rank", first, second, attack, confidence, "near"), ends[0], ends[1]


def _attacks(heard: pd.DataFrame, design: Design) -> Iterator[Side]:
    rows = counting.selected(heard, target_kind="phrase")
    for first, second in pairwise(design.attacks):
        for confidence in ("low", "high"):
            if _has(design, first, confidence) and _has(design, second, confidence):
                ends = [counting.selected(rows, attack=name, confidence=confidence) for name in (first, second)]
                yield _labels("attack", first, second, POOLED, confidence, "phrases"), ends[0], ends[1]


def _clean(rows: pd.DataFrame, design: Design) -> Iterator[Side]:
    for attack in design.attacks:
        for confidence in ("low", "high"):
            if _has(design, attack, confidence):
                for name, where in _targets(design, attack):
                    part = counting.selected(rows, attack=attack, confidence=confidence, **where)
                    ends = [counting.selected(part, kind=kind) for kind in ("adversarial", "clean")]
                    labels = _labels("perturbation", "adversarial", "clean", attack, confidence, name)
                    yield labels, ends[0], ends[1]


def matched(first: pd.DataFrame, second: pd.DataFrame, outcome: Outcome) -> pd.DataFrame:
    """Hearings that both sides have: the columns that match them (:data:`MATCH`, target), first, second."""
    keys = [name for name in (*MATCH, "target") if name in first and name in second]
    ends = [
        part[[*keys, outcome]].rename(columns={outcome: name}) for part, name in ((first, "first"), (second, "second"))
    ]
    return ends[0].merge(ends[1], on=keys, validate="one_to_one")


def _compared(first: pd.DataFrame, second: pd.DataFrame, outcome: Outcome, design: Design) -> dict[str, object]:
    pairs = matched(first, second, outcome)
    settings = design.settings
    found = statistics.compare(
        pairs["first"],
        pairs["second"],
        pairs["utterance_id"].cat.codes,
        pairs["surrogate"].cat.codes,
        level=settings.confidence_level,
        resamples=settings.resamples,
        seed=settings.seed,
    )
    return {
        "pairs": found.units,
        "both": found.both,
        "only_first": found.only_first,
        "only_second": found.only_second,
        "neither": found.neither,
        "first_share": counting.share(found.both + found.only_first, found.units),
        "second_share": counting.share(found.both + found.only_second, found.units),
        "difference": found.difference,
        "difference_lower": found.interval.lower,
        "difference_upper": found.interval.upper,
        "p_value": found.p_value,
        "odds_ratio": found.odds_ratio,
        "odds_lower": found.odds_interval.lower,
        "odds_upper": found.odds_interval.upper,
    }
