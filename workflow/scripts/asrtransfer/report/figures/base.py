"""Parts of figures: views, axes, colours and heat maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from matplotlib import colormaps
from matplotlib.colors import to_hex

from asrtransfer.report import words

# Okabe and Ito, "Color Universal Design" (2008), without the yellow that vanishes on white.
COLOURS = {
    "self": "#0072B2",
    "twin": "#56B4E9",
    "seed": "#D55E00",
    "ulp": "#009E73",
    "native": "#CC79A7",
    "data": "#B5476B",
    "tuned": "#8C6D31",
    "shares": "#6A51A3",
    "channel": "#5B7083",
    "family": "#E69F00",
    "clean": "#868B94",
    "noise": "#868B94",
    "shuffled": "#868B94",
}
DASHES = {
    "self": "solid",
    "twin": "dash",
    "seed": "solid",
    "ulp": "dot",
    "native": "dashdot",
    "data": "longdash",
    "tuned": "dash",
    "shares": "dot",
    "channel": "dashdot",
    "family": "solid",
    "clean": "longdash",
    "noise": "dot",
    "shuffled": "dashdot",
}
SERIES = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"]
LEGEND = {"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0}
# Above this many columns, numbers in a heat map's cells overlap.
MOST_COLUMNS = 12
# Pixels between cells of pairs; half of it shows the arm's colour at each side.
FRAME = 9


@dataclass(frozen=True)
class View:
    """One picture: its name among those of its figure, and what Plotly takes."""

    name: str
    data: list[dict[str, Any]]
    layout: dict[str, Any]


@dataclass(frozen=True)
class Figure:
    """One question and its pictures.

    Attributes:
        name: in the page.
        title: what is shown.
        views: the page shows the first of them first.
        conclusion: what to see in it, computed.
        table: that has its numbers.
    """

    name: str
    title: str
    views: tuple[View, ...]
    conclusion: str
    table: str


@dataclass(frozen=True)
class Grid:
    """Rows and columns of a heat map, each with the column of the cells that names them.

    Attributes:
        y: column of the cells that names the row.
        down: names of the rows.
        x: column of the cells that names the column.
        across: names of the columns.
    """

    y: str
    down: list[str]
    x: str
    across: list[str]


def make_view(name: str, traces: Sequence[Any], **layout: Any) -> View:
    """Check traces and layout against Plotly's own schema."""
    margins = {"l": 8, "r": 8, "t": 8, "b": 8}
    plain = go.Figure(list(traces), layout={"margin": margins, "dragmode": False, **layout}).to_plotly_json()
    plain["layout"].pop("template", None)
    return View(name, plain["data"], plain["layout"])


def make_axis(title: str, **more: Any) -> dict[str, Any]:
    """Describe an axis."""
    return {"title": {"text": title, "standoff": 10}, "automargin": True, "zeroline": False, **more}


def make_bars(values: pd.Series, lower: pd.Series, upper: pd.Series, colour: str) -> dict[str, Any]:
    """Describe the bars of horizontal intervals; an unknown limit has no bar."""

    def measure(lengths: pd.Series) -> list[float]:
        return [0.0 if pd.isna(length) else round(float(length), 4) for length in lengths]

    return {
        "type": "data",
        "symmetric": False,
        "array": measure(upper - values),
        "arrayminus": measure(values - lower),
        "color": colour,
        "thickness": 1.5,
    }


def make_heat_map(cells: pd.DataFrame, grid: Grid, bar: dict[str, Any], *, reverse: bool, gap: int) -> Any:
    """Draw cells as colours from 0 to 1.

    Args:
        cells: a row a cell: value (0..1), text, hover, and the columns that the grid names.
        grid: of the map.
        bar: title and number format of the colour bar.
        reverse: whether small values are light.
        gap: between cells, in pixels.
    """

    def matrix(column: str, missing: str | None = None) -> list[list[Any]]:
        wide = cells.pivot(index=grid.y, columns=grid.x, values=column).reindex(index=grid.down, columns=grid.across)
        return [[missing if pd.isna(value) else value for value in line] for line in wide.to_numpy().tolist()]

    return go.Heatmap(
        x=grid.across,
        y=grid.down,
        z=matrix("value"),
        # Plotly writes "null" for a text that is missing.
        text=matrix("text", ""),
        hovertext=matrix("hover", ""),
        hoverinfo="text",
        hoverongaps=False,
        texttemplate="%{text}" if len(grid.across) <= MOST_COLUMNS else None,
        colorscale="Cividis",
        reversescale=reverse,
        colorbar={"thickness": 10, "outlinewidth": 0, **bar},
        xgap=gap,
        ygap=gap,
        showlegend=False,
        zmin=0,
        zmax=1,
    )


def frame_cell(column: int, row: int, arm: str) -> dict[str, Any]:
    """Frame a cell of surrogate and remote in the colour of its arm."""
    return {
        "type": "rect",
        "layer": "below",
        "x0": column - 0.49,
        "x1": column + 0.49,
        "y0": row - 0.48,
        "y1": row + 0.48,
        "fillcolor": COLOURS[arm],
        "line": {"width": 0},
    }


def explain_frame(arm: str) -> Any:
    """Make the entry of the legend for the frames of an arm."""
    marker = {"symbol": "square-open", "size": 11, "color": COLOURS[arm], "line": {"width": 3}}
    return go.Scatter(x=[None], y=[None], mode="markers", name=words.ARMS[arm], marker=marker, hoverinfo="skip")


def round_all(values: Any) -> list[float]:
    """Round to what a figure can show."""
    return [round(float(value), 4) for value in values]


def choose_colours(count: int) -> list[str]:
    """Choose a colour for each series; above the number that anyone can tell apart, shades of one scale."""
    if count <= len(SERIES):
        return SERIES[:count]
    return [to_hex(shade) for shade in colormaps["viridis"](np.linspace(0, 0.9, count))]
