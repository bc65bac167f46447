"""Conclusions on families: what transfers within one and across, and how far its samples reach."""

from __future__ import annotations

import pandas as pd

from asrtransfer.report import words
from asrtransfer.report.facts import Count
from asrtransfer.report.findings import write
from asrtransfer.report.material import Material
from asrtransfer.report.rows import attacks_several, choose_kind, has_families, select_pooled
from asrtransfer.tables.families import ALL_OTHERS


def across(material: Material) -> str:
    """Write what transfers within a family and across, and between which two most."""
    if not has_families(material.tables["families"]):
        return ""
    kind = choose_kind(material.tables)
    rows = select_pooled(material.tables["families"], kind)
    rows = rows[rows["remote_family"] != ALL_OTHERS]
    if rows.empty:
        return f"No stranger heard a {words.TARGETS[kind]}."
    same = rows["surrogate_family"] == rows["remote_family"]
    counts = [_sum_transfers(rows[part]) for part in (same, ~same)]
    told = [f"within a family {write(counts[0])} hearings"] if counts[0].total else []
    told += [f"across families {write(counts[1])}"] if counts[1].total else []
    sentence = f"{words.TARGET_KINDS[kind]}: {', '.join(told)}."
    if not rows["transfers"].sum():
        return sentence
    best = rows.sort_values("share", kind="stable").iloc[-1:]
    row = best.iloc[0]
    return (
        f"{sentence} Most from {row['surrogate_family']} to {row['remote_family']}: "
        f"{write(_sum_transfers(best))} hearings, {row['utterances_hit']} of "
        f"{words.many(int(row['utterances']), 'utterance')}."
    )


def _sum_transfers(rows: pd.DataFrame) -> Count:
    return Count(int(rows["transfers"].sum()), int(rows["hearings"].sum()))


def beyond_controls(material: Material) -> str:
    """Write of which families the samples come nearer to the target than the controls do."""
    if not has_families(material.tables["families"]):
        return ""
    rows = select_pooled(material.tables["families"], choose_kind(material.tables))
    if len(rows) and not attacks_several(rows):
        return _write_gains_of_one(rows[rows["remote_family"] != ALL_OTHERS])
    reaches = [
        (whom, rows[part])
        for whom, part in (
            ("strangers of their family", rows["surrogate_family"] == rows["remote_family"]),
            ("other families", rows["remote_family"] == ALL_OTHERS),
        )
    ]
    return " ".join(_write_gain(whom, part) for whom, part in reaches if len(part))


def _write_gain(whom: str, rows: pd.DataFrame) -> str:
    known = rows[rows["gain"].notna()]
    if known.empty:
        return f"How near samples come to the target in {whom} is not known: they tell no probabilities."
    nearer = known.loc[known["gain_lower"] > known["control_gain"], "surrogate_family"]
    gain = known.sort_values("gain", kind="stable").iloc[-1]
    found = f"of {', '.join(nearer)}" if len(nearer) else "of none"
    return (
        f"In {whom}, the samples {found} bring the target nearer than their best negative control does; the most is "
        f"{gain['gain']:.1f}\u202fnats a word, of {gain['surrogate_family']}, where the control has "
        f"{gain['control_gain']:.1f}."
    )


def _write_gains_of_one(rows: pd.DataFrame) -> str:
    """Write in which families the samples of the only attacked one come nearer to the target, and where most."""
    known = rows[rows["gain"].notna()].sort_values("gain", kind="stable")
    if known.empty:
        return "How near samples come to the target is not known: the models that listen tell no probabilities."
    nearer = known.loc[known["gain_lower"] > known["control_gain"], "remote_family"]
    least, most = (
        f"in {row['remote_family']}, {row['gain']:.1f}\u202fnats a word, where the best negative control has "
        f"{row['control_gain']:.1f}"
        for row in (known.iloc[0], known.iloc[-1])
    )
    found = f"in {', '.join(nearer)}" if len(nearer) else "nowhere"
    sentence = f"The target comes nearer than by the best negative control {found}; most {most}"
    return f"{sentence}; least {least}." if len(known) > 1 else f"{sentence}."
