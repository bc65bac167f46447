"""The report of a real study with an attack, a recogniser and a surrogate of the user's."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import DESK, PHONE, Opened
from copies import Finished

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]
both_sizes = pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"], indirect=True)
BOTH = "seed-1+seed-2"


@pytest.fixture(scope="module")
def report(extended: Finished) -> Path:
    return extended.path / "results-smoke/report.html"


def text_of(opened: Opened, selector: str) -> str:
    return " ".join(opened.page.locator(selector).all_inner_texts())


def test_the_attack_has_its_section_its_claims_and_its_samples(opened: Opened) -> None:
    assert "MI-FGSM by phrase" in text_of(opened, "#phrases h3")
    assert "no MI-FGSM sample transfers to a model of another seed" in text_of(opened, "#claims")
    opened.page.locator('#gallery-choices select[data-key="attack"]').select_option("mim")
    shown = [one for one in opened.page.locator(".exhibit").all() if one.is_visible()]
    assert shown
    assert all("MI-FGSM" in one.inner_text() for one in shown)


def test_the_recogniser_and_the_ensemble_are_in_the_heat_map(opened: Opened) -> None:
    axes = opened.page.eval_on_selector(
        "#plot-who-hears-whom",
        "(plot) => plot.data.filter((trace) => trace.type === 'heatmap').map((trace) => [trace.x, trace.y])[0]",
    )
    assert "loudness" in axes[0]
    assert BOTH in axes[1]


def test_the_recogniser_has_a_card_and_says_what_it_heard(opened: Opened) -> None:
    opened.page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    assert "loudness" in text_of(opened, "#models")
    heard = text_of(opened, "#listen table")
    assert "loudness" in heard
    assert "loud" in heard or "quiet" in heard


@both_sizes
def test_every_figure_is_drawn(opened: Opened) -> None:
    figures = opened.page.locator("[data-figure]")
    assert figures.count() >= 5
    for figure in figures.all():
        views = figure.locator(".views option")
        for index in range(views.count()):
            figure.locator(".views select").select_option(index=index)
            assert figure.locator(".main-svg").count() > 0


@both_sizes
def test_nothing_is_wider_than_the_screen(opened: Opened) -> None:
    assert opened.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
