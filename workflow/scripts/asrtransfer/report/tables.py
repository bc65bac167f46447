"""Tables as the page shows them: what is read, what is sorted by, and what a spreadsheet gets."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from asrtransfer.report import words
from asrtransfer.statistics.published import TABLES
from asrtransfer.tables.phrases import TOTAL

SHARES = re.compile(
    r"(?<!odds_)(share|lower|upper|bound|estimate|difference|margin)$"
    r"|^(dev|test)_(wer|cer)(_greedy|_language_model)?$"
)
"""Columns whose values are read as percentages."""
ABBREVIATIONS = re.compile(r"\b(wer|cer|ctc|snr|k1|l2)\b")
BADGES = {
    "supported": "good",
    "contradicted": "bad",
    "undecided at this size": "open",
    "not tested": "none",
}
MISSING = "–"
SHORT = 26


@dataclass(frozen=True)
class Column:
    """A column: name in files, label in the page, meaning, whether of numbers, and a class for its looks."""

    name: str
    label: str
    meaning: str
    numeric: bool
    look: str


@dataclass(frozen=True)
class Cell:
    """A cell: text as shown, value as stored (for sorting and for CSV), and a class for its looks."""

    text: str
    value: str
    look: str = ""


@dataclass(frozen=True)
class Table:
    """A table of the page.

    Attributes:
        name: of its file, and in the page's addresses.
        title: what it holds.
        columns: of every row.
        rows: shown.
        total: rows of the file, which may be more than those shown.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: int


def table(
    name: str,
    title: str,
    frame: pd.DataFrame,
    meanings: Mapping[str, str],
    *,
    most: int | None = None,
    labels: Mapping[str, str] | None = None,
) -> Table:
    """Prepare a data frame for the page.

    Args:
        name: of the table.
        title: what it holds.
        frame: rows and columns.
        meanings: by column; a column without one shows none.
        most: rows to show; None shows all.
        labels: by column, where the name is not to be read.
    """
    columns = tuple(
        Column(
            str(column),
            (labels or {}).get(str(column), _label(str(column))),
            meanings.get(str(column), ""),
            _numeric(frame[column]),
            "number" if _numeric(frame[column]) else "" if _short(frame[column]) else "prose",
        )
        for column in frame
    )
    rows = tuple(
        tuple(cell(column.name, value) for column, value in zip(columns, row, strict=True))
        for row in frame.head(most if most is not None else len(frame)).itertuples(index=False, name=None)
    )
    return Table(name, title, columns, rows, len(frame))


def _label(column: str) -> str:
    return ABBREVIATIONS.sub(lambda found: found[0].upper(), column.replace("_", " "))


