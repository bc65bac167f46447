"""Figures of several studies over each other: a colour and a symbol a study."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from asrtransfer.compare.studies import Studies, Study
from asrtransfer.compare.tables import write_units
from asrtransfer.report import words
from asrtransfer.report.figures.base import LEGEND, Figure, View, choose_colours, make_axis, make_view
from asrtransfer.report.rows import OTHERS, select_near
from asrtransfer.report.words import unbroken_percent as percent
from asrtransfer.tables.claims import ANOTHER_FAMILY, ANOTHER_SEED, SAME_SEED, name_absence_claim

SYMBOLS = ["circle", "square", "diamond", "triangle-up", "x", "star"]
SPREAD = 0.6
"""Of the distance between two rows, how much the studies of a row take."""


@dataclass(frozen=True)
class Dot:
    """One study's share in one row.

    Attributes:
        row: its label.
        share: 0..1.
        lower, upper: limits of the share; None where there are none.
        told: the share in words.
    """

    row: str
    share: float
    lower: float | None
    upper: float | None
    told: str


def transfer(studies: Studies) -> Figure | None:
    """Draw the utterances with a transfer: by arm, by arm and pair, and by attack; None where nobody listened."""
    by_arm = {name: list(_list_arms(study, "utterances", "utterance")) for name, study in studies.items()}
    by_pair = {name: list(_list_arms(study, "pairs", "model pair")) for name, study in studies.items()}
    by_attack = {name: list(_list_attacks(study)) for name, study in studies.items()}
    views = [
        _draw("By arm, utterances", by_arm, "utterances with a transfer"),
        _draw("By arm, model pairs", by_pair, "model pairs with a transfer"),
        _draw("By attack, utterances", by_attack, "utterances with a transfer"),
    ]
    conclusion = _conclude("Phrases that transfer", by_arm, "Bars are exact intervals; the unit is the utterance.")
    return _make_figure("transfer", "Transfer of phrases, by arm", views, conclusion)


def attack_success(studies: Studies) -> Figure | None:
    """Draw the attempts that reached their target, by attack, kind of target and confidence."""
    found = {name: list(_list_success(study)) for name, study in studies.items()}
    views = [_draw("Attempts", found, "attempts that reached their target")]
    remark = "Attempts on one utterance depend on each other, so there is no interval."
    return _make_figure(
        "success", "Success of the attacks", views, _conclude("Attacks reach their target", found, remark)
    )


def near_targets(studies: Studies) -> Figure | None:
    """Draw near targets that strangers to the surrogate hear, as their top text and in their top ten."""
    top = {name: list(_list_near(study, "top")) for name, study in studies.items()}
    ten = {name: list(_list_near(study, "top_ten")) for name, study in studies.items()}
    views = [_draw("Top text", top, "hearings"), _draw("In the top ten", ten, "hearings")]
    remark = "Bars are intervals of the two-way bootstrap over utterances and surrogates, where it has any."
    conclusion = _conclude("Near targets that are the top text", top, remark)
    return _make_figure("near-targets", "Near targets", views, conclusion)


def _make_figure(name: str, title: str, views: Sequence[View | None], conclusion: str) -> Figure | None:
    drawn = tuple(view for view in views if view is not None)
    return Figure(name, title, drawn, conclusion, "results") if drawn else None


def _list_arms(study: Study, unit: str, noun: str) -> Iterator[Dot]:
    for name in OTHERS:
        arm = study.facts.arm(name)
        units = None if arm is None else getattr(arm, unit)
        if units is not None and units.count.total:
            share = units.count.hits / units.count.total
            yield Dot(words.ARMS[name], share, units.lower, units.upper, write_units(units, noun))


def _list_attacks(study: Study) -> Iterator[Dot]:
    remotes = {ANOTHER_SEED: "another seed", SAME_SEED: "same seed", ANOTHER_FAMILY: "another family"}
    rows = {str(row["claim"]): row for row in study.tables["claims"].to_dict("records")}
    for whom, label in remotes.items():
        for attack in study.design.attacks:
            row = rows.get(name_absence_claim(attack, whom))
            if row is not None and row["units"]:
                told = f"{row['hits']} of {words.many(row['units'], 'utterance')}"
                place = f"{study.label(attack)},<br>{label}"
                yield Dot(place, row["estimate"], row["lower"], row["upper"], told)


def _list_success(study: Study) -> Iterator[Dot]:
    keys = ["attack", "target_kind", "confidence"]
    for key, part in study.tables["attack-success"].groupby(keys, sort=False):
        attack, kind, confidence = map(str, key)
        reached, tried = int(part["reached"].sum()), int(part["utterances"].sum())
        if tried:
            row = f"{study.label(attack)} {confidence},<br>{words.TARGET_KINDS[kind].lower()}"
            yield Dot(row, reached / tried, None, None, f"{reached} of {words.many(tried, 'attempt')}")


def _list_near(study: Study, outcome: str) -> Iterator[Dot]:
    share, lower, upper, hits = {
        "top": ("share", "bootstrap_both_lower", "bootstrap_both_upper", "transfers"),
        "top_ten": ("top_ten_share", "top_ten_lower", "top_ten_upper", "top_ten"),
    }[outcome]
    for row in select_near(study.tables["near-targets"]).to_dict("records"):
        place = f"{study.label(row['attack'])}, rank {row['rank']},<br>{row['confidence']}, {words.ARMS[row['arm']]}"
        least, most = (None if math.isnan(row[name]) else row[name] for name in (lower, upper))
        yield Dot(place, row[share], least, most, f"{row[hits]} of {words.many(row['hearings'], 'hearing')}")


def _draw(name: str, found: Mapping[str, Sequence[Dot]], label: str) -> View | None:
    """Draw dots with their limits, the studies of a row beside each other; None without any."""
    rows = list(dict.fromkeys(dot.row for dots in found.values() for dot in dots))
    if not rows:
        return None
    colours = choose_colours(len(found))
    step = SPREAD / max(1, len(found))
    traces = []
    for place, (study, dots) in enumerate(found.items()):
        if dots:
            offset = (place - (len(found) - 1) / 2) * step
            marker = {"color": colours[place], "symbol": SYMBOLS[place % len(SYMBOLS)], "size": 10}
            traces.append(_draw_study(study, dots, [rows.index(dot.row) + offset for dot in dots], marker))
    vertical = {"tickvals": list(range(len(rows))), "ticktext": rows, "range": [len(rows) - 0.5, -0.5]}
    return make_view(
        name,
        traces,
        height=140 + len(rows) * max(46, 20 * len(found)),
        xaxis=make_axis(label, range=[-0.03, 1.03], tickformat=".0%"),
        yaxis=make_axis("", **vertical),
        legend=LEGEND,
    )


def _draw_study(study: str, dots: Sequence[Dot], heights: list[float], marker: dict[str, Any]) -> Any:
    error = {
        "type": "data",
        "symmetric": False,
        "array": [round((dot.upper if dot.upper is not None else dot.share) - dot.share, 4) for dot in dots],
        "arrayminus": [round(dot.share - (dot.lower if dot.lower is not None else dot.share), 4) for dot in dots],
        "color": marker["color"],
    }
    return go.Scatter(
        x=[round(dot.share, 4) for dot in dots],
        y=heights,
        name=study,
        mode="markers",
        marker=marker,
        error_x=error if any(dot.lower is not None for dot in dots) else None,
        text=[f"{dot.row.replace('<br>', ' ')}: {dot.told}" for dot in dots],
        hovertemplate="%{text}<extra>%{fullData.name}</extra>",
    )


def _conclude(what: str, found: Mapping[str, Sequence[Dot]], remark: str) -> str:
    """Write the range of each study's shares, and the rows in which the intervals of studies lie apart."""
    ranges = []
    for study, dots in found.items():
        shares = [dot.share for dot in dots]
        span = f"{percent(min(shares))} to {percent(max(shares))}" if shares else "none tried"
        ranges.append(f"{study}: {percent(shares[0]) if len(set(shares)) == 1 else span}")
    sentences = [f"{what}, lowest to highest row: {'; '.join(ranges)}.", _compare_intervals(found), remark]
    return " ".join(sentence for sentence in sentences if sentence)


def _compare_intervals(found: Mapping[str, Sequence[Dot]]) -> str:
    """Write where the intervals of two studies lie apart; empty where no row has two intervals."""
    by_row: dict[str, list[tuple[float, float]]] = {}
    for dots in found.values():
        for dot in dots:
            if dot.lower is not None and dot.upper is not None:
                by_row.setdefault(dot.row, []).append((dot.lower, dot.upper))
    shared = {row: limits for row, limits in by_row.items() if len(limits) > 1}
    if not shared:
        return ""
    apart = [
        row.replace("<br>", " ")
        for row, limits in shared.items()
        if max(lower for lower, _ in limits) > min(upper for _, upper in limits)
    ]
    if not apart:
        return "In every row the intervals of the studies overlap: no difference between them is shown."
    return f"The intervals of studies lie apart for {'; '.join(apart)}."
