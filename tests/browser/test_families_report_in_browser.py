"""Families of recognisers, and the audit, as a reader meets them."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import DESK, PHONE, Opened

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from fabricated_families import AudibleFamilies, partly

    folder = tmp_path_factory.mktemp("study")
    path = folder / "report.html"
    path.write_text(AudibleFamilies(folder, hears=partly, utterances=4).write().report())
    return path


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"], indirect=True)
def test_the_matrix_has_a_cell_a_pair_of_families(opened: Opened) -> None:
    figure = opened.page.locator("#figure-families")
    rows = sorted(figure.locator(".ytick text").all(), key=lambda tick: (tick.bounding_box() or {"y": 0})["y"])
    assert [row.text_content() for row in rows] == ["deepspeech", "log-mel"], "from the top"
    assert figure.locator(".xtick text").all_text_contents() == ["deepspeech", "log-mel", "mine"]
    assert opened.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert opened.complaints == []


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"], indirect=True)
def test_every_view_of_the_forest_has_a_row_a_family(opened: Opened) -> None:
    figure = opened.page.locator("#figure-reach")
    views = figure.locator(".views option")
    assert views.count() == 2
    for index in range(views.count()):
        figure.locator(".views select").select_option(index=index)
        assert len(figure.locator(".ytick text").all_text_contents()) == 2
        assert figure.locator(".scatterlayer .trace").count() == (2, 3)[index]
    assert opened.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert opened.complaints == []


def test_the_navigation_leads_to_the_audit(opened: Opened) -> None:
    opened.page.locator("nav a", has_text="Audit").click()
    assert opened.page.evaluate("location.hash") == "#audit"
    assert (
        "1 check of what is stored, by code of their own: all hold" in opened.page.locator("#audit .lead").inner_text()
    )
