"""The ladder as a reader meets it."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import DESK, PHONE, Opened

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from fabricated_rungs import AudibleRungs, rise

    folder = tmp_path_factory.mktemp("study")
    path = folder / "report.html"
    path.write_text(AudibleRungs(folder, hears=rise, utterances=6).write().report())
    return path


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"], indirect=True)
def test_every_view_of_the_ladder_has_its_rungs(opened: Opened) -> None:
    figure = opened.page.locator("#figure-ladder")
    views = figure.locator(".views option")
    assert views.count() == 2
    for index in range(views.count()):
        figure.locator(".views select").select_option(index=index)
        rungs = figure.locator(".ytick text").all_text_contents()
        assert rungs[0] == "another seed"
        assert rungs[-1] == "all weights"
        assert len(rungs) == 10
        assert figure.locator(".scatterlayer .trace").count() == 3
    assert opened.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert opened.complaints == []


def test_the_navigation_leads_to_the_ladder(opened: Opened) -> None:
    opened.page.locator("nav a", has_text="Ladder").click()
    assert opened.page.evaluate("location.hash") == "#ladder"
