"""The report as a reader meets it: figures, sounds, tables, dark rooms, phones, keyboards."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from conftest import DESK, PHONE, Opened, see_colours, switch_theme

pytestmark = pytest.mark.browser
both_sizes = pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"], indirect=True)

CLAIMS = '[data-table="published-claims"]'
PHRASES = '[data-table="cw-by-phrase"]'


def column(opened: Opened, table: str, name: str) -> list[str]:
    """Stored values of the rows shown."""
    return opened.page.eval_on_selector(
        table,
        """(block, name) => {
          const index = [...block.querySelectorAll("th")].findIndex((header) => header.dataset.name === name);
          const rows = [...block.querySelectorAll("tbody tr")].filter((row) => !row.hidden);
          return rows.map((row) => row.cells[index].dataset.value ?? row.cells[index].textContent.trim());
        }""",
        name,
    )


def press(opened: Opened, table: str, name: str) -> None:
    """Sort by a column as from a keyboard."""
    header = opened.page.locator(f'{table} th[data-name="{name}"]')
    header.locator("button").focus()
    opened.page.keyboard.press("Enter")


def test_nothing_leaves_the_machine(opened: Opened, report: Path) -> None:
    opened.page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    opened.page.wait_for_load_state("networkidle")
    outside = [url for url in opened.requests if not url.startswith(("data:", "blob:"))]
    assert outside == [report.as_uri()]


def test_the_page_may_not_reach_the_network(opened: Opened) -> None:
    """Its own policy refuses, so that not even a mistake in it could."""
    refused = opened.page.evaluate(
        "fetch('http://127.0.0.1:9/').then(() => 'allowed', (error) => error.constructor.name)"
    )
    assert refused == "TypeError"
    assert any("Content Security Policy" in text for text in opened.complaints)
    opened.complaints.clear()


@both_sizes
def test_every_figure_is_drawn_in_every_view(opened: Opened) -> None:
    assert opened.page.locator("[data-figure]").count() == 6
    for figure in opened.page.locator("[data-figure]").all():
        views = figure.locator(".views option")
        for index in range(views.count()):
            figure.locator(".views select").select_option(index=index)
            assert figure.locator(".main-svg").count() > 0
            assert figure.locator(".trace, .hm, .heatmaplayer image, .points").count() > 0, views.nth(index)


def test_every_sound_decodes(opened: Opened) -> None:
    found = opened.page.evaluate(
        """() => Promise.all([...document.querySelectorAll("audio")].map((audio) => new Promise((done) => {
          const said = () => done([audio.readyState, audio.duration, audio.error?.message ?? ""]);
          if (audio.readyState > 0 || audio.error) return said();
          audio.addEventListener("loadedmetadata", said);
          audio.addEventListener("error", said);
          audio.load();
        })))"""
    )
    assert len(found) >= 15
    for state, duration, error in found:
        assert state > 0
        assert duration == pytest.approx(0.4, abs=0.01)
        assert error == ""


def test_one_sound_plays_at_a_time(opened: Opened) -> None:
    playing = opened.page.evaluate(
        """async () => {
          const [first, second] = document.querySelectorAll("audio");
          first.loop = second.loop = true;
          await first.play();
          await second.play();
          return [first.paused, second.paused];
        }"""
    )
    assert playing == [True, False]


def test_every_spectrogram_decodes(opened: Opened) -> None:
    widths = opened.page.evaluate(
        """() => Promise.all([...document.querySelectorAll(".spectrogram img")].map(async (image) => {
          image.loading = "eager";
          await image.decode();
          return image.naturalWidth;
        }))"""
    )
    assert len(widths) >= 15
    assert min(widths) > 10


def test_sorting_up_and_down_leaves_the_total_last(opened: Opened) -> None:
    press(opened, PHRASES, "published_samples")
    rising = column(opened, PHRASES, "published_samples")
    numbers = [int(value) for value in rising[:-1]]
    assert numbers == sorted(numbers)
    assert len(set(numbers)) == 11
    assert column(opened, PHRASES, "phrase")[-1] == "total"
    header = opened.page.locator(f'{PHRASES} th[data-name="published_samples"]')
    assert header.get_attribute("aria-sort") == "ascending"
    press(opened, PHRASES, "published_samples")
    falling = column(opened, PHRASES, "published_samples")
    assert [int(value) for value in falling[:-1]] == numbers[::-1]
    assert header.get_attribute("aria-sort") == "descending"
    press(opened, PHRASES, "phrase")
    assert header.get_attribute("aria-sort") is None
    names = column(opened, PHRASES, "phrase")[:-1]
    assert names == sorted(names)


def test_missing_values_sort_last(opened: Opened) -> None:
    for _ in range(2):
        press(opened, PHRASES, "samples")
        assert [value == "" for value in column(opened, PHRASES, "samples")[:-1]] == [False] + [True] * 10


def test_filtering_by_all_words(opened: Opened) -> None:
    rows = len(column(opened, CLAIMS, "statement"))
    box = opened.page.locator(f"{CLAIMS} input")
    box.fill("PGD another seed")
    shown = column(opened, CLAIMS, "statement")
    assert 0 < len(shown) < rows
    assert all("PGD" in text and "another seed" in text for text in shown)
    assert opened.page.locator(f"{CLAIMS} .count").inner_text() == f"{len(shown)} of {rows} rows"
    box.fill("")
    assert len(column(opened, CLAIMS, "statement")) == rows


def test_saving_what_is_shown_as_csv(opened: Opened, tmp_path: Path) -> None:
    opened.page.locator(f"{CLAIMS} input").fill("C&W")
    with opened.page.expect_download() as started:
        opened.page.locator(f"{CLAIMS} .csv").click()
    assert started.value.suggested_filename == "published-claims.csv"
    path = tmp_path / "claims.csv"
    started.value.save_as(path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["statement"] for row in rows] == column(opened, CLAIMS, "statement")
    assert all("C&W" in row["statement"] for row in rows)
    # Stored values, not what is shown.
    assert 0.63 < float(rows[0]["bound"]) < 0.64


@both_sizes
def test_light_and_dark(opened: Opened) -> None:
    light = see_colours(opened)
    switch_theme(opened)
    opened.page.locator("#theme").click()
    assert see_colours(opened) == light
    opened.page.emulate_media(color_scheme="dark")
    opened.page.wait_for_timeout(100)
    # The reader's choice stays.
    assert see_colours(opened) == light


def test_the_systems_choice_is_followed(opened: Opened) -> None:
    colours = []
    for scheme in ("light", "dark"):
        opened.page.emulate_media(color_scheme=scheme)
        colours.append(opened.page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert colours[0] != colours[1]


@both_sizes
def test_the_gallery_shows_what_is_chosen(opened: Opened) -> None:
    everything = opened.page.locator(".exhibit:visible").count()
    opened.page.locator('#gallery-choices select[data-key="attack"]').select_option("pgd")
    shown = opened.page.locator(".exhibit:visible")
    assert 0 < shown.count() < everything
    assert {one.get_attribute("data-attack") for one in shown.all()} == {"pgd"}
    assert opened.page.locator("#gallery-count").inner_text() == f"{shown.count()} of {everything} samples"


@both_sizes
def test_a_link_to_a_table_opens_it(opened: Opened) -> None:
    assert not opened.page.locator("#table-transfers table").is_visible()
    opened.page.locator('#figure-who-hears-whom a[href="#table-transfers"]').click()
    opened.page.locator("#table-transfers[open]").wait_for()
    assert opened.page.locator("#table-transfers table").is_visible()


@both_sizes
def test_nothing_is_wider_than_the_screen(opened: Opened, size: tuple[int, int]) -> None:
    """Wide tables scroll in themselves."""
    opened.page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    assert opened.page.evaluate("document.documentElement.scrollWidth") == size[0]


@both_sizes
def test_the_verdict_is_on_the_first_screen(opened: Opened, size: tuple[int, int]) -> None:
    box = opened.page.locator("p.verdict").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < size[1]


@both_sizes
def test_all_can_be_reached_by_keyboard(opened: Opened) -> None:
    """Every control is an element that keyboards know, and what scrolls can be focused."""
    unlabelled = opened.page.evaluate(
        """() => [...document.querySelectorAll("button, select, input, audio, img, .scroll, .plot")]
          .filter((one) => !one.closest(".svg-container"))
          .filter((one) => !one.getAttribute("aria-label") && !one.alt && !one.textContent.trim())
          .filter((one) => !one.closest("label")?.textContent.trim())
          .map((one) => one.outerHTML.slice(0, 80))"""
    )
    assert unlabelled == []
    opened.page.keyboard.press("Tab")
    assert opened.page.evaluate("document.activeElement.className") == "skip"
    assert opened.page.eval_on_selector(".scroll", "(one) => one.tabIndex") == 0


@both_sizes
def test_screenshots(opened: Opened, size: tuple[int, int], tmp_path: Path) -> None:
    """Plots have ink on them in both themes."""
    from PIL import Image

    for theme in ("light", "dark"):
        path = tmp_path / f"{theme}.png"
        opened.page.locator("#plot-distance-to-target").screenshot(path=path)
        image = Image.open(path).convert("RGB")
        assert image.size[0] <= size[0]
        colours = image.getcolors(maxcolors=1 << 24) or []
        assert len(colours) > 50
        opened.page.locator("#theme").click()
