"""Dose curves of several studies over each other: a colour and a symbol a study, a dash a sweep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from asrtransfer.compare.figures import SYMBOLS
from asrtransfer.compare.loudness import DASHES
from asrtransfer.compare.studies import Studies, Study
from asrtransfer.compare.tables import lay_out_texts
from asrtransfer.report.facts import Count
from asrtransfer.report.figures.base import LEGEND, Figure, View, choose_colours, make_axis, make_view
from asrtransfer.report.figures.dose import (
    MEASURES,
    OUTCOMES,
    SMALLEST_TOP,
    Measure,
    describe_dose,
    find_upper,
    make_bars,
    make_measure_axis,
    place_values,
    round_values,
)
from asrtransfer.report.findings import describe_doses, write
from asrtransfer.report.rows import order_arms, select_doses
from asrtransfer.report.tables import Table
from asrtransfer.report.words import ARMS
from asrtransfer.report.words import unbroken_percent as percent

TRANSFER = OUTCOMES[0]
REMARK = (
    "Each study is drawn as the arm hears it that shares least with the surrogate. Bars are intervals of the two-way "
    "bootstrap; where nothing is heard, a bar ends at the exact bound for utterances."
)


def dose_curves(studies: Studies) -> Figure | None:
    """Draw shares of hearings against SNR and K1, a view a target and measure; None where no study has a curve."""
    found = {name: rows for name, study in studies.items() if len(rows := _select(study))}
    targets = list(dict.fromkeys(target for rows in found.values() for target in rows["target"]))
    views = [view for target in targets for measure in MEASURES if (view := _draw(found, studies, target, measure))]
    if not views:
        return None
    told = [
        f"{name}, {studies[name].label(str(attack))}, {ARMS[order_arms(rows)[0]]}: "
        f"{describe_doses(rows, studies[name].design.settings.confidence_level)}"
        for name, own in found.items()
        for attack, rows in own.groupby("attack", sort=False)
    ]
    return Figure("curves", "Dose curves", tuple(views), " ".join([*told, REMARK]), "curves")


def lay_out_doses(studies: Studies) -> Table:
    """Lay out the doses, a column a study: the numbers of the figure."""
    found = {name: dict(_tell_doses(study)) for name, study in studies.items()}
    return lay_out_texts(
        "curves", "Doses, and transfer to other models", ["attack", "target", "confidence", "heard by"], found
    )


def _tell_doses(study: Study) -> Iterator[tuple[tuple[str, ...], str]]:
    for row in _select(study).to_dict("records"):
        key = (study.label(row["attack"]), row["target"].replace("-", " "), row["confidence"], ARMS[row["arm"]])
        size = f"{row['median_snr_db']:.1f} dB; " if pd.notna(row["median_snr_db"]) else ""
        heard = Count(int(row["transfers"]), int(row["hearings"]))
        yield key, f"{size}{write(heard)} hearings; best control {percent(row['control_share'])}"


def _select(study: Study) -> pd.DataFrame:
    """Select the doses of attacks that have a curve, as the arm hears them that shares least with the surrogate."""
    rows = select_doses(study.tables["doses"])
    return rows[rows["arm"] == order_arms(rows)[0]] if len(rows) else rows


def _draw(found: Mapping[str, pd.DataFrame], studies: Studies, target: str, measure: Measure) -> View | None:
    colours = dict(zip(studies, choose_colours(len(studies)), strict=True))
    symbols = dict(zip(studies, SYMBOLS * len(studies), strict=False))
    parts = {}
    for name, rows in found.items():
        part = rows[rows["target"] == target]
        part = part.assign(place=place_values(part[f"median_{measure.column}"], measure))
        parts[name] = part.assign(upper=find_upper(part, TRANSFER))[part["place"].notna()]
    lines = [
        _draw_line(line, colours[name], name=label, marker={"symbol": symbols[name], "size": 9}, line={"dash": dash})
        for name, part in parts.items()
        for label, dash, line in _split(name, part, studies[name])
    ]
    if not lines:
        return None
    top = max([SMALLEST_TOP, *(part[[TRANSFER.share, "upper"]].max().max() for part in parts.values() if len(part))])
    return make_view(
        f"{target.replace('-', ' ').capitalize()} against {measure.name}",
        lines,
        height=440,
        xaxis=make_measure_axis(measure),
        yaxis=make_axis("hearings", range=[-0.03 * top, 1.05 * top], tickformat="~%"),
        legend=LEGEND,
    )


def _split(name: str, part: pd.DataFrame, study: Study) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield the label, dash and rows of each sweep of each attack."""
    for number, ((attack, sweep), rows) in enumerate(part.groupby(["attack", "sweep"], sort=False)):
        varied = f"{escape(str(sweep))} varies" if sweep else "other confidences"
        yield f"{name}, {study.label(str(attack))}, {varied}", DASHES[number % len(DASHES)], rows


def _draw_line(rows: pd.DataFrame, colour: str, line: dict[str, Any], **looks: Any) -> Any:
    rows = rows.sort_values("place", ascending=False, kind="stable")
    above, below = rows["upper"] - rows[TRANSFER.share], rows[TRANSFER.share] - rows[TRANSFER.lower]
    looks["marker"] |= {"color": colour}
    return go.Scatter(
        x=round_values(rows["place"]),
        y=round_values(rows[TRANSFER.share]),
        mode="lines+markers",
        line={"color": colour, "width": 1.5} | line,
        error_y=make_bars(above, below, colour),
        text=[describe_dose(row, TRANSFER) for row in rows.to_dict("records")],
        hovertemplate="%{text}<extra>%{fullData.name}</extra>",
        **looks,
    )
