"""The report's figures, as Plotly describes them; colours are safe for the colour-blind.

A figure has views: pictures of the same question, of which the page shows one and offers the others.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from matplotlib import colormaps
from matplotlib.colors import to_hex

from asrtransfer.report import words
from asrtransfer.report.material import Material, once

# Okabe and Ito, "Color Universal Design" (2008), without the yellow that vanishes on white.
COLOURS = {
    "self": "#0072B2",
    "twin": "#56B4E9",
    "seed": "#D55E00",
    "ulp": "#009E73",
    "native": "#CC79A7",
    "clean": "#868B94",
    "noise": "#868B94",
    "shuffled": "#868B94",
}
CONTROLS = {"clean": "control: clean audio", "noise": "control: noise", "shuffled": "control: shuffled"}
"""Heard by another seed."""
DASHES = {
    "self": "solid",
    "twin": "dash",
    "seed": "solid",
    "ulp": "dot",
    "native": "dashdot",
    "clean": "longdash",
    "noise": "dot",
    "shuffled": "dashdot",
}
SERIES = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"]
SYMBOLS = {"phrase": "circle", "near": "diamond-open"}

# A scatter of more points than this shows no more, and slows a phone down.
MOST_POINTS = 1500
# Above this many columns, numbers in a heat map's cells overlap.
MOST_COLUMNS = 12
# Pixels between cells; half of it shows the arm's colour at each side.
FRAME = 9


@dataclass(frozen=True)
class View:
    """One picture: what it is called among its figure's, and what Plotly takes."""

    name: str
    data: list[dict[str, Any]]
    layout: dict[str, Any]


@dataclass(frozen=True)
class Figure:
    """One question and its pictures.

    Attributes:
        name: in the page.
        title: what is shown.
        views: the first is shown at first.
        conclusion: what to see in it, computed.
        table: that has its numbers.
    """

    name: str
    title: str
    views: tuple[View, ...]
    conclusion: str
    table: str


def _view(name: str, traces: Sequence[Any], **layout: Any) -> View:
    """Check traces and layout against Plotly's own schema."""
    margins = {"l": 8, "r": 8, "t": 8, "b": 8}
    plain = go.Figure(list(traces), layout={"margin": margins, "dragmode": False, **layout}).to_plotly_json()
    plain["layout"].pop("template", None)
    return View(name, plain["data"], plain["layout"])


def _axis(title: str, **more: Any) -> dict[str, Any]:
    return {"title": {"text": title, "standoff": 10}, "automargin": True, "zeroline": False, **more}


