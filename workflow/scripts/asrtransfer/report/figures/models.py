"""How the models learned."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from asrtransfer.report.figures.base import (
    DASHES,
    LEGEND,
    Figure,
    View,
    choose_colours,
    make_axis,
    make_view,
    round_all,
)
from asrtransfer.report.material import Material

LOGARITHMIC = {"type": "log", "dtick": 1}


def training(material: Material, conclusion: str) -> Figure | None:
    """Draw learning curves, one line a trained model: a colour a base, a dash an arm; None without any."""
    if not material.curves:
        return None
    views = (
        _draw_curves("Word error rate", "dev_wer", material, "dev WER, greedy", tickformat=".0%", rangemode="tozero"),
        _draw_curves("Dev loss", "dev_loss", material, "dev CTC loss, nats", **LOGARITHMIC),
        _draw_curves("Training loss", "train_loss", material, "training CTC loss, nats", **LOGARITHMIC),
    )
    return Figure("training", "How the models learned", views, conclusion, "models")


def _draw_curves(name: str, column: str, material: Material, label: str, **axis: Any) -> View:
    known = material.design.models
    trained = [model for model in material.models if model in material.curves]
    bases = list(dict.fromkeys(known[model].base for model in trained))
    colours = dict(zip(bases, choose_colours(len(bases)), strict=True))
    traces = [
        go.Scatter(
            x=material.curves[model]["epoch"].tolist(),
            y=round_all(material.curves[model][column]),
            name=model,
            mode="lines" if len(material.curves[model]) > 1 else "markers",
            line={"color": colours[known[model].base], "dash": DASHES.get(known[model].arm, "solid"), "width": 2},
            hovertemplate="epoch %{x}: %{y:.3~f}<extra>%{fullData.name}</extra>",
        )
        for model in trained
    ]
    vertical = make_axis(label, **axis)
    return make_view(name, traces, height=400, xaxis=make_axis("epoch"), yaxis=vertical, legend=LEGEND)
