"""The ladder: transfer against what remote and surrogate share."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from asrtransfer.report import words
from asrtransfer.report.figures.base import COLOURS, LEGEND, SERIES, Figure, View, make_axis, make_bars, make_view
from asrtransfer.report.material import Material
from asrtransfer.report.rows import has_rungs, select_pooled

UNITS = {"utterance": ("circle", SERIES[0], -0.13), "pair": ("diamond-open", SERIES[1], 0.13)}
"""Of the exact intervals: symbol, colour, and place beside the middle of a row."""


def ladder(material: Material, conclusion: str) -> Figure | None:
    """Draw the shares of utterances and of model pairs with a transfer, a row a rung; None without rungs."""
    table = material.tables["ladder"]
    if not has_rungs(table):
        return None
    views = []
    for kind, label in words.TARGET_KINDS.items():
        rows = select_pooled(table, kind)
        if len(rows):
            views.append(_draw(label, rows))
    return Figure("ladder", "What remote and surrogate share", tuple(views), conclusion, "ladder")


def _draw(name: str, rows: pd.DataFrame) -> View:
    labels = list(rows["common"])
    control = go.Scatter(
        x=[None if pd.isna(share) else round(float(share), 4) for share in rows["control_share"]],
        y=list(range(len(rows))),
        name="hearings of the best negative control",
        mode="markers",
        marker={"symbol": "line-ns-open", "size": 16, "color": COLOURS["clean"], "line": {"width": 2.5}},
        hovertemplate="%{x:.1%}<extra>%{fullData.name}</extra>",
    )
    return make_view(
        name,
        [*(_draw_unit(unit, labels, rows) for unit in UNITS), control],
        height=150 + 46 * len(rows),
        xaxis=make_axis("share with a transfer", range=[-0.03, 1.03], tickformat=".0%"),
        yaxis=make_axis("", tickvals=list(range(len(rows))), ticktext=labels, range=[len(rows) - 0.5, -0.5]),
        legend=LEGEND,
    )


def _draw_unit(unit: str, labels: list[str], rows: pd.DataFrame) -> Any:
    symbol, colour, offset = UNITS[unit]
    share = rows[f"{unit}s_hit"] / rows[f"{unit}s"]
    noun = "model pair" if unit == "pair" else unit
    return go.Scatter(
        x=[round(float(value), 4) for value in share],
        y=[place + offset for place in range(len(rows))],
        name=f"{noun}s, exact intervals",
        mode="markers",
        marker={"symbol": symbol, "size": 10, "color": colour},
        error_x=make_bars(share, rows[f"{unit}_lower"], rows[f"{unit}_upper"], colour),
        text=[
            f"{label}: {row[f'{unit}s_hit']} of {words.many(row[f'{unit}s'], noun)}, {row['median_snr_db']:.1f} dB, "
            f"WER at most {words.percent(row['worst_test_wer'])}"
            for label, row in zip(labels, rows.to_dict("records"), strict=True)
        ],
        hovertemplate="%{text}<extra></extra>",
    )
