"""Who hears whom: a matrix of surrogates and remotes a study, below each other on one scale."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from asrtransfer.compare.studies import Studies, Study
from asrtransfer.compare.tables import make_table, show
from asrtransfer.report import words
from asrtransfer.report.facts import Count, pair_up, sum_pairs
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
from asrtransfer.report.findings import write
from asrtransfer.report.tables import Cell, Table, cell
from asrtransfer.report.words import unbroken_percent as percent

OUTCOMES = {"transfers": "top text", "top_ten": "in the top ten"}
EXPLANATION = (
    "A row is whom samples were made for, a column who listens. The number is hits of hearings, the colour their "
    "share, on one scale for all studies, and the frame what the two models have in common."
)
REMARK = "Hearings of a pair depend on each other: a difference between shares is no proof of one."
Pair = tuple[str, str]
"""Surrogate and remote."""


def who_hears_whom(studies: Studies) -> Figure | None:
    """Draw surrogates against remotes, a block of rows a study; None where nobody listened."""
    views = []
    for kind, label in words.TARGET_KINDS.items():
        cells = {name: _sum_cells(study, kind) for name, study in studies.items()}
        if any(len(found) for found in cells.values()):
            views += [_draw(f"{label}: {said}", studies, cells, outcome) for outcome, said in OUTCOMES.items()]
    if not views:
        return None
    found = {name: pair_up(study.design, study.tables, "phrase") for name, study in studies.items()}
    told = "; ".join(f"{name}: {_tell_study(pairs)}" for name, pairs in found.items())
    sentences = [EXPLANATION, f"Phrases that transfer: {told}.", _compare_pairs(found), REMARK]
    conclusion = " ".join(sentence for sentence in sentences if sentence)
    return Figure("matrices", "Who hears what was made for whom", tuple(views), conclusion, "pairs")


def lay_out_pairs(studies: Studies) -> Table:
    """Lay out hits of hearings by surrogate and remote, a column a study: the numbers of the matrices."""
    columns = [dict(_list_pairs(study)) for study in studies.values()]
    kinds = [label.lower() for label in words.TARGET_KINDS.values()]
    keys = sorted(dict.fromkeys(key for column in columns for key in column), key=lambda key: kinds.index(key[-1]))
    rows = [
        [*(cell("key", part) for part in key), *(column.get(key, show(None)) for column in columns)] for key in keys
    ]
    return make_table("pairs", "Who hears whom", ["made for", "heard by", "arm", "targets", *studies], rows)


def _sum_cells(study: Study, kind: str) -> pd.DataFrame:
    table = study.tables["transfers"]
    rows = (table["counted"] == "all") & (table["target_kind"] == kind) & (table["hearings"] > 0)
    return sum_pairs(table[rows])


def _draw(name: str, studies: Studies, cells: Mapping[str, pd.DataFrame], outcome: str) -> View:
    """Draw the studies below each other; a row that holds nothing but a study's name begins its block."""
    models = dict.fromkeys(model for study in studies.values() for model in study.design.models)
    across = [model for model in models if any((found["remote"] == model).any() for found in cells.values())]
    down: dict[str, str] = {}
    for study, found in cells.items():
        present = set(found["surrogate"])
        down[_name_row(study)] = ""
        down |= {_name_row(study, one): one for one in studies[study].design.surrogates if one in present}
    whole = pd.concat([_write_cells(study, found, outcome) for study, found in cells.items()], ignore_index=True)
    rows, arms = list(down), set(whole["arm"])
    bar = {"title": {"text": "share"}, "tickformat": ".0%"}
    traces = [
        make_heat_map(whole, Grid("row", rows, "remote", across), bar, reverse=False, gap=FRAME),
        *(explain_frame(arm) for arm in words.ARMS if arm in arms),
    ]
    places = whole[["row", "remote", "arm"]].itertuples(index=False, name=None)
    return make_view(
        name,
        traces,
        shapes=[frame_cell(across.index(remote), rows.index(row), arm) for row, remote, arm in places],
        annotations=[_name_block(study, rows.index(_name_row(study))) for study in cells],
        height=150 + 44 * len(rows),
        xaxis=make_axis("heard by", showgrid=False, range=[-0.5, len(across) - 0.5]),
        yaxis=make_axis(
            "made for", showgrid=False, range=[len(rows) - 0.5, -0.5], tickvals=rows, ticktext=list(down.values())
        ),
        legend=LEGEND,
    )


def _name_row(study: str, surrogate: str = "") -> str:
    return f"{study}/{surrogate}"


def _name_block(study: str, row: int) -> dict[str, Any]:
    place = {"xref": "paper", "x": 0, "xanchor": "left", "y": row, "yanchor": "middle"}
    return {"text": f"<b>{study}</b>", "showarrow": False, **place}


def _write_cells(study: str, cells: pd.DataFrame, outcome: str) -> pd.DataFrame:
    """Write a study's cells as the heat map takes them."""
    return cells.assign(
        row=[_name_row(study, surrogate) for surrogate in cells["surrogate"]],
        value=cells[outcome] / cells["hearings"],
        text=cells[outcome].astype(str) + "/" + cells["hearings"].astype(str),
        hover=[
            f"{study}: {row['surrogate']} → {row['remote']} ({words.ARMS[row['arm']]})"
            f"<br>{row[outcome]} of {words.many(row['hearings'], 'hearing')}"
            for row in cells.to_dict("records")
        ],
    )


def _tell_study(pairs: pd.DataFrame) -> str:
    """Write how many pairs of different models have a transfer, and which has most."""
    if pairs.empty:
        return "no other model listened"
    hit = int((pairs["transfers"] > 0).sum())
    told = f"in {hit} of {words.many(len(pairs), 'pair')} of different models"
    if not hit:
        return told
    shares = pairs.assign(share=pairs["transfers"] / pairs["hearings"])
    best = shares.sort_values("share", ascending=False, kind="stable").iloc[0]
    heard = write(Count(int(best["transfers"]), int(best["hearings"])))
    return f"{told}, most from {best['surrogate']} to {best['remote']} ({heard} hearings)"


def _compare_pairs(found: Mapping[str, pd.DataFrame]) -> str:
    """Write which pair of different models differs most between studies; empty where no two have the same pair."""
    by_pair: dict[Pair, dict[str, float]] = {}
    for study, pairs in found.items():
        for row in pairs.to_dict("records"):
            shares = by_pair.setdefault((row["surrogate"], row["remote"]), {})
            shares[study] = row["transfers"] / row["hearings"]
    shared = {pair: shares for pair, shares in by_pair.items() if len(shares) > 1}
    if not shared:
        return ""
    pair, shares = max(shared.items(), key=lambda item: max(item[1].values()) - min(item[1].values()))
    if len(set(shares.values())) == 1:
        return f"Studies have {words.many(len(shared), 'such pair')} in common, with equal shares."
    told = ", ".join(f"{percent(share)} in {study}" for study, share in shares.items())
    start = f"Of {words.many(len(shared), 'such pair')} in common, " if len(shared) > 1 else "Of the pair in common, "
    return f"{start}{pair[0]} to {pair[1]} {'differs most' if len(shared) > 1 else 'differs'}: {told}."


def _list_pairs(study: Study) -> Iterator[tuple[tuple[str, ...], Cell]]:
    for kind, label in words.TARGET_KINDS.items():
        for row in _sum_cells(study, kind).to_dict("records"):
            text = f"{row['transfers']} of {row['hearings']}, top ten {row['top_ten']}"
            yield (row["surrogate"], row["remote"], words.ARMS[row["arm"]], label.lower()), Cell(text, text)
