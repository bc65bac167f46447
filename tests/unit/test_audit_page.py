"""What an audit has found, as a page and as the line that stops a verdict."""

from __future__ import annotations

import re

import pytest
from fabricated_report import TEMPLATES

from asrtransfer.audit.findings import Finding, as_table
from asrtransfer.files.errors import InputError
from asrtransfer.report import audit_page, audited

HOLDS = Finding("attacks", "each attempt is there once", 30, "attempts")
FAILS = Finding("hearing", "ranks are those of the texts", 40, "rows", [f"row {row} & more" for row in range(12)])


def test_the_page_lists_the_first_ten_failures_of_a_check() -> None:
    html = audit_page.render(as_table([HOLDS, FAILS]), TEMPLATES)
    assert "2 checks of what is stored, by code of their own: 1 fail" in html
    shown = re.findall(r"row (\d+) &amp; more</td>", html)
    assert shown == [str(row) for row in range(10)]


def test_without_failures_the_page_has_no_part_for_them() -> None:
    html = audit_page.render(as_table([HOLDS]), TEMPLATES)
    assert "all hold" in html
    assert "What fails" not in html


def test_a_failure_stops_with_its_check_its_count_and_where_the_others_are() -> None:
    audited.refuse(as_table([HOLDS]), "audit.html")
    with pytest.raises(InputError, match=r"hearing: ranks are .*: 12 of 40 do not \(row 0 & more; audit.html lists"):
        audited.refuse(as_table([HOLDS, FAILS]), "audit.html")
