"""The dose curve as a reader meets it."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import DESK, PHONE, Opened

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from fabricated_doses import AudibleDoses, optimum

    folder = tmp_path_factory.mktemp("study")
    path = folder / "report.html"
    path.write_text(AudibleDoses(folder, hears=optimum).write().report())
    return path


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"], indirect=True)
def test_every_view_of_the_curve_has_its_lines(opened: Opened) -> None:
    figure = opened.page.locator("#figure-dose")
    views = figure.locator(".views option")
    assert views.count() == 4
    for index in range(views.count()):
        figure.locator(".views select").select_option(index=index)
        # Two targets, two arms and two sweeps, and the controls of one arm.
        assert figure.locator(".scatterlayer .trace .js-line").count() == 2 * 2 * 2 + 2 * 2
    assert opened.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_the_navigation_leads_to_the_curve(opened: Opened) -> None:
    opened.page.locator("nav a", has_text="Dose").click()
    assert opened.page.evaluate("location.hash") == "#dose"
