"""How near each arm comes to the target."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from asrtransfer.report import words
from asrtransfer.report.facts import once
from asrtransfer.report.figures.base import COLOURS, DASHES, LEGEND, Figure, View, make_axis, make_view, round_all
from asrtransfer.report.material import Material

CONTROLS = {"clean": "control: clean audio", "noise": "control: noise", "shuffled": "control: shuffled"}
"""Heard by strangers to the surrogate."""


def distance_to_target(material: Material, conclusion: str) -> Figure:
    """Draw the distribution of the character error rate to the target, by arm, beside that of the controls."""
    distances = once(material.distances, material.weights)
    views = []
    for kind, label in words.TARGET_KINDS.items():
        part = distances[distances["target_kind"] == kind]
        if (part["kind"] == "adversarial").any():
            controls = material.find_control_arm(kind)
            views.append(_draw_distribution(label, part, controls))
            for attack, confidence, rows in _split(part):
                name = f"{label}: {material.label(attack)}, {confidence} confidence"
                views.append(_draw_distribution(name, rows, controls))
    return Figure("distance-to-target", "How near each arm comes to the target", tuple(views), conclusion, "controls")


def _split(rows: pd.DataFrame) -> list[tuple[str, str, pd.DataFrame]]:
    """Split rows by attack and confidence; nothing if there is one combination."""
    found = [
        (str(attack), str(confidence), part) for (attack, confidence), part in rows.groupby(["attack", "confidence"])
    ]
    return found if len(found) > 1 else []


def _draw_distribution(name: str, rows: pd.DataFrame, controls: str | None) -> View:
    heard = rows[rows["kind"] == "adversarial"]
    parts = {arm: heard[heard["arm"] == arm] for arm in words.ARMS}
    for kind in CONTROLS:
        parts[kind] = rows[(rows["kind"] == kind) & (rows["arm"] == controls)]
    traces = [_draw_steps(arm, part) for arm, part in parts.items() if len(part)]
    largest = max([1.0, *(float(part["cer"].max()) for part in parts.values() if len(part))])
    return make_view(
        name,
        traces,
        height=420,
        xaxis=make_axis("character error rate to the target", range=[-0.02, min(largest, 2.0) + 0.02]),
        yaxis=make_axis("hearings at most that far", range=[-0.02, 1.04], tickformat=".0%"),
        legend=LEGEND,
    )


def _draw_steps(arm: str, part: pd.DataFrame) -> Any:
    counts = part.groupby("cer")["hearings"].sum().sort_index()
    total = int(counts.sum())
    return go.Scatter(
        x=[0.0, *round_all(counts.index)],
        y=[0.0, *round_all(counts.cumsum() / total)],
        name=f"{words.ARMS.get(arm) or CONTROLS[arm]} ({total})",
        mode="lines",
        line={"color": COLOURS[arm], "dash": DASHES[arm], "width": 2.5, "shape": "hv"},
        hovertemplate="%{y:.0%} of hearings within %{x:.2f}<extra>%{fullData.name}</extra>",
    )
