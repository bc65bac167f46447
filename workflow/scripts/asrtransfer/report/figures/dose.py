"""Transfer against distortion, and against the surrogate's confidence."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from matplotlib.colors import to_rgb

from asrtransfer.report import words
from asrtransfer.report.figures.base import (
    COLOURS,
    DASHES,
    LEGEND,
    Figure,
    View,
    choose_colours,
    make_axis,
    make_view,
)
from asrtransfer.report.material import Material
from asrtransfer.report.rows import order_arms, select_doses

SYMBOLS = ["circle", "diamond", "square", "triangle-up", "cross", "star"]
"""One a sweep; open for arms other than the first."""
LEAST_LOSS = 1e-7
"""Of a K1 that rounds to one; single precision resolves no smaller one."""
TICKS = ["0.1", "0.5", "0.9", "0.99", "0.999", "0.9999", "0.99999", "0.999999"]
SMALLEST_TOP = 0.05
"""Upper end of the axis of shares at the least."""


@dataclass(frozen=True)
class Outcome:
    """What is drawn upwards: its name, and the columns of its share, limits, controls and clean audio."""

    name: str
    share: str
    lower: str
    upper: str
    control: str
    clean: str


@dataclass(frozen=True)
class Measure:
    """What is drawn to the right: its name and column, and whether it is a probability, drawn by its loss."""

    name: str
    column: str
    probability: bool


OUTCOMES = (
    Outcome("transfer", "share", "bootstrap_both_lower", "bootstrap_both_upper", "control_share", "clean_share"),
    Outcome(
        "top ten", "top_ten_share", "top_ten_lower", "top_ten_upper", "control_top_ten_share", "clean_top_ten_share"
    ),
)
MEASURES = (Measure("SNR", "snr_db", False), Measure("K1", "k1", True))


def dose(material: Material, conclusion: str) -> Figure | None:
    """Draw shares of hearings against SNR and against K1; None without an attack of three confidences or more."""
    table = select_doses(material.tables["doses"])
    attacks = list(dict.fromkeys(table["attack"]))
    views = []
    for attack in attacks:
        rows = table[table["attack"] == attack]
        for measure in MEASURES:
            known = rows[place_values(rows[f"median_{measure.column}"], measure).notna()]
            for outcome in OUTCOMES if len(known) else ():
                name = f"{outcome.name} against {measure.name}"
                full = f"{material.label(attack)}: {name}" if len(attacks) > 1 else name[0].upper() + name[1:]
                views.append(_draw_view(full, known, outcome, measure))
    if not views:
        return None
    title = "Transfer against distortion and confidence"
    return Figure("dose", title, tuple(views), conclusion, "doses")


def place_values(values: pd.Series, measure: Measure) -> pd.Series:
    """Place values on the axis: a probability by its loss in nats, which resolves 0.99 from 0.999."""
    if not measure.probability:
        return values.where(values.abs() < math.inf)
    return values.where(values > 0).map(lambda value: max(-math.log(value), LEAST_LOSS), na_action="ignore")


def _draw_view(name: str, rows: pd.DataFrame, outcome: Outcome, measure: Measure) -> View:
    rows = rows.assign(place=place_values(rows[f"median_{measure.column}"], measure))
    rows = rows.assign(upper=find_upper(rows, outcome))
    top = max(SMALLEST_TOP, rows[[outcome.share, outcome.control, "upper"]].max().max())
    arms = order_arms(rows)
    symbols = dict(zip(dict.fromkeys(rows["sweep"]), SYMBOLS * len(rows), strict=False))
    return make_view(
        name,
        [
            *_draw_lines(rows, arms, symbols, outcome, measure),
            *_draw_controls(rows[rows["arm"] == arms[0]], symbols, outcome, arms[0]),
            *(_explain_symbol(sweep, symbol) for sweep, symbol in symbols.items() if len(symbols) > 1),
        ],
        height=460,
        xaxis=make_measure_axis(measure),
        yaxis=make_axis("hearings", range=[-0.03 * top, 1.05 * top], tickformat="~%"),
        legend=LEGEND,
    )


def make_measure_axis(measure: Measure) -> dict[str, Any]:
    """Describe the axis of a measure; the dose grows to the right."""
    if not measure.probability:
        return make_axis("signal-to-noise ratio, dB: louder to the right", autorange="reversed")
    title = "K1, placed by its loss −ln K1"
    ticks = {"tickvals": [-math.log(float(text)) for text in TICKS], "ticktext": TICKS}
    return make_axis(title, type="log", autorange="reversed", **ticks)


def find_upper(rows: pd.DataFrame, outcome: Outcome) -> pd.Series:
    """Find the upper limits; where nothing hits, the exact bound for utterances, which no bootstrap gives."""
    return rows[outcome.upper].where(rows[outcome.share] > 0, rows["utterance_bound"])


def _draw_lines(
    rows: pd.DataFrame, arms: list[str], symbols: dict[str, str], outcome: Outcome, measure: Measure
) -> Iterator[Any]:
    """Draw a line a target, arm and sweep: a colour a target, a dash an arm, a symbol a sweep."""
    targets = list(dict.fromkeys(rows["target"]))
    colours = dict(zip(targets, choose_colours(len(targets)), strict=True))
    for arm in arms:
        for target in targets:
            part = rows[(rows["arm"] == arm) & (rows["target"] == target)]
            for number, (sweep, line) in enumerate(part.groupby("sweep", sort=False)):
                symbol = symbols[str(sweep)] + ("" if arm == arms[0] else "-open")
                yield _draw_line(
                    line.sort_values("place", ascending=False, kind="stable"),
                    outcome,
                    measure,
                    name=f"{target.replace('-', ' ')}, {words.ARMS[arm]}",
                    legendgroup=f"{target} {arm}",
                    showlegend=number == 0,
                    line={"color": colours[target], "dash": DASHES[arm] if arm != "family" else "dash", "width": 2},
                    marker={"symbol": symbol, "size": 9, "color": colours[target]},
                )


def _draw_line(rows: pd.DataFrame, outcome: Outcome, measure: Measure, **looks: Any) -> Any:
    ends = [place_values(rows[f"{end}_quartile_{measure.column}"], measure) for end in ("upper", "lower")]
    # The loss falls as the probability grows.
    high, low = ends[::-1] if measure.probability else ends
    colour = looks["line"]["color"]
    return go.Scatter(
        x=round_values(rows["place"]),
        y=round_values(rows[outcome.share]),
        mode="lines+markers",
        error_x=make_bars(high - rows["place"], rows["place"] - low, colour),
        error_y=make_bars(rows["upper"] - rows[outcome.share], rows[outcome.share] - rows[outcome.lower], colour),
        text=[describe_dose(row, outcome) for row in rows.to_dict("records")],
        hovertemplate="%{text}<extra>%{fullData.name}</extra>",
        **looks,
    )


def make_bars(above: pd.Series, below: pd.Series, colour: str) -> dict[str, Any]:
    """Describe thin error bars of a line's colour; an unknown limit has none."""
    lengths = [[max(value or 0, 0) for value in round_values(end.fillna(0))] for end in (above, below)]
    red, green, blue = (round(255 * part) for part in to_rgb(colour))
    return {
        "type": "data",
        "symmetric": False,
        "array": lengths[0],
        "arrayminus": lengths[1],
        "thickness": 1.5,
        "width": 0,
        "color": f"rgba({red}, {green}, {blue}, 0.4)",
    }