def _numeric(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _short(column: pd.Series) -> bool:
    """Whether all texts fit on a line of a table."""
    return bool((column.astype(str).str.len() <= SHORT).all()) or str(column.name).endswith("sha256")


def cell(column: str, value: object) -> Cell:
    """One value as shown and as stored."""
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return Cell(MISSING, "", "missing")
    if isinstance(value, bool) or type(value).__name__ == "bool":
        return Cell("yes" if value else "no", str(bool(value)).lower(), "yes" if value else "no")
    text = str(value)
    if column == "verdict":
        return Cell(text, text, f"badge {BADGES.get(text, 'none')}")
    if column.endswith("sha256"):
        return Cell(f"{text[:10]}…", text, "hash")
    if isinstance(value, float):
        return Cell(_number(column, value), repr(float(value)))
    if isinstance(value, int) or type(value).__module__ == "numpy":
        return Cell(words.grouped(int(text)) if column not in ("seed", "rank", "iteration") else text, text)
    return Cell(text, text)


def _number(column: str, value: float) -> str:
    if math.isinf(value):
        return "∞"
    if value.is_integer() and column.startswith("published_samples"):
        return words.grouped(int(value))
    if SHARES.search(column):
        sign = "−" if value < 0 else ""
        return sign + words.percent(abs(value))
    if "cer" in column:
        return f"{value:.2f}"
    if column == "p_value":
        return f"{value:.2g}"
    return f"{value:.4g}".replace("-", "−") if "e" not in f"{value:.4g}" else f"{value:.2e}"


PHRASE_LABELS = {
    "phrase": "target phrase",
    "samples": "our samples",
    "published_samples": "published samples",
    "seed_transfers": "our transfers",
    "published_transfers": "published transfers",
    "seed_top_ten": "in the top ten",
    "seed_hearings": "hearings, another seed",
    "same_seed_transfers": "transfers, same seed",
    "same_seed_hearings": "hearings, same seed",
    "self_transfers": "own surrogate hears it",
    "reached": "attempts that reached it",
    "attempts": "attempts",
    "note": "note",
}


def phrases(frame: pd.DataFrame, attack: str) -> pd.DataFrame:
    """One attack by phrase beside the published table, whose other phrases follow; the total comes last."""
    published = TABLES[attack]
    ours = frame.assign(note=frame["note"].where(frame["phrase"] != TOTAL, ""))
    for what in ("hearings", "transfers"):
        parts = [frame[f"{arm}_{what}"] for arm in ("ulp", "native") if f"{arm}_{what}" in frame]
        if parts:
            ours[f"same_seed_{what}"] = sum(parts[1:], parts[0])
    ours = ours[[name for name in PHRASE_LABELS if name in ours]]
    others = [name for name in published.samples if name not in set(frame["phrase"])]
    rest = pd.DataFrame(
        {
            "phrase": others,
            "published_samples": [published.samples[name] for name in others],
            "published_transfers": published.transfers,
            "note": "not attacked here",
        }
    )
    total = ours[ours["phrase"] == TOTAL]
    whole = pd.concat([ours[ours["phrase"] != TOTAL], rest, total], ignore_index=True) if len(rest) else ours
    counts = [name for name in whole if name not in ("phrase", "note")]
    whole = whole.astype(dict.fromkeys(counts, "Int64"))
    if len(rest):
        # The file's total is of the phrases attacked here; below the whole published table it would mislead.
        whole.loc[whole["phrase"] == TOTAL, "published_samples"] = published.total
    return whole


TITLES = {
    "checks": "Checks of the pipeline itself",
    "cw": "C&W by phrase, as the published Table V",
    "pgd": "PGD by phrase, as the published Table VI",
    "near-targets": "Near targets: the surrogate's own 2nd and 3rd choice",
    "arms": "Transfers by arm, with bounds by hearing, utterance and pair",
    "transfers": "Every surrogate heard by every remote",
    "controls": "Samples beside the controls that should not carry their target",
    "attack-success": "Success of every attack job, with distortion",
    "failures": "Attempts that left no sample",
    "confidence-definitions": "What counts as confident",
    "models": "Models",
    "paired": "Paired comparisons",
    "claims": "Published claims",
    "columns": "What every column means",
}


def everything(tables: Mapping[str, pd.DataFrame], order: Iterable[str], most: int) -> list[Table]:
    """Every table, in order."""
    return [
        table(name, TITLES.get(name, name), tables[name], meanings(tables, name), most=most)
        for name in order
        if name in tables
    ]


def meanings(tables: Mapping[str, pd.DataFrame], name: str) -> dict[str, str]:
    """What the columns of a table mean, as the table ``columns`` says."""
    glossary = tables.get("columns")
    if glossary is None:
        return {}
    rows = glossary[glossary["table"] == name]
    return dict(zip(rows["column"], rows["meaning"], strict=True))


CLAIM_COLUMNS: Sequence[str] = (
    "statement",
    "verdict",
    "published",
    "ours",
    "bound",
    "p_value",
    "units",
)
HEARD_LABELS = {
    "model": "model",
    "arm": "arm",
    "adversarial": "hears in the sample",
    "hit": "target",
    "rank": "target's rank",
    "cer_target": "CER to target",
    "cer_truth": "CER to truth",
    "clean": "hears in the original",
}
