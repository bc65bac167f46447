"""Paired tests: two conditions on the same utterance, surrogate and remote."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise

import numpy as np
import pandas as pd

from asrtransfer.statistics import paired as statistics
from asrtransfer.tables import counting
from asrtransfer.tables.counting import Outcome
from asrtransfer.tables.design import POOLED, Design, Settings
from asrtransfer.tables.results import Results

MATCH = ["surrogate", "remote", "utterance_id"]
OUTCOMES: dict[Outcome, str] = {"hit": "transfer", "top_ten": "top ten"}
PHRASES = "phrases"
"""In the column target: all phrases together."""
NEAR = "near"
"""In the column target, where the ranks are the sides: near targets."""
COLUMNS = [
    *["comparison", "first", "second", "outcome", "arm", "attack", "confidence", "target"],
    *["utterances", "pairs", "both", "only_first", "only_second", "neither", "first_share", "second_share"],
    *["difference", "difference_lower", "difference_upper", "difference_least", "difference_most"],
    *["p_value", "odds_ratio", "odds_lower", "odds_upper"],
]


def paired(results: Results, design: Design) -> pd.DataFrame:
    """Compare matched hearings of primary samples; unit: (surrogate, remote, utterance), for phrases also the phrase.

    Comparisons: ``confidence`` (each one and the one below it, and those that a published claim compares), ``rank``
    (each near target and the next less likely one), ``attack`` (each pair of attacks; phrases), ``perturbation``
    (adversarial, clean). Left out are units in which one side has no sample, and the arms self and twin, which hear
    everything as meant.
    """
    rows = results.hearings[results.hearings["primary"]]
    heard = counting.adversarial(rows)
    sides = [
        *_pair_confidences(heard, design),
        *_pair_ranks(heard, design),
        *_pair_attacks(heard, design),
        *_pair_with_clean(rows, design),
    ]
    table = []
    for labels, first, second in sides:
        for arm in [name for name in design.arms if name not in ("self", "twin")]:
            for outcome, name in OUTCOMES.items():
                ends = counting.selected(first, arm=arm), counting.selected(second, arm=arm)
                table.append(labels | {"outcome": name, "arm": arm} | _compare(*ends, outcome, design))
    return pd.DataFrame(table, columns=COLUMNS)


Side = tuple[dict[str, str], pd.DataFrame, pd.DataFrame]


def _label(comparison: str, first: str, second: str, attack: str, confidence: str, target: str) -> dict[str, str]:
    return {
        "comparison": comparison,
        "first": first,
        "second": second,
        "attack": attack,
        "confidence": confidence,
        "target": target,
    }


def _list_near_targets(design: Design, attack: str) -> list[str]:
    """List an attack's near targets, by rank."""
    near = counting.selected(design.job_table, attack=attack, target_kind="near")["target"].unique()
    return sorted(near, key=lambda name: design.targets[name].rank or 0)


def _list_targets(design: Design, attack: str) -> list[tuple[str, dict[str, str]]]:
    """List the targets that are utterances' own one by one, then phrases together: name and columns to select by."""
    jobs = counting.selected(design.job_table, attack=attack)
    own = jobs.loc[jobs["target_kind"] != "phrase", "target"].unique()
    found = [(str(target), {"target": str(target)}) for target in own]
    return [*found, (PHRASES, {"target_kind": "phrase"})] if (jobs["target_kind"] == "phrase").any() else found


def _has_jobs(design: Design, attack: str, confidence: str) -> bool:
    return not counting.selected(design.job_table, attack=attack, confidence=confidence).empty


def _pair_confidences(heard: pd.DataFrame, design: Design) -> Iterator[Side]:
    for attack in design.attacks:
        for low, high in _list_steps(design, attack):
            for name, where in _list_targets(design, attack):
                rows = counting.selected(heard, attack=attack, **where)
                ends = [counting.selected(rows, confidence=one) for one in (high, low)]
                yield _label("confidence", high, low, attack, POOLED, name), ends[0], ends[1]