_LEGEND = {"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0}


def who_hears_whom(material: Material, conclusion: str) -> Figure:
    """Surrogate against remote: how often the target is heard, and how near to it."""
    table = material.tables["transfers"]
    table = table[table["counted"] == "all"]
    views = []
    for kind, label in words.TARGET_KINDS.items():
        part = table[table["target_kind"] == kind]
        if part["hearings"].sum():
            summed = part.groupby(["surrogate", "remote", "arm"], sort=False)[
                ["hearings", "transfers", "top_ten"]
            ].sum()
            for outcome, name in (("transfers", "top text"), ("top_ten", "in the top ten")):
                views.append(_shares(f"{label}: {name}", summed.reset_index(), outcome))
            views.append(_nearness(f"{label}: distance to target", material.distances, kind))
    return Figure("who-hears-whom", "Who hears what was made for whom", tuple(views), conclusion, "transfers")


def _shares(name: str, cells: pd.DataFrame, outcome: str) -> View:
    share = cells[outcome] / cells["hearings"].where(cells["hearings"] > 0)
    text = cells[outcome].astype(str) + "/" + cells["hearings"].astype(str)
    hover = [
        f"{row['surrogate']} → {row['remote']} ({words.ARMS[row['arm']]})"
        f"<br>{row[outcome]} of {row['hearings']} hearings"
        for row in cells.to_dict("records")
    ]
    cells = cells.assign(value=share, text=text.where(cells["hearings"] > 0, "none"), hover=hover)
    return _pairs(name, cells, {"title": {"text": "share"}, "tickformat": ".0%"}, reverse=False)


def _nearness(name: str, distances: pd.DataFrame, kind: str) -> View:
    part = distances[(distances["kind"] == "adversarial") & (distances["target_kind"] == kind)]
    rows = []
    for (surrogate, remote, arm), cell in part.groupby(["surrogate", "remote", "arm"], sort=False):
        middle = quantile(cell, 0.5)
        hover = f"{surrogate} → {remote} ({words.ARMS[str(arm)]})<br>median CER to the target {middle:.2f}"
        rows.append((surrogate, remote, arm, middle, f"{middle:.2f}", hover))
    cells = pd.DataFrame(rows, columns=["surrogate", "remote", "arm", "value", "text", "hover"])
    return _pairs(name, cells, {"title": {"text": "median<br>CER"}}, reverse=True)


def quantile(distances: pd.DataFrame, share: float) -> float:
    """The smallest character error rate that at least this share of hearings does not exceed."""
    counts = distances.groupby("cer")["hearings"].sum().sort_index()
    reached = counts.cumsum() >= share * counts.sum() - 1e-9
    return float(counts[reached].index[0]) if len(counts) else math.nan


def _pairs(name: str, cells: pd.DataFrame, bar: dict[str, Any], *, reverse: bool) -> View:
    """A heat map of (surrogate, remote), each cell framed in the colour of its arm."""
    surrogates, remotes = (
        list(dict.fromkeys(cells["surrogate"])),
        sorted(set(cells["remote"]), key=words.model_order),
    )
    surrogates.sort(key=words.model_order)
    traces = [
        _heat(cells, surrogates, remotes, "surrogate", "remote", bar, reverse=reverse, gap=FRAME),
        *(_legend_entry(arm) for arm in words.ARMS if (cells["arm"] == arm).any()),
    ]
    shapes = [
        {
            "type": "rect",
            "layer": "below",
            "x0": remotes.index(row.remote) - 0.49,
            "x1": remotes.index(row.remote) + 0.49,
            "y0": surrogates.index(row.surrogate) - 0.48,
            "y1": surrogates.index(row.surrogate) + 0.48,
            "fillcolor": COLOURS[str(row.arm)],
            "line": {"width": 0},
        }
        for row in cells.itertuples()
    ]
    return _view(
        name,
        traces,
        shapes=shapes,
        height=150 + 64 * len(surrogates),
        xaxis=_axis("heard by", showgrid=False, range=[-0.5, len(remotes) - 0.5]),
        yaxis=_axis("made for", showgrid=False, range=[len(surrogates) - 0.5, -0.5]),
        legend=_LEGEND,
    )


def _heat(
    cells: pd.DataFrame,
    down: list[str],
    across: list[str],
    y: str,
    x: str,
    bar: dict[str, Any],
    *,
    reverse: bool,
    gap: int,
) -> Any:
    def matrix(column: str) -> list[list[Any]]:
        wide = cells.pivot(index=y, columns=x, values=column).reindex(index=down, columns=across)
        return [[None if pd.isna(value) else value for value in line] for line in wide.to_numpy().tolist()]

    limits = {"zmin": 0, "zmax": 1}
    return go.Heatmap(
        x=across,
        y=down,
        z=matrix("value"),
        text=matrix("text"),
        hovertext=matrix("hover"),
        hoverinfo="text",
        texttemplate="%{text}" if len(across) <= MOST_COLUMNS else None,
        colorscale="Cividis",
        reversescale=reverse,
        colorbar={"thickness": 10, "outlinewidth": 0, **bar},
        xgap=gap,
        ygap=gap,
        showlegend=False,
        **limits,
    )


def _legend_entry(arm: str) -> Any:
    marker = {"symbol": "square-open", "size": 11, "color": COLOURS[arm], "line": {"width": 3}}
    return go.Scatter(x=[None], y=[None], mode="markers", name=words.ARMS[arm], marker=marker, hoverinfo="skip")


def distance_to_target(material: Material, conclusion: str) -> Figure:
    """Distribution of the character error rate to the target, by arm, beside that of the clean audio."""
    weights = {model: str(card["weights_sha256"]) for model, card in material.cards.items()}
    distances = once(material.distances, weights)
    views = []
    for kind, label in words.TARGET_KINDS.items():
        part = distances[distances["target_kind"] == kind]
        if (part["kind"] == "adversarial").any():
            views.append(_distribution(label, part))
            regimes = sorted(set(zip(part["attack"], part["confidence"], strict=True)))
            for attack, confidence in regimes if len(regimes) > 1 else ():
                rows = part[(part["attack"] == attack) & (part["confidence"] == confidence)]
                views.append(_distribution(f"{label}: {words.ATTACKS[attack]}, {confidence} confidence", rows))
    return Figure("distance-to-target", "How near each arm comes to the target", tuple(views), conclusion, "controls")


def _distribution(name: str, rows: pd.DataFrame) -> View:
    heard = rows[rows["kind"] == "adversarial"]
    parts = {arm: heard[heard["arm"] == arm] for arm in words.ARMS}
    for kind in CONTROLS:
        parts[kind] = rows[(rows["kind"] == kind) & (rows["arm"] == "seed")]
    traces = []
    for arm, part in parts.items():
        counts = part.groupby("cer")["hearings"].sum().sort_index()
        if counts.empty:
            continue
        total = int(counts.sum())
        traces.append(
            go.Scatter(
                x=[0.0, *_rounded(counts.index)],
                y=[0.0, *_rounded(counts.cumsum() / total)],
                name=f"{words.ARMS.get(arm) or CONTROLS[arm]} ({total})",
                mode="lines",
                line={"color": COLOURS[arm], "dash": DASHES[arm], "width": 2.5, "shape": "hv"},
                hovertemplate="%{y:.0%} of hearings within %{x:.2f}<extra>%{fullData.name}</extra>",
            )
        )
    largest = max([1.0, *(float(part["cer"].max()) for part in parts.values() if len(part))])
    return _view(
        name,
        traces,
        height=420,
        xaxis=_axis("character error rate to the target", range=[-0.02, min(largest, 2.0) + 0.02]),
        yaxis=_axis("hearings at most that far", range=[-0.02, 1.04], tickformat=".0%"),
        legend=_LEGEND,
    )


def _rounded(values: Any) -> list[float]:
    return [round(float(value), 4) for value in values]


def confidence_and_distortion(material: Material, conclusion: str) -> Figure:
    """What confidence costs: the surrogate's probability of the target against the perturbation's size."""
    stored = material.samples[(material.samples["status"] == "sample") & material.samples["primary"]]
    thinned = (
        stored.iloc[np.unique(np.linspace(0, len(stored) - 1, MOST_POINTS).astype(int))] if len(stored) else stored
    )
    views = []
    for column, name, title in (
        ("snr_db", "energy", "signal-to-noise ratio, dB"),
        ("linf", "peak", "largest change, 16-bit units"),
    ):
        axis = _axis(title) if column == "snr_db" else _axis(title, type="log", dtick=1)
        views.append(
            _view(
                f"Distortion as {name}",
                list(_clouds(thinned, column)),
                height=420,
                xaxis=axis,
                yaxis=_axis("K1, probability of the target", range=[-0.03, 1.03]),
                legend=_LEGEND,
            )
        )
    return Figure("confidence", "What confidence costs in distortion", tuple(views), conclusion, "attack-success")


def _clouds(samples: pd.DataFrame, column: str) -> Any:
    regimes = sorted(set(zip(samples["attack"], samples["confidence"], strict=True)))
    for number, (attack, confidence) in enumerate(regimes):
        for kind, symbol in SYMBOLS.items():
            part = samples[(samples["attack"] == attack) & (samples["confidence"] == confidence)]
            part = part[(part["target_kind"] == kind) & part[column].notna()]
            if len(part):
                yield go.Scatter(
                    x=_rounded(part[column]),
                    y=_rounded(part["k1"]),
                    name=f"{words.ATTACKS[attack]} {confidence}, {words.TARGET_KINDS[kind].lower()}",
                    mode="markers",
                    marker={
                        "color": SERIES[number % len(SERIES)],
                        "symbol": symbol,
                        "size": 8,
                        "opacity": 0.8,
                    },
                    text=[
                        escape(f"“{row.phrase}” in {row.utterance_id}, {row.surrogate}") for row in part.itertuples()
                    ],
                    hovertemplate="%{text}<br>K1 %{y:.3f}, %{x}<extra>%{fullData.name}</extra>",
                )


def training(material: Material, conclusion: str) -> Figure:
    """Learning curves, one line a model: a colour a seed, a dash an arm."""
    seeds = sorted({words.model_order(model)[0] for model in material.curves})
    colours = dict(zip(seeds, _series(len(seeds)), strict=True))
    views = []
    for column, name, axis in (
        ("dev_wer", "Word error rate", {"tickformat": ".0%", "rangemode": "tozero"}),
        ("dev_loss", "Dev loss", {"type": "log", "dtick": 1}),
        ("train_loss", "Training loss", {"type": "log", "dtick": 1}),
    ):
        traces = [
            go.Scatter(
                x=curve["epoch"].tolist(),
                y=_rounded(curve[column]),
                name=model,
                mode="lines" if len(curve) > 1 else "markers",
                line={
                    "color": colours[words.model_order(model)[0]],
                    "dash": DASHES[words.model_arm(model)],
                    "width": 2,
                },
                hovertemplate="epoch %{x}: %{y:.3~f}<extra>%{fullData.name}</extra>",
            )
            for model, curve in _by_seed(material.curves)
        ]
        label = {
            "dev_wer": "dev WER, greedy",
            "dev_loss": "dev CTC loss, nats",
            "train_loss": "training CTC loss, nats",
        }
        views.append(
            _view(
                name,
                traces,
                height=400,
                xaxis=_axis("epoch"),
                yaxis=_axis(label[column], **axis),
                legend=_LEGEND,
            )
        )
    return Figure("training", "How the models learned", tuple(views), conclusion, "models")


def _series(count: int) -> list[str]:
    """As many colours; beyond those that anyone can tell apart, shades of one scale."""
    if count <= len(SERIES):
        return SERIES[:count]
    return [to_hex(shade) for shade in colormaps["viridis"](np.linspace(0, 0.9, count))]


def _by_seed(curves: Mapping[str, pd.DataFrame]) -> list[tuple[str, pd.DataFrame]]:
    return sorted(curves.items(), key=lambda item: words.model_order(item[0]))


def attack_success(material: Material, conclusion: str) -> Figure:
    """Which attempts reached their target on their own surrogate."""
    table = material.tables["attack-success"]
    views = []
    for attack, part in table.groupby("attack", sort=False):
        regime = part["target"].map(_lines) + ", " + part["confidence"]
        hover = [
            f"{row['surrogate']}, {row['target']}, {row['confidence']}"
            f"<br>{row['reached']} of {row['utterances']} utterances reached it"
            for row in part.to_dict("records")
        ]
        text = part["reached"].astype(str) + "/" + part["utterances"].astype(str)
        cells = part.assign(regime=regime, value=part["share"], text=text, hover=hover)
        rows, columns = list(dict.fromkeys(regime)), sorted(set(part["surrogate"]), key=words.model_order)
        bar = {"title": {"text": "share"}, "tickformat": ".0%"}
        views.append(
            _view(
                words.ATTACKS[str(attack)],
                [_heat(cells, rows, columns, "regime", "surrogate", bar, reverse=False, gap=3)],
                height=110 + 38 * len(rows),
                xaxis=_axis("surrogate", showgrid=False),
                yaxis=_axis("", showgrid=False, autorange="reversed"),
            )
        )
    return Figure("attack-success", "Which targets the attacks reached", tuple(views), conclusion, "attack-success")


def _lines(target: str) -> str:
    """A target's name on lines of a phone's width."""
    return "<br>".join(textwrap.wrap(target.replace("-", " "), 18))


def near_targets(material: Material, conclusion: str) -> Figure | None:
    """Near targets on models of another seed, beside the clean audio's base rate and the published shares."""
    table = material.tables["near-targets"]
    if table.empty:
        return None
    table = table[(table["arm"] == "seed") & (table["counted"] == "primary") & (table["hearings"] > 0)]
    if table.empty:
        return None
    views = [
        _near(
            "Top text",
            table,
            ("share", "bootstrap_both_lower", "bootstrap_both_upper"),
            "clean_share",
            "published_share",
        ),
        _near(
            "In the top ten",
            table,
            ("top_ten_share", "top_ten_lower", "top_ten_upper"),
            "clean_top_ten_share",
            "published_top_ten_share",
        ),
    ]
    return Figure(
        "near-targets",
        "Targets that the surrogate nearly hears anyway",
        tuple(views),
        conclusion,
        "near-targets",
    )


def _near(name: str, table: pd.DataFrame, ours: tuple[str, str, str], clean: str, published: str) -> View:
    rows = [f"{words.ATTACKS[str(row.attack)]}, rank {row.rank}, {row.confidence}" for row in table.itertuples()]
    share, lower, upper = (table[column].astype("float64") for column in ours)
    error = {
        "type": "data",
        "symmetric": False,
        "array": [0.0 if math.isnan(value) else round(value, 4) for value in upper - share],
        "arrayminus": [0.0 if math.isnan(value) else round(value, 4) for value in share - lower],
        "color": COLOURS["seed"],
    }
    series = [
        ("ours, adversarial", share, {"symbol": "circle", "size": 11, "color": COLOURS["seed"]}, error),
        (
            "ours, clean audio",
            table[clean],
            {"symbol": "line-ns-open", "size": 18, "color": COLOURS["clean"]},
            None,
        ),
        (
            "published",
            table[published],
            {"symbol": "diamond-open", "size": 12, "color": COLOURS["self"]},
            None,
        ),
    ]
    traces = [
        go.Scatter(
            x=[None if pd.isna(value) else round(float(value), 4) for value in values],
            y=rows,
            name=label,
            mode="markers",
            marker={**marker, "line": {"width": 2.5, "color": marker["color"]}},
            error_x=bars,
            hovertemplate="%{y}: %{x:.1%}<extra>%{fullData.name}</extra>",
        )
        for label, values, marker, bars in series
        if pd.notna(values).any()
    ]
    return _view(
        name,
        traces,
        height=150 + 46 * len(rows),
        xaxis=_axis("hearings by another seed", range=[-0.03, 1.03], tickformat=".0%"),
        yaxis=_axis("", autorange="reversed"),
        legend=_LEGEND,
    )
