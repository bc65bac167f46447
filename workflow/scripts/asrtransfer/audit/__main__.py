"""Audit a folder of results: ``python -m asrtransfer.audit results``."""

from __future__ import annotations

import argparse
import sys

from asrtransfer.audit import audit
from asrtransfer.audit.findings import describe
from asrtransfer.audit.stored import NotAStudy


def main(arguments: list[str] | None = None) -> int:
    """Print what the audit finds; 1 if a check fails, 2 if the folder is none of a finished study."""
    parser = argparse.ArgumentParser(
        prog="python -m asrtransfer.audit", description="Check a finished study again, from what it has stored."
    )
    parser.add_argument("results", help="the folder of a study's results")
    given = parser.parse_args(arguments)
    try:
        found = audit(given.results)
    except NotAStudy as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(describe(found), end="")
    return 0 if all(one.holds for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
