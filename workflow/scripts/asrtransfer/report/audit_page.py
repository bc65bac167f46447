"""The page of an audit, and its tables in the report."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from asrtransfer.report.audited import conclude
from asrtransfer.report.frame import render_page
from asrtransfer.report.tables import Table, table

MEANINGS = {
    "stage": "whose promise it is",
    "check": "what must hold",
    "looked_at": "number of things looked at",
    "of": "what was looked at",
    "failed": "number of them of which it does not hold",
    "skipped": "why nothing was looked at",
}
SHOWN = ["stage", "check", "looked_at", "of", "failed", "skipped"]


def lay_out_checks(found: pd.DataFrame) -> Table:
    """Lay out a row a check."""
    return table("audit", "Checks of the audit", found[SHOWN], MEANINGS)


def render(found: pd.DataFrame, templates: Path) -> str:
    """Write the page.

    Args:
        found: a row a check; all hold.
        templates: folder with ``audit.html``, ``frame.html``, ``tables.html``, ``style.css`` and ``page.js``.

    Returns:
        HTML that loads nothing, from the network or from disk.
    """
    return render_page(
        templates,
        "audit.html",
        [],
        title="An audit that trusts no stage",
        sections=[("verdict", "Result"), ("checks", "Checks")],
        conclusion=conclude(found),
        checks=lay_out_checks(found),
    )
