"""The attacks on their own surrogates: confidence against distortion, and success."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from asrtransfer.report import words
from asrtransfer.report.figures.base import (
    LEGEND,
    Figure,
    Grid,
    View,
    choose_colours,
    make_axis,
    make_heat_map,
    make_view,
    round_all,
)
from asrtransfer.report.material import Material

SYMBOLS = {"phrase": "circle", "near": "diamond-open", "words": "square-open"}
# A scatter of more points than this shows no more, and slows a phone down.
MOST_POINTS = 1500


def confidence_and_distortion(material: Material, conclusion: str) -> Figure:
    """Draw what confidence costs: the surrogate's probability of the target against the perturbation's size."""
    samples = material.samples
    stored = samples[(samples["status"] == "sample") & samples["primary"] & samples["k1"].notna()]
    views = []
    for column, name, axis in (
        ("snr_db", "energy", make_axis("signal-to-noise ratio, dB")),
        ("linf", "peak", make_axis("largest change, 16-bit units", type="log", dtick=1)),
    ):
        clouds = list(_draw_clouds(_thin(stored), column, material))
        height = make_axis("K1, probability of the target", range=[-0.03, 1.03])
        if clouds:
            views.append(
                make_view(f"Distortion as {name}", clouds, height=420, xaxis=axis, yaxis=height, legend=LEGEND)
            )
    return Figure("confidence", "What confidence costs in distortion", tuple(views), conclusion, "attack-success")


def _thin(samples: pd.DataFrame) -> pd.DataFrame:
    """Take evenly spaced samples where there are more than a figure can show."""
    if samples.empty:
        return samples
    return samples.iloc[np.unique(np.linspace(0, len(samples) - 1, MOST_POINTS).astype(int))]


def _draw_clouds(samples: pd.DataFrame, column: str, material: Material) -> Iterator[Any]:
    regimes = sorted(set(zip(samples["attack"], samples["confidence"], strict=True)))
    colours = choose_colours(len(regimes))
    for (attack, confidence), colour in zip(regimes, colours, strict=True):
        for kind, symbol in SYMBOLS.items():
            part = samples[(samples["attack"] == attack) & (samples["confidence"] == confidence)]
            part = part[(part["target_kind"] == kind) & part[column].notna()]
            if len(part):
                name = f"{material.label(attack)} {confidence}, {words.TARGET_KINDS[kind].lower()}"
                marker = {"color": colour, "symbol": symbol, "size": 8, "opacity": 0.8}
                yield _draw_cloud(part, column, name, marker)


def _draw_cloud(part: pd.DataFrame, column: str, name: str, marker: dict[str, Any]) -> Any:
    return go.Scatter(
        x=round_all(part[column]),
        y=round_all(part["k1"]),
        name=name,
        mode="markers",
        marker=marker,
        text=[escape(f"“{row.phrase}” in {row.utterance_id}, {row.surrogate}") for row in part.itertuples()],
        hovertemplate="%{text}<br>K1 %{y:.3f}, %{x}<extra>%{fullData.name}</extra>",
    )


def attack_success(material: Material, conclusion: str) -> Figure:
    """Draw which attempts reached their target on their own surrogate."""
    table = material.tables["attack-success"]
    views = [
        _draw_success(material.label(str(attack)), part, material)
        for attack, part in table.groupby("attack", sort=False)
    ]
    return Figure("attack-success", "Which targets the attacks reached", tuple(views), conclusion, "attack-success")


def _draw_success(name: str, part: pd.DataFrame, material: Material) -> View:
    regime = part["target"].map(_break_lines) + ", " + part["confidence"]
    hover = [
        f"{row['surrogate']}, {row['target']}, {row['confidence']}"
        f"<br>{row['reached']} of {row['utterances']} utterances reached it"
        for row in part.to_dict("records")
    ]
    text = part["reached"].astype(str) + "/" + part["utterances"].astype(str)
    cells = part.assign(regime=regime, value=part["share"], text=text, hover=hover)
    rows = list(dict.fromkeys(regime))
    columns = [one for one in material.surrogates if one in set(part["surrogate"])]
    bar = {"title": {"text": "share"}, "tickformat": ".0%"}
    return make_view(
        name,
        [make_heat_map(cells, Grid("regime", rows, "surrogate", columns), bar, reverse=False, gap=3)],
        height=110 + 38 * len(rows),
        xaxis=make_axis("surrogate", showgrid=False),
        yaxis=make_axis("", showgrid=False, autorange="reversed"),
    )


def _break_lines(target: str) -> str:
    """Break a target's name into lines of a phone's width."""
    return "<br>".join(textwrap.wrap(target.replace("-", " "), 18))
