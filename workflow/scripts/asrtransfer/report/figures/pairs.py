"""Who hears whom: surrogates against remotes."""

from __future__ import annotations

from typing import Any

import pandas as pd

from asrtransfer.report import words
from asrtransfer.report.facts import sum_pairs
from asrtransfer.report.figures.base import (
    FRAME,
    LEGEND,
    Figure,
    Grid,
    View,
    explain_frame,
    frame_cell,
    make_axis,
    make_heat_map,
    make_view,
)
from asrtransfer.report.material import Material, quantile


def who_hears_whom(material: Material, conclusion: str) -> Figure:
    """Draw surrogates against remotes: how often the target is heard, and how near to it."""
    table = material.tables["transfers"]
    table = table[table["counted"] == "all"]
    views = []
    for kind, label in words.TARGET_KINDS.items():
        part = table[table["target_kind"] == kind]
        if part["hearings"].sum():
            pairs = sum_pairs(part)
            for outcome, name in (("transfers", "top text"), ("top_ten", "in the top ten")):
                views.append(_draw_shares(f"{label}: {name}", pairs, outcome, material))
            views.append(_draw_distances(f"{label}: distance to target", kind, material))
    return Figure("who-hears-whom", "Who hears what was made for whom", tuple(views), conclusion, "transfers")


def _draw_shares(name: str, cells: pd.DataFrame, outcome: str, material: Material) -> View:
    share = cells[outcome] / cells["hearings"].where(cells["hearings"] > 0)
    text = cells[outcome].astype(str) + "/" + cells["hearings"].astype(str)
    hover = [
        f"{row['surrogate']} → {row['remote']} ({words.ARMS[row['arm']]})"
        f"<br>{row[outcome]} of {row['hearings']} hearings"
        for row in cells.to_dict("records")
    ]
    cells = cells.assign(value=share, text=text.where(cells["hearings"] > 0, "none"), hover=hover)
    return _draw_pairs(name, cells, {"title": {"text": "share"}, "tickformat": ".0%"}, material, reverse=False)


def _draw_distances(name: str, kind: str, material: Material) -> View:
    distances = material.distances
    part = distances[(distances["kind"] == "adversarial") & (distances["target_kind"] == kind)]
    rows = []
    for (surrogate, remote, arm), cell in part.groupby(["surrogate", "remote", "arm"], sort=False):
        middle = quantile(cell, 0.5)
        hover = f"{surrogate} → {remote} ({words.ARMS[str(arm)]})<br>median CER to the target {middle:.2f}"
        rows.append((surrogate, remote, arm, middle, f"{middle:.2f}", hover))
    cells = pd.DataFrame(rows, columns=["surrogate", "remote", "arm", "value", "text", "hover"])
    return _draw_pairs(name, cells, {"title": {"text": "median<br>CER"}}, material, reverse=True)


def _draw_pairs(name: str, cells: pd.DataFrame, bar: dict[str, Any], material: Material, *, reverse: bool) -> View:
    """Draw a heat map of (surrogate, remote), each cell framed in the colour of its arm."""
    surrogates = [one for one in material.surrogates if one in set(cells["surrogate"])]
    remotes = [one for one in material.models if one in set(cells["remote"])]
    grid = Grid("surrogate", surrogates, "remote", remotes)
    traces = [
        make_heat_map(cells, grid, bar, reverse=reverse, gap=FRAME),
        *(explain_frame(arm) for arm in words.ARMS if (cells["arm"] == arm).any()),
    ]
    frames = [
        frame_cell(remotes.index(remote), surrogates.index(surrogate), arm)
        for surrogate, remote, arm in cells[["surrogate", "remote", "arm"]].astype(str).to_numpy().tolist()
    ]
    return make_view(
        name,
        traces,
        shapes=frames,
        height=150 + 64 * len(surrogates),
        xaxis=make_axis("heard by", showgrid=False, range=[-0.5, len(remotes) - 0.5]),
        yaxis=make_axis("made for", showgrid=False, range=[len(surrogates) - 0.5, -0.5]),
        legend=LEGEND,
    )
