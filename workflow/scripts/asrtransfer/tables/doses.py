"""Table of doses: how transfer depends on distortion and on the surrogate's confidence."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from asrtransfer.statistics import paired as statistics
from asrtransfer.tables import counting
from asrtransfer.tables.counting import Outcome
from asrtransfer.tables.design import SAMPLE, Design, Settings
from asrtransfer.tables.pairs import PHRASES, matched
from asrtransfer.tables.results import Results

CONTROLS = ("shuffled", "moved", "noise")
"""Negative controls of the size of a sample; clean audio stands apart, as the base rate."""
MEASURES = ["snr_db", "k1"]
QUARTERS = {"lower_quartile": 0.25, "median": 0.5, "upper_quartile": 0.75}


def doses(results: Results, design: Design) -> pd.DataFrame:
    """Count transfers of primary samples beside their size, the surrogate's confidence and their negative controls.

    One row a dose and arm; a dose is an attack's confidence, for all phrases together, or for one other target. Unit of
    the shares: hearing.
    """
    heard = results.hearings[results.hearings["primary"]]
    stored = results.samples[results.samples["primary"]]
    measured = stored[[*SAMPLE, *MEASURES]].astype({"iteration": "int64"})
    sweeps = {name: name_sweeps(attack.settings) for name, attack in design.attacks.items()}
    rows = []
    for dose in _list_doses(design):
        part = counting.selected(heard, attack=dose.attack, confidence=dose.confidence, **dose.where)
        named: dict[str, object] = {
            "attack": dose.attack,
            "target": dose.target,
            "confidence": dose.confidence,
            "sweep": sweeps[dose.attack].get(dose.confidence, ""),
            "keys": _write_keys(design.attacks[dose.attack].settings.get(dose.confidence, {})),
        }
        for arm in design.arms:
            rows.append(named | {"arm": arm} | _count_dose(counting.selected(part, arm=arm), measured, design.settings))
    return pd.DataFrame(rows)


class _Dose(NamedTuple):
    """What counts together, with the columns that select its hearings by target."""

    attack: str
    target: str
    confidence: str
    where: dict[str, str]


def _list_doses(design: Design) -> Iterator[_Dose]:
    """List every confidence of an attack's phrases together, then of its other targets one by one."""
    jobs = design.job_table.sort_values(["attack", "target_kind", "target", "confidence"])
    targets = jobs["target"].astype(str).where(jobs["target_kind"] != "phrase", PHRASES)
    found = jobs.assign(target=targets)[["attack", "target", "target_kind", "confidence"]].drop_duplicates()
    for attack, target, kind, confidence in found.astype(str).itertuples(index=False):
        yield _Dose(attack, target, confidence, {"target_kind": kind} if kind == "phrase" else {"target": target})


def _count_dose(rows: pd.DataFrame, measured: pd.DataFrame, settings: Settings) -> dict[str, object]:
    """Count what one arm heard of one dose.

    Args:
        rows: hearings of primary samples and of their controls.
        measured: the columns that name a primary sample, and :data:`MEASURES`.
        settings: how to count.
    """
    heard = counting.adversarial(rows)
    hits, hearings = counting.tally(heard, "hearing")
    tops, _ = counting.tally(heard, "hearing", "top_ten")
    utterances_hit, utterances = counting.tally(heard, "utterance")
    lower, upper = counting.resampled(heard, settings)
    top_lower, top_upper = counting.resampled(heard, settings, outcome="top_ten")
    samples = heard[SAMPLE].drop_duplicates().merge(measured, on=SAMPLE)
    return {
        "samples": len(samples),
        **{f"{name}_{one}": samples[one].quantile(share) for one in MEASURES for name, share in QUARTERS.items()},
        "hearings": hearings,
        "transfers": hits,
        "share": counting.share(hits, hearings),
        "bootstrap_both_lower": lower,
        "bootstrap_both_upper": upper,
        "top_ten": tops,
        "top_ten_share": counting.share(tops, hearings),
        "top_ten_lower": top_lower,
        "top_ten_upper": top_upper,
        "utterances": utterances,
        "utterances_hit": utterances_hit,
        **counting.limits(utterances_hit, utterances, settings, "utterance_"),
        **_count_controls(rows),
    }


def _count_controls(rows: pd.DataFrame) -> dict[str, object]:
    best, clean = find_best_control(rows, "hit"), counting.selected(rows, kind="clean")
    return {
        "control_hearings": len(best),
        "control_share": _compute_share(best, "hit"),
        "control_top_ten_share": _compute_share(find_best_control(rows, "top_ten"), "top_ten"),
        "p_value": _compare_utterances(counting.adversarial(rows), best),
        "clean_hearings": len(clean),
        "clean_share": _compute_share(clean, "hit"),
        "clean_top_ten_share": _compute_share(clean, "top_ten"),
    }


def find_best_control(rows: pd.DataFrame, outcome: Outcome) -> pd.DataFrame:
    """Select the hearings of the kind of negative control, of :data:`CONTROLS`, that has the largest share."""
    kinds = [counting.selected(rows, kind=kind) for kind in CONTROLS]
    return max(kinds, key=lambda one: one[outcome].mean() if len(one) else -1.0)


def _compute_share(rows: pd.DataFrame, outcome: Outcome) -> float:
    return counting.share(*counting.tally(rows, "hearing", outcome))


def _compare_utterances(heard: pd.DataFrame, control: pd.DataFrame) -> float:
    """Test whether samples hit on other utterances than a control does; not a number where nothing can be matched."""
    units = matched(heard, control, "hit").groupby("utterance_id", observed=True)[["first", "second"]].any()
    if not len(units):
        return math.nan
    first, second = units["first"], units["second"]
    return statistics.compute_p_value(int((first & ~second).sum()), int((second & ~first).sum()))


def name_sweeps(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Sort confidences into sweeps, along each of which one key varies while all others stay.

    The longest sweep is taken first, then the longest of the confidences that are left.

    Args:
        settings: by confidence, the values of the same keys.

    Returns:
        By confidence, the key that varies along its sweep; where several sweeps vary this key, also the values by which
        they differ. Empty for a confidence without a sweep.
    """
    keys = list(dict.fromkeys(key for values in settings.values() for key in values))
    left = list(settings)
    sweeps: list[tuple[str, list[str]]] = []
    while left:
        choices = [(key, _vary(settings, left, name, key)) for name in left for key in keys]
        key, names = max(choices, key=lambda choice: len(choice[1]), default=("", left))
        sweeps.append((key if len(names) > 1 else "", names))
        left = [name for name in left if name not in names]
    found: dict[str, str] = {}
    for key, names in sweeps:
        # Every confidence of a sweep has the same values of the other keys.
        alike = [settings[others[0]] for other, others in sweeps if key and other == key]
        apart = [one for one in keys if one != key and len({str(values[one]) for values in alike}) > 1]
        values = _write_keys({one: settings[names[0]][one] for one in apart})
        found |= dict.fromkeys(names, f"{key} ({values})" if apart else key)
    return found


def _vary(settings: Mapping[str, Mapping[str, Any]], names: Sequence[str], start: str, key: str) -> list[str]:
    """List the confidences that differ from one of them in nothing but a key."""
    return [name for name in names if {**settings[name], key: None} == {**settings[start], key: None}]


def _write_keys(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {_write_value(value)}" for key, value in values.items())


def _write_value(value: Any) -> str:
    if value is None:
        return "null"
    return f"{value:g}" if isinstance(value, float) else str(value)
