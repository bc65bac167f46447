"""The page of an audit, and its tables in the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from asrtransfer.report.audited import conclude
from asrtransfer.report.frame import render_page
from asrtransfer.report.tables import table

MEANINGS = {
    "stage": "whose promise it is",
    "check": "what must hold",
    "looked_at": "number of things looked at",
    "of": "what was looked at",
    "failed": "number of them of which it does not hold",
    "skipped": "why nothing was looked at",
    "failure": "one of which it does not hold; the first ten of a check are listed",
}
SHOWN = ["stage", "check", "looked_at", "of", "failed", "skipped"]
FAILED = ["stage", "check", "failure"]


def lay_out(found: pd.DataFrame) -> dict[str, Any]:
    """Write what templates show of an audit.

    Args:
        found: a row a check, from :func:`asrtransfer.audit.findings.as_table`.

    Returns:
        The conclusion, a table of the checks, and one of the first failures of each, or nothing where all hold.
    """
    failed = found[found["failed"] > 0]
    rows = failed.assign(failure=failed["failures"].str.split("\n")).explode("failure")
    return {
        "conclusion": conclude(found),
        "checks": table("audit-checks", "Checks of the audit", found[SHOWN], MEANINGS),
        "failures": table("audit-failures", "What fails", rows[FAILED], MEANINGS) if len(rows) else None,
    }


def render(found: pd.DataFrame, templates: Path) -> str:
    """Write the page.

    Args:
        found: a row a check.
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
        audit=lay_out(found),
    )
