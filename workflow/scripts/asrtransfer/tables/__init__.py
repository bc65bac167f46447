"""From transcripts to tables: every table is a query on what the jobs stored, and says its unit.

Rows are in the order of the configuration, so that the same results give the same bytes. Shares are 0..1.
What every column means is in :mod:`asrtransfer.tables.columns`, and in the table ``columns``.
"""

from __future__ import annotations

import pandas as pd

from asrtransfer.tables.attempts import attack_success, confidence_definitions, failures
from asrtransfer.tables.checks import checks
from asrtransfer.tables.claims import claims
from asrtransfer.tables.columns import columns
from asrtransfer.tables.design import Design, Settings
from asrtransfer.tables.models import models
from asrtransfer.tables.pairs import paired
from asrtransfer.tables.phrases import near_targets, phrases
from asrtransfer.tables.results import Results, read
from asrtransfer.tables.transfers import arms, controls, transfers

__all__ = ["Design", "Results", "Settings", "plain", "read", "tabulate"]


def tabulate(results: Results, design: Design) -> dict[str, pd.DataFrame]:
    """Every table of a study, by name.

    Raises:
        InputError: if a planted hit is miscounted.
    """
    tables = {"checks": checks(results, design)}
    tables |= {attack: phrases(results, design, attack) for attack in design.attacks}
    pairs = paired(results, design)
    tables |= {
        "near-targets": near_targets(results, design),
        "arms": arms(results, design),
        "transfers": transfers(results, design),
        "controls": controls(results, design),
        "attack-success": attack_success(results, design),
        "failures": failures(results, design),
        "confidence-definitions": confidence_definitions(results, design),
        "models": models(results, design),
        "paired": pairs,
        "claims": claims(results, design, pairs),
    }
    tables = {name: plain(table) for name, table in tables.items()}
    return {**tables, "columns": columns(tables)}


def plain(table: pd.DataFrame) -> pd.DataFrame:
    """The same rows with names as strings instead of categories."""
    categories = table.select_dtypes("category").columns
    return table.astype(dict.fromkeys(categories, object))
