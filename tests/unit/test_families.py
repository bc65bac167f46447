"""Families: what transfers within and across, beyond controls, in table, figures and report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fabricated import Study, deaf
from fabricated_families import MODELS, AudibleFamilies, Families, partly, relate
from test_report import Page

from asrtransfer.report import kinship
from asrtransfer.report.figures import families, reach
from asrtransfer.report.material import Material
from asrtransfer.tables import tabulate


def made(folder: Path, study: type[Study] = Families, **changes: Any) -> Material:
    written = study(folder, **changes).write()
    return Material(
        written.design(), tabulate(written.read(), written.design()), pd.DataFrame(), pd.DataFrame(), {}, {}, {}
    )


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return made(tmp_path_factory.mktemp("families"), hears=partly)


@pytest.fixture(scope="module")
def rows(material: Material) -> dict[tuple[str, str], dict[str, Any]]:
    table = material.tables["families"]
    chosen = table[table["attack"] == "all"]
    return {(row["surrogate_family"], row["remote_family"]): row for row in chosen.to_dict("records")}


def test_every_pair_of_families_has_a_row_and_all_others_one_more(rows: dict[tuple[str, str], Any]) -> None:
    remotes = ("deepspeech", "log-mel", "mine", "all others")
    assert list(rows) == [(one, other) for one in ("deepspeech", "log-mel") for other in remotes]


def test_hearings_are_counted_by_the_families_of_both_ends(rows: dict[tuple[str, str], Any]) -> None:
    # Two surrogates, each heard by one other seed of its family, two of the other family, and a recogniser that hears.
    assert [row["hearings"] for row in rows.values()] == [20, 40, 20, 60, 40, 20, 20, 60]
    hits = {ends: (row["transfers"], row["utterances_hit"]) for ends, row in rows.items() if row["transfers"]}
    assert hits == {("log-mel", "log-mel"): (10, 5)}
    assert {row["remotes"] for ends, row in rows.items() if ends[1] == "all others"} == {3}


def test_the_excess_is_over_the_best_negative_control(rows: dict[tuple[str, str], Any]) -> None:
    row = rows["log-mel", "log-mel"]
    assert row["control_share"] == pytest.approx(0.1)
    assert row["excess"] == pytest.approx(0.4)
    assert row["excess_lower"] < 0.4 < row["excess_upper"]
    assert rows["deepspeech", "log-mel"]["excess"] == 0
    assert pd.isna(rows["deepspeech", "log-mel"]["excess_lower"])


def test_the_gain_is_in_nats_a_word_and_unknown_of_what_tells_no_loss(rows: dict[tuple[str, str], Any]) -> None:
    # From 40 to 30 nats, of three words; in the controls as well.
    row = rows["log-mel", "deepspeech"]
    assert row["gain"] == pytest.approx(10 / 3)
    assert row["control_gain"] == pytest.approx(10 / 3)
    assert pd.isna(rows["log-mel", "mine"]["gain"])


def test_agreement_and_spoken_phrases_stand_beside(rows: dict[tuple[str, str], Any]) -> None:
    row = rows["deepspeech", "log-mel"]
    assert row["agreement"] == 1
    # Each remote hears the phrase once an utterance, whichever surrogate it was dealt to.
    assert (row["spoken_hits"], row["spoken_hearings"]) == (20, 20)


def test_the_findings_say_what_transfers_within_and_across(material: Material) -> None:
    told = kinship.across(material)
    assert told == (
        "Phrases: within a family 10 of 40 hearings, across families 0 of 120. Most from log-mel to log-mel: "
        "10 of 20 hearings, 5 of 10 utterances."
    )
    assert "the samples of none bring the target nearer" in kinship.beyond_controls(material)


def test_figures_have_a_cell_a_pair_and_a_row_a_family(material: Material) -> None:
    matrix, forest = families(material, ""), reach(material, "")
    assert matrix is not None
    assert forest is not None
    assert [view.name for view in matrix.views] == ["Phrases: top text", "Phrases: in the top ten"]
    assert matrix.views[0].data[0]["text"][1] == ["0/40", "10/20", "0/20"]
    assert [view.name for view in forest.views] == [
        "Phrases: hits beyond the controls",
        "Phrases: nearer to the target",
    ]
    within, across = forest.views[0].data
    assert list(within["x"]) == [0, 0.4]
    assert list(across["x"]) == [0, 0]
    # Nothing hit: the bar ends at the exact bound for ten utterances.
    assert within["error_x"]["array"][0] == pytest.approx(1 - 0.05 ** (1 / 10), abs=1e-4)
    assert forest.views[0].layout["yaxis"]["ticktext"][1] == "log-mel<br>WER to 0 %, agree on 100 %"


def test_where_one_family_is_attacked_every_family_that_listens_has_a_row(tmp_path: Path) -> None:
    arms = {("log-mel.seed-1", remote): relate("log-mel.seed-1", remote) for remote in MODELS}
    study = made(tmp_path, hears=partly, arms=arms, surrogates={"log-mel.seed-1": ["log-mel.seed-1"]})
    forest = reach(study, "")
    assert forest is not None
    assert forest.title == "How far samples reach into each family"
    hits, gains = forest.views
    within, across = hits.data
    named = [text.split("<br>")[0] for text in hits.layout["yaxis"]["ticktext"]]
    assert set(named) == {"deepspeech", "log-mel", "mine"}
    own = named.index("log-mel")
    assert within["x"][own] == 0.4
    assert [value is None for value in within["x"]] == [name != "log-mel" for name in named]
    assert [value is None for value in across["x"]] == [name == "log-mel" for name in named]
    # A recogniser that tells no probabilities has no gain, and its control none.
    assert [value is None for value in gains.data[-1]["x"]] == [name == "mine" for name in named]
    told = kinship.beyond_controls(study)
    assert "nearer than by the best negative control nowhere; most in log-mel, 3.3\u202fnats a word" in told
    assert "least in deepspeech, 3.3" in told


def test_a_study_of_one_family_has_no_such_figures(tmp_path: Path) -> None:
    bare = made(tmp_path, Study, hears=deaf)
    assert list(bare.tables["families"]["remote_family"].unique()) == ["deepspeech"]
    assert families(bare, "") is None
    assert reach(bare, "") is None
    assert kinship.across(bare) == kinship.beyond_controls(bare) == ""


def test_the_report_has_a_section(tmp_path: Path) -> None:
    page = Page(AudibleFamilies(tmp_path, hears=partly, utterances=3).write().report())
    assert ("Families", "#families") in [(text.strip(), attributes["href"]) for attributes, text in page.all("a")]
    assert len(list(page.all("section", id="families"))) == 1
    for name in ("families", "reach"):
        plot, _ = next(page.all("div", id=f"plot-{name}"))
        assert str(plot["aria-label"]).count(".") > 1
