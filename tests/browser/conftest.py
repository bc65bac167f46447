"""The report of a fabricated study, in Debian's Chromium without a window."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# The fabricated study is that of the unit tests.
sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *(
        "--disable-component-update",
        "--disable-sync",
        "--mute-audio",
        "--autoplay-policy=no-user-gesture-required",
    ),
]
EXECUTABLES = ("chromium", "chromium-browser", "google-chrome")


@dataclass
class Opened:
    """A page, and what it complained of or asked for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


def see_colours(opened: Opened) -> tuple[str, str]:
    """The colours of the page and of a figure's labels."""
    return opened.page.evaluate(
        """() => [getComputedStyle(document.body).backgroundColor,
                  getComputedStyle(document.querySelector(".plot .xtick text")).fill]"""
    )


def switch_theme(opened: Opened) -> None:
    """Switch between light and dark, which must change every colour."""
    before = see_colours(opened)
    opened.page.locator("#theme").click()
    after = see_colours(opened)
    assert before[0] != after[0]
    assert before[1] != after[1]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    executable = next((path for name in EXECUTABLES if (path := shutil.which(name))), None)
    if executable is None:
        pytest.skip(f"no browser: install one of {', '.join(EXECUTABLES)}")
    # launch() makes a profile of its own and removes it; the library for sound leaves a folder.
    environment = {**os.environ, "TMPDIR": str(tmp_path_factory.mktemp("browser"))}
    with driver.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable,
            headless=True,
            args=FLAGS,
            timeout=PATIENCE,
            env=environment,
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from fabricated_report import AudibleStudy

    folder = tmp_path_factory.mktemp("study")
    path = folder / "report.html"
    path.write_text(AudibleStudy(folder, utterances=3, says="'s <b>own</b>").write().report())
    return path


def render_comparison(folder: Path, write: Callable[[Path], list[Path]]) -> Path:
    """Write studies into a folder, and their comparison beside them."""
    from compared_studies import TEMPLATES

    from asrtransfer.compare import page, studies

    path = folder / "comparison.html"
    path.write_text(page.render(studies.read(write(folder)), TEMPLATES))
    return path


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from compared_studies import write_pair

    return render_comparison(tmp_path_factory.mktemp("pair"), write_pair)


@pytest.fixture(scope="session")
def compared_doses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with dose curves."""
    from compared_studies import write_curves

    return render_comparison(tmp_path_factory.mktemp("curves"), write_curves)


DESK, PHONE = (1280, 800), (390, 844)
# A page of megabytes takes a busy machine a while.
PATIENCE = 180_000


@pytest.fixture
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    return getattr(request, "param", DESK)


@contextmanager
def open_page(browser: Browser, path: Path, size: tuple[int, int], **context: bool) -> Iterator[Opened]:
    """A page at a size, which must not complain while a test uses it."""
    made = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme="light", **context)
    made.set_default_timeout(PATIENCE)
    opened = Opened(made.new_page())
    opened.page.on(
        "console",
        lambda message: message.type in ("error", "warning") and opened.complaints.append(message.text),
    )
    opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    opened.page.on("request", lambda request: opened.requests.append(request.url))
    opened.page.goto(path.as_uri())
    opened.page.wait_for_selector(".plot .main-svg")
    yield opened
    made.close()
    assert opened.complaints == []


@pytest.fixture
def opened(browser: Browser, report: Path, size: tuple[int, int]) -> Iterator[Opened]:
    """The report at a desk or on a phone."""
    with open_page(browser, report, size, has_touch=size[0] < 500) as opened:
        yield opened
