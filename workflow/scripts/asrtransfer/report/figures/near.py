"""Near targets, beside the base rate of clean audio and the published shares."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from asrtransfer.report import words
from asrtransfer.report.figures.base import COLOURS, LEGEND, Figure, View, make_axis, make_view
from asrtransfer.report.material import Material
from asrtransfer.report.rows import select_near
from asrtransfer.tables.design import STRANGERS

SHARE = ("share", "bootstrap_both_lower", "bootstrap_both_upper", "clean_share", "published_share")
TOP_TEN = ("top_ten_share", "top_ten_lower", "top_ten_upper", "clean_top_ten_share", "published_top_ten_share")
"""Columns: share, its limits, that of clean audio, that of the published study."""


def near_targets(material: Material, conclusion: str) -> Figure | None:
    """Draw the shares of near targets heard by strangers to the surrogate; None without any."""
    table = select_near(material.tables["near-targets"])
    if table.empty:
        return None
    views = (
        _draw_near("Top text", table, SHARE, material),
        _draw_near("In the top ten", table, TOP_TEN, material),
    )
    title = "Targets that the surrogate nearly hears anyway"
    return Figure("near-targets", title, views, conclusion, "near-targets")


def _draw_near(name: str, table: pd.DataFrame, columns: tuple[str, ...], material: Material) -> View:
    several = table["arm"].nunique() > 1
    rows = [
        f"{material.label(str(row.attack))}, rank {row.rank}, {row.confidence}"
        + (f"<br>{words.ARMS[str(row.arm)]}" if several else "")
        for row in table.itertuples()
    ]
    share, lower, upper, clean, published = (table[column].astype("float64") for column in columns)
    seed, grey, blue = (COLOURS[key] for key in ("seed", "clean", "self"))
    error = {
        "type": "data",
        "symmetric": False,
        "array": [0.0 if math.isnan(value) else round(value, 4) for value in upper - share],
        "arrayminus": [0.0 if math.isnan(value) else round(value, 4) for value in share - lower],
        "color": seed,
    }
    series = [
        ("ours, adversarial", share, {"symbol": "circle", "size": 11, "color": seed}, error),
        ("ours, clean audio", clean, {"symbol": "line-ns-open", "size": 18, "color": grey}, None),
        ("published", published, {"symbol": "diamond-open", "size": 12, "color": blue}, None),
    ]
    traces = [_draw_points(rows, *one) for one in series if one[1].notna().any()]
    heard = " or ".join(words.ARMS[arm] for arm in STRANGERS if arm in set(table["arm"]))
    return make_view(
        name,
        traces,
        height=150 + 46 * len(rows),
        xaxis=make_axis(f"hearings by {heard}", range=[-0.03, 1.03], tickformat=".0%"),
        yaxis=make_axis("", autorange="reversed"),
        legend=LEGEND,
    )


def _draw_points(
    rows: list[str], label: str, values: pd.Series, marker: dict[str, Any], bars: dict[str, Any] | None
) -> Any:
    return go.Scatter(
        x=[None if pd.isna(value) else round(float(value), 4) for value in values],
        y=rows,
        name=label,
        mode="markers",
        marker={**marker, "line": {"width": 2.5, "color": marker["color"]}},
        error_x=bars,
        hovertemplate="%{y}: %{x:.1%}<extra>%{fullData.name}</extra>",
    )
