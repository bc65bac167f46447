"""What an audit has found, in words."""

from __future__ import annotations

import pandas as pd

from asrtransfer.files.errors import InputError
from asrtransfer.report import words


def refuse(found: pd.DataFrame, where: str) -> None:
    """Stop on the first check that fails.

    Args:
        found: a row a check, from :func:`asrtransfer.audit.findings.as_table`.
        where: the file that lists all that fail.

    Raises:
        InputError: if a check fails: names it and its first failure.
    """
    failed = found[found["failed"] > 0]
    if len(failed):
        first = failed.iloc[0]
        raise InputError(
            f"the audit does not trust these results: {first['stage']}: {first['check']}: {first['failed']} of "
            f"{first['looked_at']} do not ({first['failures'].partition(chr(10))[0]}; {where} lists more). If no file "
            "was changed by hand, report it as a fault; else delete the file that is named, and run again"
        )


def conclude(found: pd.DataFrame) -> str:
    """Write how many checks hold."""
    failed, skipped = int((found["failed"] > 0).sum()), int((found["skipped"] != "").sum())
    beside = f", and {words.many(skipped, 'check')} had nothing to look at" if skipped else ""
    held = f"{failed} fail" if failed else "all hold"
    return f"{words.many(len(found), 'check')} of what is stored, by code of their own: {held}{beside}."
