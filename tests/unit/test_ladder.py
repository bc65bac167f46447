"""The ladder: rungs in order, a planted rise where it is and nowhere else, in table, figure, report and verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fabricated import Study, deaf
from fabricated_rungs import AudibleRungs, Rungs, rise
from test_report import Page

from asrtransfer.report import findings
from asrtransfer.report.figures import ladder
from asrtransfer.report.material import Material
from asrtransfer.report.verdict import verdict
from asrtransfer.tables import tabulate

ORDER = [
    *("seed", "ulp", "shares-last-2", "shares-1", "shares-4", "tuned-9", "tuned-1"),
    *("self@phone", "self@room", "twin"),
]


def made(folder: Path, **changes: Any) -> Material:
    study = Rungs(folder, **({"hears": rise} | changes))
    study.write()
    tables = tabulate(study.read(), study.design())
    return Material(study.design(), tables, pd.DataFrame(), pd.DataFrame(), {}, {}, {})


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return made(tmp_path_factory.mktemp("rungs"))


@pytest.fixture(scope="module")
def rows(material: Material) -> dict[str, dict[str, Any]]:
    table = material.tables["ladder"]
    chosen = table[(table["target_kind"] == "phrase") & (table["attack"] == "all")]
    return {row["rung"]: row for row in chosen.to_dict("records")}


def test_rungs_stand_in_the_order_of_what_they_share(rows: dict[str, dict[str, Any]]) -> None:
    assert list(rows) == ORDER


def test_each_rung_counts_its_own_remotes(rows: dict[str, dict[str, Any]]) -> None:
    hits = {rung: (row["utterances_hit"], row["utterances"]) for rung, row in rows.items()}
    assert hits == {
        "seed": (0, 20), "ulp": (0, 20), "shares-last-2": (0, 20), "shares-1": (1, 20),
        "shares-4": (20, 20), "tuned-9": (20, 20), "tuned-1": (20, 20), "twin": (20, 20),
        "self@phone": (20, 20), "self@room": (0, 20),
    }  # fmt: skip
    assert {row["remotes"] for row in rows.values()} == {1}
    assert rows["shares-4"]["median_snr_db"] == 20
    assert rows["shares-4"]["control_hearings"] == 20
    assert rows["shares-4"]["control_share"] == 0
    assert rows["seed"]["utterance_bound"] == pytest.approx(1 - 0.05 ** (1 / 20))


def test_the_planted_rise_is_found_where_it_is(material: Material) -> None:
    told = findings.ladder(material)
    assert "last 2 layers 0 of 20 utterances; first 1 layer 1 of 20 utterances; first 4 layers 20 of 20" in told
    assert "The first rung whose interval lies above those of all before it is first 4 layers: " in told


def test_without_a_planted_rise_only_the_twin_rises(tmp_path: Path) -> None:
    told = findings.ladder(made(tmp_path, hears=deaf))
    assert "above those of all before it is all weights: " in told


def test_where_nothing_transfers_no_rise_is_told(tmp_path: Path) -> None:
    models = [name for name in Rungs(tmp_path).models if not name.endswith(".twin")]
    arms = {pair: arm for pair, arm in Rungs(tmp_path).arms.items() if arm != "twin"}
    told = findings.ladder(made(tmp_path, hears=deaf, models=models, arms=arms))
    assert told.endswith("no rise is shown.")


def test_a_row_a_rung_with_the_limits_of_both_units(material: Material) -> None:
    figure = ladder(material, "")
    assert figure is not None
    assert [view.name for view in figure.views] == ["Phrases", "Near targets"]
    layout = figure.views[0].layout
    assert list(layout["yaxis"]["ticktext"]) == [
        "another seed", "the seed, one ulp apart", "last 2 layers", "first 1 layer", "first 4 layers",
        "trained on for 9 epochs", "trained on for 1 epoch", "all weights, heard through phone",
        "all weights, heard through room", "all weights",
    ]  # fmt: skip
    utterances, pairs, control = figure.views[0].data
    assert utterances["x"][2:5] == [0, 0.05, 1]
    assert utterances["error_x"]["array"][0] == pytest.approx(0.168, abs=1e-3)
    assert pairs["x"][4] == 1
    assert set(control["x"]) == {0}


def test_a_study_without_rungs_has_no_such_figure(tmp_path: Path) -> None:
    study = Study(tmp_path)
    study.write()
    tables = tabulate(study.read(), study.design())
    bare = Material(study.design(), tables, pd.DataFrame(), pd.DataFrame(), {}, {}, {})
    assert ladder(bare, "") is None
    assert findings.ladder(bare) == ""
    assert not any(line.startswith("rungs") for line in verdict(study.design(), tables, "tables"))


def test_the_verdict_has_a_line_a_rung(material: Material) -> None:
    lines = verdict(material.design, material.tables, "tables")
    start = next(place for place, line in enumerate(lines) if line.startswith("rungs"))
    assert [line[22:].partition(":")[0] for line in lines[start : start + 7]] == [
        "last 2 layers", "first 1 layer", "first 4 layers", "trained on for 9 epochs", "trained on for 1 epoch",
        "all weights, heard through phone", "all weights, heard through room",
    ]  # fmt: skip
    assert "20 of 20 hearings of phrases transfer: 20 of 20 utterances (at least " in lines[start + 2]


def test_rungs_are_no_strangers_to_the_claims(material: Material) -> None:
    claims = material.tables["claims"].set_index("claim")
    assert claims.loc["cw-seed", "hits"] == 0
    assert claims.loc["cw-seed", "units"] == 20


def test_the_report_has_a_section(tmp_path: Path) -> None:
    page = Page(AudibleRungs(tmp_path, hears=rise, utterances=3).write().report())
    assert ("Ladder", "#ladder") in [(text.strip(), attributes["href"]) for attributes, text in page.all("a")]
    assert len(list(page.all("section", id="ladder"))) == 1
    plot, _ = next(page.all("div", id="plot-ladder"))
    assert str(plot["aria-label"]).startswith("What remote and surrogate share. Phrases, from the least shared")
    assert "#table-ladder" in [attributes["href"] for attributes, text in page.all("a") if text.strip() == "Numbers"]
