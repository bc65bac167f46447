"""Tables as the page shows them: cells as read, as sorted, and as a spreadsheet gets them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from asrtransfer.report import words
from asrtransfer.statistics.published import Published
from asrtransfer.tables import PHRASES
from asrtransfer.tables.design import Attack, Design
from asrtransfer.tables.phrases import TOTAL

SHARES = re.compile(
    r"(?<!odds_)(?<!gain_)(share|lower|upper|bound|estimate|difference|least|most|margin|excess|agreement)$"
    r"|^(dev|test)_(wer|cer)(_greedy|_language_model)?$"
)
"""Columns whose values are read as percentages."""
WHOLE = re.compile(r"(^|_)(samples|attempts|hearings|transfers|above|utterances|units|parameters|threads|right|pairs)$")
"""Columns of counts."""
ABBREVIATIONS = re.compile(r"\b(wer|cer|ctc|snr|k1|l2)\b")
NUMBERS = re.compile(r"^(seed|rank|iteration)$")
"""Columns of whole numbers that are names: no space stands between their thousands."""
BADGES = {
    "supported": "good",
    "contradicted": "bad",
    "within the margin": "bad",
    "undecided at this size": "open",
    "not tested": "none",
}
MISSING = "–"
SHORT = 26


@dataclass(frozen=True)
class Column:
    """A column: name in files, label in the page, meaning, whether it holds numbers, and a class for its looks."""

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
        labels: by column, where another text than the name is shown.
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
    """Tell whether all texts fit on a line of a table."""
    return bool((column.astype(str).str.len() <= SHORT).all()) or str(column.name).endswith("sha256")


def cell(column: str, value: object) -> Cell:
    """Prepare one value as shown and as stored."""
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
        return Cell(text if NUMBERS.search(column) else words.grouped(int(text)), text)
    return Cell(text, text)


def _number(column: str, value: float) -> str:
    if math.isinf(value):
        return "∞"
    # A column of counts that lacks some of them is read as one of floating-point numbers.
    if value.is_integer() and WHOLE.search(column):
        return words.grouped(int(value))
    if value.is_integer() and NUMBERS.search(column):
        return str(int(value))
    if SHARES.search(column):
        sign = "−" if value < 0 else ""
        return sign + words.unbroken_percent(abs(value))
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
    "spoken_hits": "heard when spoken",
    "spoken_hearings": "hearings of it spoken",
    "same_seed_transfers": "transfers, same seed",
    "same_seed_hearings": "hearings, same seed",
    "family_transfers": "transfers, another family",
    "family_hearings": "hearings, another family",
    "self_transfers": "own surrogate hears it",
    "reached": "attempts that reached it",
    "attempts": "attempts",
    "note": "note",
}
PUBLISHED_ONLY = ("published_samples", "published_transfers", "note")


def phrases(frame: pd.DataFrame, published: Published | None) -> pd.DataFrame:
    """Lay out one attack by phrase beside the published table, if any.

    Args:
        frame: the attack's table by phrase.
        published: figures of the attack.

    Returns:
        Our phrases, those published but not attacked here, and the total.
    """
    ours = frame.assign(note=frame["note"].where(frame["phrase"] != TOTAL, ""))
    for what in ("hearings", "transfers"):
        parts = [frame[f"{arm}_{what}"] for arm in ("ulp", "native") if f"{arm}_{what}" in frame]
        if parts:
            ours[f"same_seed_{what}"] = sum(parts[1:], parts[0])
    ours = ours[[name for name in PHRASE_LABELS if name in ours]]
    if published is None:
        return ours.drop(columns=list(PUBLISHED_ONLY))
    total = ours["phrase"] == TOTAL
    rest = _list_other_phrases(published, set(frame["phrase"]))
    whole = pd.concat([ours[~total], rest, ours[total]], ignore_index=True) if len(rest) else ours
    whole = whole.astype({name: "Int64" for name in whole if name not in ("phrase", "note")})
    if len(rest):
        # The file's total is of the phrases attacked here; below the whole published table it would mislead.
        whole.loc[whole["phrase"] == TOTAL, "published_samples"] = published.total
    return whole


def _list_other_phrases(published: Published, known: set[str]) -> pd.DataFrame:
    names = [name for name in published.samples if name not in known]
    return pd.DataFrame(
        {
            "phrase": names,
            "published_samples": [published.samples[name] for name in names],
            "published_transfers": published.transfers,
            "note": "not attacked here",
        }
    )


TITLES = {
    "checks": "Checks of the pipeline itself",
    "near-targets": "Near targets: texts that the surrogate itself finds nearly as likely",
    "arms": "Transfers by arm, with bounds by hearing, utterance and pair",
    "transfers": "Every surrogate heard by every remote",
    "controls": "Samples beside the controls that should not carry their target",
    "ladder": "The ladder: transfer by what remote and surrogate share",
    "families": "Transfer within a family of recognisers and across",
    "doses": "Doses: transfer beside distortion, the surrogate's confidence and the controls",
    "attack-success": "Success of every attack job, with distortion",
    "failures": "Attempts that left no sample",
    "confidence-definitions": "Definitions of confidence",
    "models": "Models",
    "paired": "Paired comparisons",
    "claims": "Claims",
    "columns": "Meanings of every column",
}


def title_phrases(attack: Attack) -> str:
    """Write the title of an attack's table by phrase."""
    beside = f", beside the published {attack.published.name}" if attack.published else ""
    return f"{attack.label} by phrase{beside}"


def everything(design: Design, tables: Mapping[str, pd.DataFrame], order: Iterable[str], most: int) -> list[Table]:
    """Prepare every table.

    Args:
        design: of the study.
        tables: by name.
        order: names, as they are shown.
        most: rows to show of each.
    """
    titles = TITLES | {PHRASES.format(name): title_phrases(attack) for name, attack in design.attacks.items()}
    return [
        table(name, titles.get(name, name), tables[name], meanings(tables, name), most=most)
        for name in order
        if name in tables
    ]


def meanings(tables: Mapping[str, pd.DataFrame], name: str) -> dict[str, str]:
    """Look up the meanings of a table's columns in the table ``columns``."""
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
    "tried",
)
HEARD_LABELS = {
    "model": "model",
    "arm": "arm",
    "adversarial": "hears in the sample",
    "raw": "as it writes it",
    "hit": "target",
    "rank": "target's rank",
    "cer_target": "CER to target",
    "cer_truth": "CER to truth",
    "clean": "hears in the original",
}