def describe_dose(row: dict[Any, Any], outcome: Outcome) -> str:
    """Write a row of the table of doses, lines joined by ``<br>``."""
    lines = [
        f"{row['confidence']}: {row['keys']}" if row["keys"] else str(row["confidence"]),
        f"{words.percent(row[outcome.share])} of {row['hearings']} hearings{_write_limits(row, outcome)}",
        f"best control {_write_share(row[outcome.control])}, clean audio {_write_share(row[outcome.clean])}",
        f"{row['median_snr_db']:.1f} dB" if pd.notna(row["median_snr_db"]) else "",
        f"K1 {words.write_probability(row['median_k1'])}" if pd.notna(row["median_k1"]) else "",
        f"{row['samples']} samples, {row['utterances']} utterances",
    ]
    return "<br>".join(escape(line) for line in lines if line)


def _write_limits(row: dict[Any, Any], outcome: Outcome) -> str:
    if pd.isna(row["upper"]):
        return ""
    upper = words.percent(row["upper"])
    return (
        f", {words.percent(row[outcome.lower])} to {upper}"
        if row[outcome.share]
        else f", at most {upper} of utterances"
    )


def _write_share(share: float) -> str:
    return words.percent(share) if pd.notna(share) else "unknown"


def _draw_controls(rows: pd.DataFrame, symbols: dict[str, str], outcome: Outcome, arm: str) -> Iterator[Any]:
    """Draw the largest share of a negative control, as the first arm hears it, for each of its lines."""
    lines = [line for _, line in rows.groupby(["target", "sweep"], sort=False) if line[outcome.control].notna().any()]
    for number, line in enumerate(lines):
        ordered = line.sort_values("place", ascending=False, kind="stable")
        target = str(line["target"].iloc[0]).replace("-", " ")
        yield go.Scatter(
            x=round_values(ordered["place"]),
            y=round_values(ordered[outcome.control]),
            mode="lines",
            name=f"best control, {words.ARMS[arm]}",
            legendgroup="control",
            showlegend=number == 0,
            line={"color": COLOURS["clean"], "dash": "dash", "width": 1.5},
            hovertemplate=f"{escape(target)}: best control %{{y:.2~%}}<extra></extra>",
        )


def _explain_symbol(sweep: str, symbol: str) -> Any:
    marker = {"symbol": symbol, "size": 9, "color": COLOURS["clean"]}
    name = f"{escape(sweep)} varies" if sweep else "other confidences"
    return go.Scatter(x=[None], y=[None], mode="markers", name=name, marker=marker, hoverinfo="skip")


def round_values(values: pd.Series) -> list[float | None]:
    """Round to four digits, wherever the point is: losses span powers of ten."""
    return [None if pd.isna(value) else float(f"{value:.4g}") for value in values]
