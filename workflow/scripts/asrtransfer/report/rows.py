"""Rows of tables that a figure or a sentence is about."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from asrtransfer.tables.design import POOLED, STRANGERS, TARGET_KINDS
from asrtransfer.tables.families import ALL_OTHERS

OTHERS = ("seed", "ulp", "native", "family")
"""Arms whose remotes are meant to be other models than the surrogate."""
LADDER = ("data", "tuned", "shares", "channel")
"""Relations of the ladder between a stranger and a twin: rungs, and the surrogate itself through a channel."""
FEWEST_DOSES = 3
"""Confidences of an attack that make a curve."""


def choose_kind(tables: Mapping[str, pd.DataFrame]) -> str:
    """Return the kind of targets that sentences are about: phrases, or what a study without phrases has attacked."""
    attacked = set(tables["attack-success"]["target_kind"])
    return next((kind for kind in TARGET_KINDS if kind in attacked), TARGET_KINDS[0])


def select_near(table: pd.DataFrame) -> pd.DataFrame:
    """Select the rows of the table of near targets that count primary samples, as strangers to the surrogate hear."""
    return table[table["arm"].isin(STRANGERS) & (table["counted"] == "primary") & (table["hearings"] > 0)]


def select_doses(table: pd.DataFrame) -> pd.DataFrame:
    """Select the rows of the table of doses that make a curve: of attacks with enough confidences, as others hear."""
    enough = table.groupby("attack")["confidence"].transform("nunique") >= FEWEST_DOSES
    return table[enough & table["arm"].isin(OTHERS) & (table["hearings"] > 0)]


def has_rungs(table: pd.DataFrame) -> bool:
    """Say whether the table of the ladder has a rung that is made from the weights of another model."""
    return bool(table["arm"].isin(LADDER).any())


def select_pooled(table: pd.DataFrame, target_kind: str) -> pd.DataFrame:
    """Select the rows that somebody heard, of all attacks together: of the tables of the ladder and of families."""
    rows = table[(table["target_kind"] == target_kind) & (table["attack"] == POOLED)]
    return rows[rows["hearings"] > 0]


def has_families(table: pd.DataFrame) -> bool:
    """Say whether the table of families has more than one family that somebody heard or was heard by."""
    heard = table[table["hearings"] > 0]
    return len({*heard["surrogate_family"], *heard["remote_family"]} - {ALL_OTHERS}) > 1


def attacks_several(table: pd.DataFrame) -> bool:
    """Say whether some rows of the table of families have more than one attacked family."""
    return table["surrogate_family"].nunique() > 1


def order_arms(rows: pd.DataFrame) -> list[str]:
    """List the arms of :data:`OTHERS` that some rows have, strangers to the surrogate first."""
    found = set(rows["arm"])
    return [arm for arm in dict.fromkeys((*STRANGERS, *OTHERS)) if arm in found]
