"""The report and the comparison on paper: all of it, in dark ink on white, and nothing that only works on a screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import DESK, PHONE, Opened, open_page
from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
PAGES = ["report", "comparison"]
SHEET = 700
"""Pixels of 1/96 inch between the margins of an upright A4 sheet."""

CUT_OFF = """() => {
  const shown = (one) => one.checkVisibility() && !one.closest(".visually-hidden");
  const boxes = [...document.querySelectorAll("body *")].filter((one) => !one.closest("svg") && shown(one));
  const clips = (one) => ["hidden", "auto", "scroll"].includes(getComputedStyle(one).overflowX);
  const wide = boxes.filter((one) => one.getBoundingClientRect().right > PAPER + 0.5);
  const clipped = boxes.filter(clips).filter(
    (one) => one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + 1,
  );
  const figures = [...document.querySelectorAll(".plot .main-svg")].filter(
    (one) => one.getBoundingClientRect().right > PAPER + 0.5,
  );
  return [...wide, ...clipped, ...figures].map((one) => one.outerHTML.slice(0, 120));
}""".replace("PAPER", str(SHEET))

PALE = """() => {
  const light = (text) => {
    const [red, green, blue] = text.match(/[\\d.]+/g).map((part) => part / 255).map(
      (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const texts = [...document.querySelectorAll("body *")].filter((one) =>
    one.checkVisibility() && !one.closest("script, style, .heatmap-label, option") &&
    [...one.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim()));
  const found = texts.map((one) => [one, getComputedStyle(one)[one.closest("svg") ? "fill" : "color"]]);
  return [found.length, found.filter(([, colour]) => 1.05 / (light(colour) + 0.05) < 4.5)
    .map(([one, colour]) => `${colour} ${one.outerHTML.slice(0, 80)}`)];
}"""
"""How many texts there are, and those whose contrast to white is below 4.5, the least of WCAG 2.2 for text."""


@pytest.fixture(scope="module", params=PAGES)
def page_path(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module", params=["light", "dark"])
def printed(browser: Browser, page_path: Path, request: pytest.FixtureRequest) -> Iterator[Opened]:
    """A page drawn for a desk, in a theme, then laid out on paper."""
    with open_page(browser, page_path, DESK) as opened:
        if request.param == "dark":
            opened.page.locator("#theme").click()
        opened.page.emulate_media(media="print")
        # The window keeps its size, or figures would be drawn again, which printing does not do.
        opened.page.evaluate(f"document.documentElement.style.width = '{SHEET}px'")
        yield opened


def set_details(opened: Opened, state: bool) -> None:
    """Open or close everything that can be opened."""
    opened.page.evaluate("(state) => document.querySelectorAll('details').forEach((one) => (one.open = state))", state)


@pytest.mark.parametrize("state", [False, True], ids=["closed", "open"])
def test_nothing_is_cut_off(printed: Opened, state: bool) -> None:
    set_details(printed, state)
    assert printed.page.evaluate(CUT_OFF) == []


def test_every_text_is_legible_on_white(printed: Opened) -> None:
    set_details(printed, True)
    count, pale = printed.page.evaluate(PALE)
    assert count > 200
    assert pale == []


def test_what_only_works_on_a_screen_is_left_out(printed: Opened) -> None:
    set_details(printed, True)
    assert printed.page.locator("audio:visible, header:visible, input:visible, .csv:visible").count() == 0
    # A name of a column is a button on the screen.
    for name in printed.page.locator("th button").all()[:3]:
        assert name.evaluate("(one) => getComputedStyle(one).display") == "contents"


def test_what_is_closed_says_so_or_is_printed(printed: Opened) -> None:
    set_details(printed, False)
    for one in printed.page.locator("details:not(.terms)").all():
        assert one.locator("summary .printed").is_visible(), one.inner_text()
    assert all(one.is_visible() for one in printed.page.locator(".terms dd").all())
    set_details(printed, True)
    assert printed.page.locator("summary .printed:visible").count() == 0


def test_a_figure_names_its_view_and_how_many_there_are(printed: Opened) -> None:
    for figure in printed.page.locator("[data-figure]").all():
        views = figure.locator("option").count()
        if views > 1:
            assert figure.locator("select").is_visible()
            assert f"one of {views} views" in figure.locator(".views").inner_text()


WIDTHS = "() => [...document.querySelectorAll('.plot')].map((one) => one.querySelector('svg').width.baseVal.value)"
ROOM = "() => [...document.querySelectorAll('.plot')].map((one) => one.clientWidth)"


def test_figures_are_drawn_for_paper_and_for_every_width_of_the_screen(browser: Browser, report: Path) -> None:
    with open_page(browser, report, DESK) as opened:
        page = opened.page

        def settle(widths: list[int]) -> None:
            page.wait_for_timeout(500)
            assert page.evaluate(WIDTHS) == widths

        desk = page.evaluate(ROOM)
        assert min(desk) > SHEET
        for event, expected in (("beforeprint", [SHEET] * len(desk)), ("afterprint", desk)):
            page.evaluate(f"dispatchEvent(new Event('{event}'))")
            settle(expected)
        page.set_viewport_size({"width": 700, "height": 900})
        assert max(page.evaluate(ROOM)) < SHEET
        settle(page.evaluate(ROOM))


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_a_browser_prints_it(browser: Browser, page_path: Path, tmp_path: Path, size: tuple[int, int]) -> None:
    """The browser's own printing, and the page is as before on the screen."""
    with open_page(browser, page_path, size) as opened:
        before = opened.page.evaluate("document.documentElement.scrollWidth")
        opened.page.pdf(path=tmp_path / "page.pdf", format="A4", prefer_css_page_size=True)
        assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
        assert opened.page.evaluate("document.documentElement.scrollWidth") == before
        assert opened.page.locator("audio:visible").count() == opened.page.locator("details[open] audio").count()
