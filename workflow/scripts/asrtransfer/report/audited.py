"""What an audit has found, as a page and in the report."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from asrtransfer.files.errors import InputError
from asrtransfer.report import words
from asrtransfer.report.frame import render_page
from asrtransfer.report.tables import Table, table

MEANINGS = {
    "stage": "whose promise it is",
    "check": "what must hold",
    "looked_at": "number of things looked at",
    "of": "what was looked at",
    "failed": "number of them of which it does not hold",
    "failures": "the first ten of them",
    "skipped": "why nothing was looked at",
}
SHOWN = ["stage", "check", "looked_at", "of", "failed", "skipped"]


def refuse(found: pd.DataFrame) -> None:
    """Stop on the first check that fails.

    Args:
        found: a row a check, from :func:`asrtransfer.audit.findings.as_table`.

    Raises:
        InputError: if a check fails: names it and its first failure.
    """
    failed = found[found["failed"] > 0]
    if len(failed):
        first = failed.iloc[0]
        raise InputError(
            f"the audit does not trust these results, so there is no verdict: {first['stage']}: {first['check']}: "
            f"{first['failed']} of {first['looked_at']} do not ({first['failures'].partition(chr(10))[0]}). If no file "
            "was changed by hand, report it as a fault; else delete the file that is named, and run again"
        )


def conclude(found: pd.DataFrame) -> str:
    """Write how many checks hold."""
    failed, skipped = int((found["failed"] > 0).sum()), int((found["skipped"] != "").sum())
    beside = f", and {words.many(skipped, 'check')} had nothing to look at" if skipped else ""
    held = f"{failed} fail" if failed else "all hold"
    return f"{words.many(len(found), 'check')} of what is stored, by code of their own: {held}{beside}."


def lay_out_checks(found: pd.DataFrame) -> Table:
    """Lay out a row a check."""
    return table("audit", "Checks of the audit", found[SHOWN], MEANINGS)


def lay_out_failures(found: pd.DataFrame) -> Table:
    """Lay out the first failures of each check that fails, a row a failure."""
    rows = found.loc[found["failed"] > 0, ["stage", "check", "failures"]]
    rows = rows.assign(failures=rows["failures"].str.split("\n")).explode("failures")
    return table("audit-failures", "What fails", rows, MEANINGS)


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
        broken=bool((found["failed"] > 0).any()),
        conclusion=conclude(found),
        checks=lay_out_checks(found),
        failures=lay_out_failures(found),
    )
