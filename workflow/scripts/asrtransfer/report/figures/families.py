"""Families: who hears whom across them, and how far the samples of each one reach."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pandas as pd
import plotly.graph_objects as go

from asrtransfer.report import words
from asrtransfer.report.figures.base import (
    COLOURS,
    LEGEND,
    Figure,
    Grid,
    View,
    make_axis,
    make_bars,
    make_heat_map,
    make_view,
)
from asrtransfer.report.material import Material
from asrtransfer.report.rows import attacks_several, has_families, select_pooled
from asrtransfer.tables.families import ALL_OTHERS


class _Measure(NamedTuple):
    """What a row of the forest shows: its column, that of the control, title, and number format."""

    column: str
    control: str | None
    title: str
    tick: str
    hover: str


EXCESS = _Measure("excess", None, "share of hearings that hit, minus that of the best negative control", ".1%", ".2%")
GAIN = _Measure("gain", "control_gain", "fall of the target's loss against clean audio, nats a word", "", ".2f")
REACHES = (("within the family", "circle", "seed", -0.13), ("in other families", "diamond", "family", 0.13))
"""Of the forest: label, symbol, colour, and place beside the middle of a row."""


def families(material: Material, conclusion: str) -> Figure | None:
    """Draw the families of surrogates against those of remotes; None for a study of one family."""
    views = []
    for label, rows in _list_kinds(material):
        pairs = rows[rows["remote_family"] != ALL_OTHERS]
        views.append(_draw_matrix(f"{label}: top text", pairs, "transfers"))
        views.append(_draw_matrix(f"{label}: in the top ten", pairs, "top_ten"))
    return Figure("families", "Within a family and across", tuple(views), conclusion, "families") if views else None


def reach(material: Material, conclusion: str) -> Figure | None:
    """Draw how far samples reach beyond their controls; None for a study of one family."""
    views = []
    for label, rows in _list_kinds(material):
        views.append(_draw_forest(f"{label}: hits beyond the controls", rows, EXCESS))
        if rows["gain"].notna().any():
            views.append(_draw_forest(f"{label}: nearer to the target", rows, GAIN))
    several = attacks_several(material.tables["families"])
    title = "How far the samples of each family reach" if several else "How far samples reach into each family"
    return Figure("reach", title, tuple(views), conclusion, "families") if views else None


def _list_kinds(material: Material) -> Iterator[tuple[str, pd.DataFrame]]:
    """List the kinds of targets that strangers heard, with the rows of each; none for a study of one family."""
    table = material.tables["families"]
    for kind, label in words.TARGET_KINDS.items() if has_families(table) else ():
        rows = select_pooled(table, kind)
        if len(rows):
            yield label, rows


def _draw_matrix(name: str, rows: pd.DataFrame, outcome: str) -> View:
    surrogates, remotes = (list(dict.fromkeys(rows[column])) for column in ("surrogate_family", "remote_family"))
    hover = [
        f"{row['surrogate_family']} → {row['remote_family']}<br>{row[outcome]} of {row['hearings']} hearings, "
        f"{row['utterances_hit']} of {row['utterances']} utterances<br>{row['spoken_hits']} of "
        f"{row['spoken_hearings']} spoken phrases heard"
        for row in rows.to_dict("records")
    ]
    text = rows[outcome].astype(str) + "/" + rows["hearings"].astype(str)
    cells = rows.assign(value=rows[outcome] / rows["hearings"], text=text, hover=hover)
    grid = Grid("surrogate_family", surrogates, "remote_family", remotes)
    bar = {"title": {"text": "share"}, "tickformat": ".0%"}
    return make_view(
        name,
        [make_heat_map(cells, grid, bar, reverse=False, gap=3)],
        height=150 + 64 * len(surrogates),
        xaxis=make_axis("heard by", showgrid=False),
        yaxis=make_axis("made for", showgrid=False, autorange="reversed"),
    )


def _draw_forest(name: str, rows: pd.DataFrame, measure: _Measure) -> View:
    """Draw a row a family: of several surrogates', how far its samples reach; of one's alone, how far into it."""
    several = attacks_several(rows)
    side = "surrogate_family" if several else "remote_family"
    same, pooled = rows["surrogate_family"] == rows["remote_family"], rows["remote_family"] == ALL_OTHERS
    within, across = rows[same].set_index(side), rows[pooled if several else ~same & ~pooled].set_index(side)
    names = list(dict.fromkeys(rows.loc[~pooled, side]))
    labels = [_describe_family(one, within if several else pd.concat([within, across])) for one in names]
    parts = [part.reindex(names) for part in (within, across)]
    traces = [
        _draw_points(part, labels, measure, *one)
        for part, one in zip(parts, REACHES, strict=True)
        if part[measure.column].notna().any()
    ]
    if measure.control:
        beside = parts[0] if several else parts[0].combine_first(parts[1]).reindex(names)
        label = "best negative control" + ", within the family" * several
        traces.append(_draw_controls(beside, measure.control, label))
    return make_view(
        name,
        traces,
        height=170 + 52 * len(names),
        xaxis=make_axis(measure.title, tickformat=measure.tick, zeroline=True, zerolinewidth=1),
        yaxis=make_axis("", tickvals=list(range(len(names))), ticktext=labels, range=[len(names) - 0.5, -0.5]),
        legend=LEGEND,
    )


def _describe_family(name: str, rows: pd.DataFrame) -> str:
    """Name a family with its error rate and agreement: easy tasks agree more."""
    if name not in rows.index:
        return name
    row = rows.loc[name].to_dict()
    return f"{name}<br>WER to {words.percent(row['worst_test_wer'])}, agree on {words.percent(row['agreement'])}"


def _draw_points(
    rows: pd.DataFrame, labels: list[str], measure: _Measure, label: str, symbol: str, colour: str, offset: float
) -> Any:
    values, lower, upper = (rows[f"{measure.column}{end}"].astype("float64") for end in ("", "_lower", "_upper"))
    if measure is EXCESS:
        # Where nothing hits, resamples agree: the exact bound for utterances stands in.
        upper = upper.fillna(rows["utterance_bound"].where(rows["transfers"] == 0))
    return go.Scatter(
        x=[None if pd.isna(value) else round(float(value), 4) for value in values],
        y=[place + offset for place in range(len(rows))],
        name=label,
        mode="markers",
        marker={"symbol": symbol, "size": 10, "color": COLOURS[colour]},
        error_x=make_bars(values, lower, upper, COLOURS[colour]),
        text=[label.replace("<br>", ", ") for label in labels],
        hovertemplate=f"%{{text}}: %{{x:{measure.hover}}}<extra>%{{fullData.name}}</extra>",
    )


def _draw_controls(rows: pd.DataFrame, column: str, label: str) -> Any:
    return go.Scatter(
        x=[None if pd.isna(value) else round(float(value), 4) for value in rows[column]],
        y=list(range(len(rows))),
        name=label,
        mode="markers",
        marker={"symbol": "line-ns-open", "size": 16, "color": COLOURS["clean"], "line": {"width": 2.5}},
        hovertemplate="%{x:.2f}<extra>%{fullData.name}</extra>",
    )
