"""Transfer against the size of the perturbation: a point an attack, confidence and kind of target, a line a study."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from asrtransfer.compare.figures import SYMBOLS
from asrtransfer.compare.studies import Studies, Study
from asrtransfer.compare.tables import lay_out_texts, write_units
from asrtransfer.report import words
from asrtransfer.report.facts import Count, Units, read_units
from asrtransfer.report.figures.base import LEGEND, Figure, View, choose_colours, make_axis, make_view
from asrtransfer.report.findings import write
from asrtransfer.report.tables import Table
from asrtransfer.report.words import unbroken_percent as percent
from asrtransfer.tables.design import POOLED, STRANGERS

DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"]
REMARK = (
    "A point is an attack at one confidence: its primary samples' median signal-to-noise ratio (of several jobs, the "
    "median of their medians, weighted by samples), and the share of utterances with a transfer. Bars are exact "
    "intervals. A line joins the confidences of an attack, which differ in more than loudness."
)


@dataclass(frozen=True)
class Point:
    """Primary samples of an attack at a confidence for a kind of target, as the remotes of an arm hear them.

    Attributes:
        attack: its label.
        confidence: its name.
        kind: of target.
        arm: of :data:`STRANGERS`.
        snr_db: median signal-to-noise ratio.
        utterances: with a transfer.
        heard: transfers among hearings.
    """

    attack: str
    confidence: str
    kind: str
    arm: str
    snr_db: float
    utterances: Units
    heard: Count

    @property
    def share(self) -> float:
        """Share of utterances with a transfer."""
        return self.utterances.count.hits / self.utterances.count.total

    @property
    def told(self) -> str:
        """The point in words."""
        return f"{self.snr_db:.1f} dB; {write_units(self.utterances, 'utterance')}; {write(self.heard)} hearings"


def transfer_against_loudness(studies: Studies) -> Figure | None:
    """Draw transfer to strangers against the signal-to-noise ratio, a view a kind of target and arm; None if empty."""
    found = {name: list(list_points(study)) for name, study in studies.items()}
    views, conclusion = [], ""
    for kind, label in words.TARGET_KINDS.items():
        for arm in STRANGERS:
            part = {
                name: [point for point in points if (point.kind, point.arm) == (kind, arm)]
                for name, points in found.items()
            }
            if any(part.values()):
                name = f"{label}, {words.ARMS[arm]}"
                views.append(_draw(name, part))
                conclusion = conclusion or _conclude(name, part)
    if not views:
        return None
    title = "Transfer against the size of the perturbation"
    return Figure("loudness", title, tuple(views), f"{conclusion} {REMARK}", "loudness")


def lay_out_points(studies: Studies) -> Table:
    """Lay out the points, a column a study: the numbers of the figure."""
    found: dict[str, dict[tuple[str, ...], str]] = {
        name: {
            (point.attack, point.confidence, words.TARGET_KINDS[point.kind].lower(), words.ARMS[point.arm]): point.told
            for point in list_points(study)
        }
        for name, study in studies.items()
    }
    keys = ["attack", "confidence", "targets", "heard by"]
    return lay_out_texts("loudness", "Signal to noise, and transfer to other models", keys, found)


def list_points(study: Study) -> Iterator[Point]:
    """List the points of a study; an attack that left no sample, or that nobody heard, has none."""
    arms = study.tables["arms"]
    heard = arms[arms["arm"].isin(STRANGERS) & (arms["counted"] == "primary") & (arms["attack"] != POOLED)]
    for row in heard[heard["utterances"] > 0].to_dict("records"):
        attack, confidence, kind = row["attack"], row["confidence"], row["target_kind"]
        ratio = _find_ratio(study.tables["attack-success"], attack, confidence, kind)
        if ratio is not None:
            counted = Count(int(row["transfers"]), int(row["hearings"]))
            units = read_units(row, "utterance")
            yield Point(study.label(attack), confidence, kind, row["arm"], ratio, units, counted)


def _find_ratio(success: pd.DataFrame, attack: str, confidence: str, kind: str) -> float | None:
    """Find the median of the jobs' medians, weighted by primary samples; None where no job has any."""
    rows = success[
        (success["attack"] == attack) & (success["confidence"] == confidence) & (success["target_kind"] == kind)
    ]
    jobs = sorted(
        (float(ratio), int(count))
        for ratio, count in zip(rows["median_snr_db"], rows["reached"], strict=True)
        if math.isfinite(ratio) and count
    )
    passed, total = 0, sum(count for _, count in jobs)
    for ratio, count in jobs:
        passed += count
        if 2 * passed >= total:
            return ratio
    return None


def _draw(name: str, found: Mapping[str, Sequence[Point]]) -> View:
    """Draw points with their limits: a colour and a symbol a study, a dash an attack."""
    attacks = list(dict.fromkeys(point.attack for points in found.values() for point in points))
    colours = choose_colours(len(found))
    traces = []
    for place, (study, points) in enumerate(found.items()):
        looks = {"color": colours[place], "symbol": SYMBOLS[place % len(SYMBOLS)], "size": 10}
        for number, attack in enumerate(attacks):
            own = sorted((point for point in points if point.attack == attack), key=lambda point: point.snr_db)
            if own:
                traces.append(_draw_line(f"{study}, {attack}", own, looks, DASHES[number % len(DASHES)]))
    return make_view(
        name,
        traces,
        height=420,
        xaxis=make_axis("signal to noise (dB); louder to the left"),
        yaxis=make_axis("utterances with a transfer", range=[-0.03, 1.03], tickformat=".0%"),
        legend=LEGEND,
    )


def _draw_line(name: str, points: Sequence[Point], marker: dict[str, Any], dash: str) -> Any:
    return go.Scatter(
        x=[round(point.snr_db, 2) for point in points],
        y=[round(point.share, 4) for point in points],
        name=name,
        mode="lines+markers",
        marker=marker,
        line={"color": marker["color"], "dash": dash, "width": 1.5},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [round(point.utterances.upper - point.share, 4) for point in points],
            "arrayminus": [round(point.share - point.utterances.lower, 4) for point in points],
            "color": marker["color"],
            "thickness": 1,
        },
        text=[f"{point.confidence}: {point.told}" for point in points],
        hovertemplate="%{text}<extra>%{fullData.name}</extra>",
    )


def _conclude(name: str, found: Mapping[str, Sequence[Point]]) -> str:
    """Write the range of each study's ratios and shares."""
    return f"{name}: {'; '.join(f'{study}: {_write_range(points)}' for study, points in found.items())}."


def _write_range(points: Sequence[Point]) -> str:
    if not points:
        return "no point"
    ratios, shares = [point.snr_db for point in points], [point.share for point in points]
    told = [
        spell(least) if spell(least) == spell(most) else f"{spell(least)} to {spell(most)}"
        for spell, least, most in (("{:.0f} dB".format, min(ratios), max(ratios)), (percent, min(shares), max(shares)))
    ]
    return f"{words.many(len(points), 'point')}, {told[0]}, {told[1]} of utterances"
