"""Claims of a study by their verdicts, and what would decide the undecided ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from asrtransfer.tables import claims
from asrtransfer.tables.design import Design

VERDICTS = ("supported", "contradicted", "within the margin", "undecided at this size", "not tested")
Condition = Literal["no hit", "as found", "no pair differs"]


@dataclass(frozen=True)
class Need:
    """What would decide an undecided claim.

    Attributes:
        claim: its name.
        utterances: to select; None where no number decides it.
        condition: under which they do: that again none hits, or no pair differs, or that shares stay as they were
            found.
    """

    claim: str
    utterances: int | None
    condition: Condition


@dataclass(frozen=True)
class Claims:
    """Claims by verdict, in the order of :data:`VERDICTS`; verdicts that no claim has are left out.

    Attributes:
        by_verdict: names of claims.
        needs: of the undecided ones.
    """

    by_verdict: Mapping[str, tuple[str, ...]]
    needs: tuple[Need, ...] = ()

    @property
    def count(self) -> int:
        """Number of claims."""
        return sum(map(len, self.by_verdict.values()))

    @property
    def undecided(self) -> bool:
        """Whether any is undecided."""
        return "undecided at this size" in self.by_verdict


def sort_claims(table: pd.DataFrame, attacked: int, *, published: bool) -> Claims:
    """Sort claims by verdict.

    Args:
        table: of claims.
        attacked: utterances that the study attacked.
        published: claims with a published figure, or those without one.
    """
    rows = table[(table["published"] != "") == published]
    found = {word: tuple(rows.loc[rows["verdict"] == word, "claim"]) for word in VERDICTS}
    undecided = rows[rows["verdict"] == "undecided at this size"]
    needs = tuple(_describe_need(row, attacked) for row in undecided.to_dict("records"))
    return Claims({word: names for word, names in found.items() if names}, needs)


def _describe_need(row: Mapping[Any, Any], attacked: int) -> Need:
    """Turn units that a claim needs into utterances that a study selects for them."""
    none: Condition = "no pair differs" if row["unit"] == claims.MATCHED else "no hit"
    condition = none if row["hits"] == 0 and row["estimate"] == 0 else "as found"
    return Need(
        row["claim"], None if pd.isna(row["needed"]) else math.ceil(attacked * row["needed"] / row["units"]), condition
    )


def judge_absence(design: Design, table: pd.DataFrame) -> tuple[str, ...]:
    """List the distinct verdicts on the claims that no sample transfers to another seed; see :attr:`Facts.absence`."""
    published = [name for name, attack in design.attacks.items() if attack.published]
    names = {claims.name_absence_claim(name, claims.ANOTHER_SEED) for name in published}
    found = table.loc[table["claim"].isin(names), "verdict"]
    return tuple(dict.fromkeys(str(word) for word in found if word != "not tested"))
