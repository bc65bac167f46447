"""A comparison as a reader meets it: narrow and wide screens, light and dark, a keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Opened, open_page, switch_theme
from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
WIDTHS = (360, 800, 1600)


@pytest.fixture(params=WIDTHS)
def compared(browser: Browser, comparison: Path, request: pytest.FixtureRequest) -> Iterator[Opened]:
    """The page at a width."""
    with open_page(browser, comparison, (request.param, 900)) as opened:
        yield opened


def test_nothing_leaves_the_machine_and_nothing_is_wider_than_the_screen(compared: Opened, comparison: Path) -> None:
    size = compared.page.viewport_size
    assert size is not None
    assert compared.page.evaluate("document.documentElement.scrollWidth") == size["width"]
    assert [url for url in compared.requests if not url.startswith(("data:", "blob:"))] == [comparison.as_uri()]


def test_every_figure_is_drawn_in_every_view_and_has_words(compared: Opened) -> None:
    figures = compared.page.locator("[data-figure]").all()
    assert len(figures) == 5
    for figure in figures:
        views = figure.locator(".views option")
        for index in range(max(1, views.count())):
            if views.count():
                figure.locator(".views select").select_option(index=index)
            assert figure.locator(".points path, .heatmap-label").count() > 0
            assert "null" not in figure.locator(".plot").inner_text()
        caption = figure.locator("figcaption").inner_text()
        assert "narrow:" in caption
        assert "wide:" in caption
        label = figure.locator(".plot").get_attribute("aria-label") or ""
        assert caption.removesuffix(" Numbers") in label


@pytest.mark.parametrize("width", WIDTHS)
def test_dose_curves_are_drawn_in_every_view(browser: Browser, compared_doses: Path, width: int) -> None:
    with open_page(browser, compared_doses, (width, 900)) as opened:
        assert opened.page.evaluate("document.documentElement.scrollWidth") == width
        figure = opened.page.locator("[data-figure=curves]")
        views = figure.locator(".views option")
        assert views.count() == 4
        for index in range(4):
            figure.locator(".views select").select_option(index=index)
            assert figure.locator(".scatterlayer .trace").count() == 4
            assert "null" not in figure.locator(".plot").inner_text()
        assert "most transfers at b-100" in figure.locator("figcaption").inner_text()
        assert opened.complaints == []


def test_light_and_dark(compared: Opened) -> None:
    switch_theme(compared)


def test_all_can_be_reached_by_keyboard(compared: Opened) -> None:
    unlabelled = compared.page.evaluate(
        """() => [...document.querySelectorAll("button, select, input, .scroll, .plot")]
          .filter((one) => !one.closest(".svg-container"))
          .filter((one) => !one.getAttribute("aria-label") && !one.textContent.trim())
          .filter((one) => !one.closest("label")?.textContent.trim())
          .map((one) => one.outerHTML.slice(0, 80))"""
    )
    assert unlabelled == []
    compared.page.keyboard.press("Tab")
    assert compared.page.evaluate("document.activeElement.className") == "skip"
    header = compared.page.locator('[data-table="claims"] th').first
    header.locator("button").focus()
    compared.page.keyboard.press("Enter")
    assert header.get_attribute("aria-sort") == "ascending"
