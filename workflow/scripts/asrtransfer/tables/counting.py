"""Counts of tables, and their intervals."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asrtransfer.statistics import bootstrap, bounds
from asrtransfer.tables.design import SAMPLE, STRANGERS, Settings

Outcome = Literal["hit", "top_ten"]

UNITS: dict[str, list[str]] = {
    "hearing": [*SAMPLE, "remote"],
    "sample": SAMPLE,
    "utterance": ["utterance_id"],
    "pair": ["surrogate", "remote"],
    "surrogate": ["surrogate"],
}
"""Columns that name a unit. A unit above the hearing hits if any of its hearings does."""


def select_spoken(hearings: pd.DataFrame) -> pd.DataFrame:
    """Select the hearings of spoken phrases by strangers, each voice once: it stands beside every confidence."""
    rows = selected(hearings, kind="spoken")
    return rows[rows["arm"].isin(STRANGERS)].drop_duplicates(["remote", "utterance_id", "target"])


def adversarial(hearings: pd.DataFrame) -> pd.DataFrame:
    """Select the hearings of samples; leave out those of controls."""
    return hearings[hearings["kind"] == "adversarial"]


def counted(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Select rows by each way of counting.

    ``primary``: one sample an (utterance, target, surrogate, attack, confidence), the primary estimate;
    ``all``: every stored sample, as the published study counts.
    """
    yield "primary", rows[rows["primary"]]
    yield "all", rows


def tally(rows: pd.DataFrame, unit: str, outcome: Outcome = "hit") -> tuple[int, int]:
    """Count units that hit, and units."""
    if unit == "hearing":
        return int(rows[outcome].sum()), len(rows)
    units = number_units(rows, UNITS[unit])
    return len(np.unique(units[rows[outcome].to_numpy(dtype=bool)])), len(np.unique(units))


def number_units(rows: pd.DataFrame, columns: Sequence[str]) -> NDArray[np.int64]:
    """Number each row's unit: rows whose columns agree have the same number."""
    numbers = np.zeros(len(rows), dtype=np.int64)
    for column in columns:
        values = rows[column]
        if isinstance(values.dtype, pd.CategoricalDtype):
            codes, size = values.cat.codes.to_numpy(), len(values.cat.categories)
        else:
            codes, known = pd.factorize(values)
            size = len(known)
        numbers = numbers * (size + 1) + codes + 1
    return numbers


def share(hits: int, units: int) -> float:
    """Divide hits by units; not a number where there are no units."""
    return hits / units if units else math.nan


def limits(hits: int, units: int, settings: Settings, prefix: str = "") -> dict[str, float]:
    """Compute the columns lower and upper (two-sided, exact) and bound.

    The bound is one-sided where all units agree, else not a number.
    """
    lower, upper = bounds.clopper_pearson(hits, units, settings.confidence_level)
    bound = bounds.one_sided(hits, units, settings.confidence_level)
    return {
        f"{prefix}lower": lower,
        f"{prefix}upper": upper,
        f"{prefix}bound": math.nan if bound is None else bound,
    }


def resampled(
    rows: pd.DataFrame, settings: Settings, by: bootstrap.By = "both", outcome: str = "hit"
) -> bounds.Interval:
    """Compute the cluster bootstrap interval of a column's mean: of an outcome, the share of hearings that hit."""
    return bootstrap.interval(
        *bootstrap.counts(rows["utterance_id"].cat.codes, rows["surrogate"].cat.codes, rows[outcome]),
        by=by,
        level=settings.confidence_level,
        resamples=settings.resamples,
        seed=settings.seed,
    )


def completed(expected: pd.DataFrame, keys: Sequence[str], found: pd.DataFrame, counts: Sequence[str]) -> pd.DataFrame:
    """Fill in rows for every expected combination of keys, in order; counts are 0 where nothing was found.

    Args:
        expected: rows that have the keys, in any order and number.
        keys: columns.
        found: the keys, counts and other columns, at most one row a combination.
        counts: columns of ``found``.
    """
    names = list(keys)
    table = expected[names].drop_duplicates().merge(found, on=names, how="left").sort_values(names)
    table[list(counts)] = table[list(counts)].fillna(0).astype("int64")
    return table.reset_index(drop=True)


def selected(rows: pd.DataFrame, **wanted: Any) -> pd.DataFrame:
    """Select rows whose columns have these values."""
    chosen = np.ones(len(rows), dtype=bool)
    for column, value in wanted.items():
        chosen &= (rows[column] == value).to_numpy(dtype=bool)
    return rows[chosen]
