"""The dose curve of the report: what is drawn, what is said, and when."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fabricated import Heard, deaf
from fabricated_doses import AudibleDoses, Doses, fails_for_rank_2_low, optimum
from fabricated_report import AudibleStudy
from test_report import Page

from asrtransfer.report import findings, words
from asrtransfer.report.figures import Figure, View, dose
from asrtransfer.report.material import Material


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return made(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def views(material: Material) -> dict[str, View]:
    return {view.name: view for view in drawn(material).views}


def drawn(material: Material) -> Figure:
    figure = dose(material, "")
    assert figure is not None
    return figure


def made(folder: Path, **changes: Any) -> Material:
    """A study of which the report knows the doses alone."""
    study = Doses(folder, **({"hears": optimum} | changes))
    return Material(study.design(), {"doses": study.tabulate()}, pd.DataFrame(), pd.DataFrame(), {}, {}, {})


def lines(view: View, name: str) -> list[dict[str, Any]]:
    return [trace for trace in view.data if trace["name"] == name and trace["x"] != [None]]


def test_two_outcomes_against_two_measures(views: dict[str, View]) -> None:
    assert list(views) == ["Transfer against SNR", "Top ten against SNR", "Transfer against K1", "Top ten against K1"]


def test_a_line_a_target_arm_and_sweep(views: dict[str, View]) -> None:
    for view in views.values():
        names = [trace["name"] for trace in view.data]
        targets = [f"{target}, {arm}" for arm in ("another seed", "one ulp apart") for target in ("phrases", "rank 2")]
        assert list(dict.fromkeys(names)) == [
            *targets,
            "best control, another seed",
            "threshold varies",
            "bound varies",
        ]
        for name in targets:
            assert [len(line["x"]) for line in lines(view, name)] == [2, 2]
            assert [line.get("showlegend", True) for line in lines(view, name)] == [True, False]
        assert len(lines(view, "best control, another seed")) == 4


def test_shares_stand_at_their_distortion_with_their_limits(views: dict[str, View]) -> None:
    view = views["Transfer against SNR"]
    line = lines(view, "rank 2, another seed")[1]
    assert line["x"] == [30.55, 5.55]
    assert line["y"] == [0.9167, 0]
    assert line["error_x"]["array"] == pytest.approx([0.275, 0.275])
    assert line["error_y"]["arrayminus"][0] == pytest.approx(0.9167 - 0.75, abs=0.01)
    # Nothing is heard of twelve utterances.
    assert line["error_y"]["array"][1] == pytest.approx(1 - 0.05 ** (1 / 12), abs=1e-4)
    assert view.layout["xaxis"]["autorange"] == "reversed"
    assert "b-100: threshold 0.5, bound 100<br>92 % of 36 hearings, 75 % to 100 %" in line["text"][0]
    assert "best control 0 %, clean audio 0 %<br>30.6 dB<br>K1 0.9996" in line["text"][0]
    assert "at most 22 % of utterances" in line["text"][1]


def test_confidence_is_placed_by_its_loss(views: dict[str, View]) -> None:
    view = views["Top ten against K1"]
    axis = view.layout["xaxis"]
    assert (axis["type"], axis["autorange"]) == ("log", "reversed")
    ticks = dict(zip(axis["ticktext"], axis["tickvals"], strict=True))
    assert ticks["0.999"] == pytest.approx(-math.log(0.999))
    # A K1 of one has no loss, and still a place on the axis.
    assert lines(view, "rank 2, another seed")[1]["x"] == pytest.approx([-math.log(0.9996), 1e-7], rel=1e-3)


def test_controls_are_dashed_grey(views: dict[str, View]) -> None:
    for line in lines(views["Top ten against SNR"], "best control, another seed"):
        assert line["line"]["dash"] == "dash"
        assert line["y"] == [0.08333, 0.08333]


def test_the_optimum_is_told_from_its_controls(material: Material) -> None:
    assert findings.dose(material) == (
        "C&W, another seed: of 8 doses, most transfers at b-100 for rank 2 (31 to 30\u202fdB, K1 0.9996): 92\u202f% of "
        "36 hearings (75\u202f% to 100\u202f%). The best negative control reaches 0\u202f% there, from which that can "
        "be told (by utterances, p\u202f=\u202f0.0078, corrected for 8 doses). The loudest of its target, b-1000 for "
        "rank 2 (6 to 5\u202fdB, K1 1), gives 0\u202f% of 36 hearings (at most 22\u202f% of utterances). Where "
        "nothing is heard, a bar ends at the exact bound for utterances."
    )


def test_one_utterance_is_not_told_from_the_controls(tmp_path: Path) -> None:
    def hears(heard: Heard) -> list[str]:
        hit = (heard.kind, heard.arm, heard.utterance, heard.confidence) == ("adversarial", "seed", 0, "b-1000")
        return [heard.phrase] if hit and heard.target == "rank-2" else deaf(heard)

    text = findings.dose(made(tmp_path, hears=hears))
    assert "most transfers at b-1000 for rank 2" in text
    assert "cannot be told (by utterances, p\u202f=\u202f1, corrected for 8 doses). That is the loudest dose" in text


def test_no_transfer_at_any_dose(tmp_path: Path) -> None:
    text = findings.dose(made(tmp_path, hears=deaf))
    assert "none of 8 doses transfers in any of 288 hearings, at 51 to 6\u202fdB." in text


def test_a_dose_without_samples_is_no_point(tmp_path: Path) -> None:
    view = drawn(made(tmp_path, failing=fails_for_rank_2_low)).views[0]
    assert [len(line["x"]) for line in lines(view, "rank 2, another seed")] == [1, 2]


@pytest.mark.parametrize(("measured", "names"), [("snr_db", {"SNR"}), ("k1", {"K1"})])
def test_a_measure_that_is_unknown_has_no_view(measured: str, names: set[str], tmp_path: Path) -> None:
    without = made(tmp_path, measured=(measured,))
    assert {view.name.split()[-1] for view in drawn(without).views} == names
    text = findings.dose(without)
    assert "nan" not in text
    assert ("dB" in text, "K1" in text) == (measured == "snr_db", measured == "k1")


def test_two_confidences_make_no_curve(tmp_path: Path) -> None:
    study = AudibleStudy(tmp_path, utterances=2).write()
    assert dose(study.material(), "") is None
    page = Page(study.report())
    assert "#dose" not in [attributes["href"] for attributes, _ in page.all("a")]
    assert not list(page.all("section", id="dose"))


@pytest.mark.slow
def test_the_page_has_a_section(tmp_path: Path, material: Material) -> None:
    page = Page(AudibleDoses(tmp_path, hears=optimum).write().report())
    assert ("Dose", "#dose") in [(text.strip(), attributes["href"]) for attributes, text in page.all("a")]
    assert len(list(page.all("section", id="dose"))) == 1
    plot, _ = next(page.all("div", id="plot-dose"))
    assert plot["aria-label"] == f"Transfer against distortion and confidence. {findings.dose(material)}"
    assert "#table-doses" in [attributes["href"] for attributes, text in page.all("a") if text.strip() == "Numbers"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.4131, "0.41"),
        (0.95, "0.95"),
        (0.993, "0.993"),
        (0.9996, "0.9996"),
        (1.0, "1"),
        (0.99999, "0.99999"),
        (0, "0.00"),
    ],
)
def test_a_probability_has_the_digits_that_tell_it_from_one(value: float, text: str) -> None:
    assert words.write_probability(value) == text
