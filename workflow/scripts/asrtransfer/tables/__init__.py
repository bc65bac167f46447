"""From transcripts to tables: every table is a query on stored results, and states its unit.

Rows follow the order of the configuration, so that the same results give the same bytes. Shares are 0..1.
:mod:`asrtransfer.tables.columns` and the table ``columns`` explain every column.
"""

from __future__ import annotations

import pandas as pd

from asrtransfer.tables import (
    attempts,
    checks,
    claims,
    columns,
    doses,
    families,
    ladder,
    models,
    pairs,
    phrases,
    transfers,
)
from asrtransfer.tables.design import Design, Settings
from asrtransfer.tables.results import Results, read

__all__ = ["Design", "Results", "Settings", "plain", "read", "tabulate"]

PHRASES = "phrases-{}"
"""Name of the table of an attack by phrase."""


def tabulate(results: Results, design: Design) -> dict[str, pd.DataFrame]:
    """Make every table of a study.

    Args:
        results: of the study.
        design: of the study.

    Returns:
        By name.

    Raises:
        InputError: if a planted hit is miscounted.
    """
    paired = pairs.paired(results, design)
    tables = {
        "checks": checks.checks(results, design),
        **{PHRASES.format(attack): phrases.phrases(results, design, attack) for attack in design.attacks},
        "near-targets": phrases.near_targets(results, design),
        "arms": transfers.arms(results, design),
        "transfers": transfers.transfers(results, design),
        "controls": transfers.controls(results, design),
        "doses": doses.doses(results, design),
        "ladder": ladder.ladder(results, design),
        "families": families.families(results, design),
        "attack-success": attempts.attack_success(results, design),
        "failures": attempts.failures(results, design),
        "confidence-definitions": attempts.confidence_definitions(results, design),
        "models": models.models(results, design),
        "paired": paired,
        "claims": claims.claims(results, design, paired),
    }
    tables = {name: plain(table) for name, table in tables.items()}
    return {**tables, "columns": columns.columns(tables)}


def plain(table: pd.DataFrame) -> pd.DataFrame:
    """Return the same rows with names as strings instead of categories."""
    categories = table.select_dtypes("category").columns
    return table.astype(dict.fromkeys(categories, object))