def _list_steps(design: Design, attack: str) -> list[tuple[str, str]]:
    """List each confidence of an attack with the next higher one, then the published pairs that others part."""
    own = [name for name in design.confidences if _has_jobs(design, attack, name)]
    published = design.attacks[attack].published
    known = [name for name in (published.confidences if published else []) if name in own]
    return list(dict.fromkeys([*pairwise(own), *pairwise(known)]))


def _pair_ranks(heard: pd.DataFrame, design: Design) -> Iterator[Side]:
    for attack in design.attacks:
        for first, second in pairwise(_list_near_targets(design, attack)):
            for confidence in design.confidences:
                if _has_jobs(design, attack, confidence):
                    rows = counting.selected(heard, attack=attack, confidence=confidence)
                    # The target names the sides here, so it must not be matched.
                    ends = [rows[rows["target"] == name].drop(columns="target") for name in (first, second)]
                    yield _label("rank", first, second, attack, confidence, NEAR), ends[0], ends[1]


def _pair_attacks(heard: pd.DataFrame, design: Design) -> Iterator[Side]:
    rows = counting.selected(heard, target_kind="phrase")
    for first, second in combinations(design.attacks, 2):
        for confidence in design.confidences:
            if _has_jobs(design, first, confidence) and _has_jobs(design, second, confidence):
                ends = [counting.selected(rows, attack=name, confidence=confidence) for name in (first, second)]
                yield _label("attack", first, second, POOLED, confidence, PHRASES), ends[0], ends[1]


def _pair_with_clean(rows: pd.DataFrame, design: Design) -> Iterator[Side]:
    for attack in design.attacks:
        for confidence in design.confidences:
            if _has_jobs(design, attack, confidence):
                for name, where in _list_targets(design, attack):
                    part = counting.selected(rows, attack=attack, confidence=confidence, **where)
                    ends = [counting.selected(part, kind=kind) for kind in ("adversarial", "clean")]
                    labels = _label("perturbation", "adversarial", "clean", attack, confidence, name)
                    yield labels, ends[0], ends[1]


def matched(first: pd.DataFrame, second: pd.DataFrame, outcome: Outcome) -> pd.DataFrame:
    """Match hearings of two sides.

    Returns:
        One row a hearing that both sides have, in the order of the first: the columns that match them (:data:`MATCH`,
        and target unless a side lacks it), and the outcome on each side as ``first`` and ``second``.

    Raises:
        ValueError: if a side has several hearings of the same.
    """
    keys = [name for name in (*MATCH, "target") if name in first and name in second]
    numbers = counting.number_units(pd.concat([first[keys], second[keys]]), keys)
    ends = numbers[: len(first)], numbers[len(first) :]
    if any(len(np.unique(end)) < len(end) for end in ends):
        raise ValueError(f"a side has several hearings of the same {', '.join(keys)}")
    _, places, partners = np.intersect1d(*ends, assume_unique=True, return_indices=True)
    order = np.argsort(places)
    pairs = first[keys].iloc[places[order]].reset_index(drop=True)
    return pairs.assign(
        first=first[outcome].to_numpy()[places[order]], second=second[outcome].to_numpy()[partners[order]]
    )


def compare_matched(pairs: pd.DataFrame, settings: Settings) -> statistics.Comparison:
    """Compare the two sides of matched hearings; clusters are utterances and surrogates."""
    return statistics.compare(
        pairs["first"],
        pairs["second"],
        pairs["utterance_id"].cat.codes,
        pairs["surrogate"].cat.codes,
        level=settings.confidence_level,
        resamples=settings.resamples,
        seed=settings.seed,
    )


def _compare(first: pd.DataFrame, second: pd.DataFrame, outcome: Outcome, design: Design) -> dict[str, object]:
    found = compare_matched(matched(first, second, outcome), design.settings)
    return {
        "utterances": found.utterances,
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
        "difference_least": found.limits.lower,
        "difference_most": found.limits.upper,
        "p_value": found.p_value,
        "odds_ratio": found.odds_ratio,
        "odds_lower": found.odds_interval.lower,
        "odds_upper": found.odds_interval.upper,
    }
