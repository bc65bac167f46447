"""Verdict and report: what they print, held against the tables and the transcripts."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from html.parser import HTMLParser

from asrtransfer.audit.findings import Finding, Probe
from asrtransfer.audit.stored import Stored

SEED_LINE = re.compile(
    r"^another seed +([\d,]+) of ([\d,]+) hearings of phrases transfer: ([\d,]+) of ([\d,]+)", re.MULTILINE
)
"""Of the verdict."""


def check(stored: Stored) -> Iterator[Finding]:
    """Check verdict and report."""
    yield _check_verdict(stored)
    yield _check_claims(stored)
    yield _check_report(stored)


def _check_verdict(stored: Stored) -> Finding:
    probe = Probe("verdict", "its line on another seed is what the transcripts say", "figures")
    found = SEED_LINE.search(stored.read_text("verdict.txt"))
    heard = stored.hits
    part = heard[(heard["arm"] == "seed") & (heard["target_kind"] == "phrase")]
    by = part.groupby("utterance_id")["is_hit"].any()
    own = (int(part["is_hit"].sum()), len(part), int(by.sum()), len(by))
    if found is not None:
        told = tuple(int(one.replace(",", "")) for one in found.groups())
        for one, other in zip(told, own, strict=True):
            probe.look(one == other, f"the verdict says {told}, the transcripts {own}")
    return probe.finish("it has no such line")


def _check_claims(stored: Stored) -> Finding:
    """The verdict names the claims of each verdict that the table has, or only counts them where all have one."""
    probe = Probe("verdict", "it counts and names the claims as claims.csv does", "verdicts")
    text = stored.read_text("verdict.txt")
    claims = stored.read_table("tables/claims.parquet")
    for published in (True, False):
        part = claims[(claims["published"] != "") == published]
        for verdict, rows in part.groupby("verdict"):
            everything = len(rows) == len(part)
            said = f"all {len(rows)} {verdict}" if everything else f"{len(rows)} {verdict}: {', '.join(rows['claim'])}"
            probe.look(re.search(rf"(?m){re.escape(said)}$", text) is not None, f"it does not say {said!r}")
    return probe.finish("the study has no claims")


def _check_report(stored: Stored) -> Finding:
    """The report shows the first rows of each table as its file has them."""
    probe = Probe("report", "its tables have the values of their files", "cells")
    reader = _Reader()
    reader.feed(stored.read_text("report.html"))
    for name, (columns, rows) in reader.tables.items():
        path = stored.folder / f"tables/{name}.csv"
        if not path.is_file():
            continue
        with path.open(newline="") as file:
            header, *lines = csv.reader(file)
        probe.look(columns == header, f"{name}: other columns than its file has")
        if columns != header:
            continue
        for place, (row, line) in enumerate(zip(rows, lines, strict=False), 1):
            for column, shown, value in zip(header, row, line, strict=True):
                probe.look(_is_same(shown, value), f"{name}, row {place}, {column}: {shown!r} for {value!r}")
    return probe.finish("it shows no table of a file")


def _is_same(shown: str, value: str) -> bool:
    """Whether a cell shows a value: as it is in the file, or as the number that it is."""
    if shown == value or (shown, value) in (("true", "True"), ("false", "False")):
        return True
    try:
        return float(shown) == float(value)
    except ValueError:
        return False


class _Reader(HTMLParser):
    """Reads the tables of a report: by name, the names of the columns and the stored values of the rows."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, tuple[list[str], list[list[str]]]] = {}
        self._name = ""
        self._value: str | None = None
        self._text: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a table, a row or a cell."""
        given = dict(attrs)
        if tag == "div" and "data-table" in given:
            self._name = given["data-table"] or ""
            self.tables[self._name] = ([], [])
        elif tag == "th" and self._name:
            self.tables[self._name][0].append(given.get("data-name") or "")
        elif tag == "tr" and self._name and self.tables[self._name][0]:
            self.tables[self._name][1].append([])
        elif tag == "td" and self._name:
            self._value, self._text = given.get("data-value"), []

    def handle_data(self, data: str) -> None:
        """Collect the text of a cell."""
        if self._text is not None:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        """End a cell or a table."""
        if tag == "td" and self._text is not None:
            told = self._value if self._value is not None else "".join(self._text)
            self.tables[self._name][1][-1].append(told)
            self._text = None
        elif tag == "table":
            self._name = ""
