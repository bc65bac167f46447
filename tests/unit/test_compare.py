"""Studies side by side: what differs, what each found, and what only one of them has."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from compared_studies import TEMPLATES, write_curves, write_pair
from configurations import read_study

from asrtransfer.compare import curves, differences, figures, loudness, matrices, page, studies, tables
from asrtransfer.files.errors import InputError
from study import compared
from study.tables import describe_configuration


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_pair(tmp_path_factory.mktemp("pair"))


@pytest.fixture(scope="module")
def found(folders: list[Path]) -> dict[str, studies.Study]:
    return studies.read(folders)


@pytest.fixture(scope="module")
def html(found: dict[str, studies.Study]) -> str:
    return page.render(found, TEMPLATES)


def test_studies_are_called_as_their_folders(found: dict[str, studies.Study]) -> None:
    assert list(found) == ["narrow", "wide"]
    assert set(found["wide"].design.attacks) - set(found["narrow"].design.attacks) == {"mim"}


def test_only_keys_that_differ_are_listed(found: dict[str, studies.Study]) -> None:
    differing, alike = differences.list_differences(found)
    assert differing["selection.utterances"] == ["3", "2"]
    assert differing["attacks.mim.phrases"] == [None, "open the door"]
    assert differing["models"][1] == "seed-1, seed-2, seed-1.twin, seed-1.ulp-1, mine"
    assert "device" not in differing
    assert alike >= 2


def test_results_of_one_study_alone_leave_a_dash(found: dict[str, studies.Study]) -> None:
    rows = {row[0].text: [cell.text for cell in row[1:]] for row in tables.lay_out_results(found).rows}
    assert rows["transfers, another family"][0] == "–"
    assert rows["transfers, another family"][1].startswith("0 of ")
    assert rows["utterances attacked"] == ["3", "2"]
    # In the narrow study every sample is heard by another seed.
    told = re.match(r"(\d+) of (\d+) hearings", rows["transfers, another seed"][0])
    assert told is not None
    assert told[1] == told[2]
    assert rows["transfers, another seed"][1].startswith("0 of ")


def test_claims_stand_beside_each_other(found: dict[str, studies.Study]) -> None:
    table, conclusion = tables.lay_out_claims(found)
    assert [column.name for column in table.columns] == [
        *("statement", "verdict, narrow", "figure, narrow", "verdict, wide", "figure, wide")
    ]
    rows = {row[0].text: row for row in table.rows}
    assert rows["no C&W sample transfers to a model of another seed"][1].text == "contradicted"
    assert rows["no C&W sample transfers to a model of another seed"][3].text == "undecided at this size"
    assert "no C&W sample transfers to a model of another seed" in conclusion
    mim = rows["no MIM sample transfers to a model of another seed"]
    assert mim[1].text == "–"
    assert mim[3].look.startswith("badge")
    for name, study in found.items():
        place = 1 + 2 * list(found).index(name)
        judged = {row["statement"]: row["verdict"] for row in study.tables["claims"].to_dict("records")}
        assert {text: row[place].text for text, row in rows.items() if row[place].value} == judged


def test_figures_say_what_they_show(found: dict[str, studies.Study]) -> None:
    transfer = figures.transfer(found)
    assert transfer is not None
    assert "narrow: " in transfer.conclusion
    assert "wide: 0" in transfer.conclusion
    assert [view.name for view in transfer.views] == [
        *("By arm, utterances", "By arm, model pairs", "By attack, utterances")
    ]
    shown = {trace["name"]: trace for trace in transfer.views[0].data}
    labels = transfer.views[0].layout["yaxis"]["ticktext"]
    assert labels == ["another seed", "one ulp apart", "another family"]
    arm = found["narrow"].facts.arm("seed")
    assert arm is not None and arm.utterances is not None
    place = [text.split(":")[0] for text in shown["narrow"]["text"]].index("another seed")
    share = shown["narrow"]["x"][place]
    assert share == 1
    assert share - shown["narrow"]["error_x"]["arrayminus"][place] == pytest.approx(arm.utterances.lower, abs=1e-4)


def test_intervals_that_lie_apart_are_named() -> None:
    low, high = figures.Dot("a", 0.0, 0.0, 0.2, ""), figures.Dot("a", 1.0, 0.8, 1.0, "")
    assert "lie apart for a" in figures._compare_intervals({"x": [low], "y": [high]})
    assert "no difference between them" in figures._compare_intervals({"x": [low], "y": [low]})
    assert figures._compare_intervals({"x": [low], "y": []}) == ""


def test_matrices_lie_below_each_other_on_one_scale(found: dict[str, studies.Study]) -> None:
    drawn = matrices.who_hears_whom(found)
    assert drawn is not None
    assert [view.name for view in drawn.views] == [
        f"{kind}: {said}" for kind in ("Phrases", "Near targets") for said in ("top text", "in the top ten")
    ]
    view = drawn.views[0]
    [heat] = [trace for trace in view.data if trace["type"] == "heatmap"]
    assert (heat["zmin"], heat["zmax"]) == (0, 1)
    assert heat["x"] == ["seed-1", "seed-2", "seed-1.twin", "seed-1.ulp-1", "mine"]
    assert heat["y"][:4] == ["narrow/", "narrow/seed-1", "narrow/seed-2", "wide/"]
    assert heat["y"][4:] == ["wide/seed-1", "wide/seed-2", "wide/seed-1+seed-2"]
    shares = dict(zip(heat["y"], heat["z"], strict=True))
    # A study's name stands in a row of its own; nobody of another family listened in the narrow study.
    assert shares["narrow/"] == [None] * 5
    assert shares["narrow/seed-1"] == [1, 1, 1, 0, None]
    assert shares["wide/seed-1"] == [1, 0, 1, 0, 0]
    assert [(one["text"], one["y"]) for one in view.layout["annotations"]] == [("<b>narrow</b>", 0), ("<b>wide</b>", 3)]
    frames = {(round(one["x0"] + 0.49), round(one["y0"] + 0.48)) for one in view.layout["shapes"]}
    cells = {(x, y) for y, line in enumerate(heat["z"]) for x, share in enumerate(line) if share is not None}
    assert frames == cells


def test_the_matrices_say_what_they_show(found: dict[str, studies.Study]) -> None:
    drawn = matrices.who_hears_whom(found)
    assert drawn is not None
    assert "narrow: in 3 of 4 pairs of different models, most from seed-1 to seed-2 (18 of 18" in drawn.conclusion
    assert "wide: in 0 of 8 pairs of different models." in drawn.conclusion
    assert re.search(
        r"Of 4 such pairs in common, seed-\d to \S+ differs most: 100.% in narrow, 0.% in wide", drawn.conclusion
    )
    alike = matrices.who_hears_whom({"one": found["wide"], "two": found["wide"]})
    assert alike is not None
    assert "Studies have 8 such pairs in common, with equal shares." in alike.conclusion


def test_the_numbers_of_the_matrices_are_a_table(found: dict[str, studies.Study]) -> None:
    table = matrices.lay_out_pairs(found)
    rows = {tuple(one.text for one in row[:4]): [one.text for one in row[4:]] for row in table.rows}
    assert rows["seed-1", "seed-2", "another seed", "phrases"] == ["18 of 18, top ten 18", "0 of 16, top ten 0"]
    assert rows["seed-1", "mine", "another family", "phrases"][0] == "–"
    kinds = [row[3].text for row in table.rows]
    assert kinds == sorted(kinds, reverse=True), "phrases first"


def test_transfer_against_loudness_has_a_point_an_attack_and_confidence(found: dict[str, studies.Study]) -> None:
    drawn = loudness.transfer_against_loudness(found)
    assert drawn is not None
    assert [view.name for view in drawn.views] == [
        f"{kind}, another {whom}" for kind in ("Phrases", "Near targets") for whom in ("seed", "family")
    ]
    lines = {trace["name"]: trace for trace in drawn.views[0].data}
    assert list(lines) == ["narrow, C&W", "narrow, PGD", "wide, C&W", "wide, PGD", "wide, MIM"]
    line = lines["narrow, C&W"]
    assert line["y"] == [1, 1]
    assert [text.partition(":")[0] for text in line["text"]] == ["low", "high"]
    success, arms = (found["narrow"].tables[name] for name in ("attack-success", "arms"))
    assert line["x"][0] == pytest.approx(success["median_snr_db"].iloc[0], abs=0.01)
    row = arms.query("arm == 'seed' and target_kind == 'phrase' and attack == 'cw' and counted == 'primary'").iloc[0]
    assert 1 - line["error_y"]["arrayminus"][0] == pytest.approx(row["utterance_lower"], abs=1e-4)
    assert drawn.conclusion.startswith("Phrases, another seed: narrow: 3 points, 25 dB, 100")


def test_the_numbers_of_the_points_are_a_table(found: dict[str, studies.Study]) -> None:
    table = loudness.lay_out_points(found)
    rows = {tuple(one.text for one in row[:4]): [one.text for one in row[4:]] for row in table.rows}
    points = {name: list(loudness.list_points(study)) for name, study in found.items()}
    assert len(rows) == len(table.rows) == len(points["wide"])
    assert sum(text != "–" for row in rows.values() for text in row) == sum(map(len, points.values()))
    assert rows["C&W", "low", "phrases", "another seed"][1].startswith("25.2 dB; 0 of 2 utterances (at most ")
    assert rows["MIM", "high", "near targets", "another family"][0] == "–"


def test_the_ratio_of_several_jobs_is_their_weighted_median() -> None:
    def find(*jobs: tuple[float, int]) -> float | None:
        rows = [{"attack": "cw", "confidence": "low", "target_kind": "near"} for _ in jobs]
        ratios, reached = zip(*jobs, strict=True)
        return loudness._find_ratio(
            pd.DataFrame(rows).assign(median_snr_db=ratios, reached=reached), "cw", "low", "near"
        )

    assert find((10, 1), (20, 5), (90, 1)) == 20
    assert find((10, 1), (float("nan"), 0), (float("inf"), 3)) == 10
    assert find((float("nan"), 0)) is None


@pytest.mark.slow
def test_dose_curves_lie_over_each_other(tmp_path: Path) -> None:
    doses = studies.read(write_curves(tmp_path))
    drawn = curves.dose_curves(doses)
    assert drawn is not None
    assert [view.name for view in drawn.views] == [
        f"{target} against {measure}" for target in ("Phrases", "Rank 2") for measure in ("SNR", "K1")
    ]
    near = {trace["name"]: trace for trace in drawn.views[2].data}
    assert list(near) == [f"{study}, C&W, {key} varies" for study in ("some", "none") for key in ("threshold", "bound")]
    assert near["some, C&W, bound varies"]["x"] == [30.55, 5.55]
    assert near["some, C&W, bound varies"]["y"] == [0.9167, 0]
    assert near["none, C&W, bound varies"]["y"] == [0, 0]
    bound = doses["none"].tables["doses"].query("arm == 'seed' and target == 'rank-2' and confidence == 'b-100'")
    assert near["none, C&W, bound varies"]["error_y"]["array"][0] == pytest.approx(
        bound["utterance_bound"].iloc[0], abs=1e-4
    )
    assert "some, C&W, another seed: of 8 doses, most transfers at b-100 for rank 2" in drawn.conclusion
    assert "none, C&W, another seed: none of 8 doses transfers" in drawn.conclusion
    table = curves.lay_out_doses(doses)
    rows = {tuple(one.text for one in row[:4]): [one.text for one in row[4:]] for row in table.rows}
    assert len(rows) == 8
    assert rows["C&W", "rank 2", "b-100", "another seed"][0].startswith("30.6 dB; 33 of 36 hearings; best control ")
    assert 'id="table-curves"' in page.render(doses, TEMPLATES)


def test_studies_of_two_confidences_have_no_dose_curve(found: dict[str, studies.Study]) -> None:
    assert curves.dose_curves(found) is None


def test_the_page_has_its_sections_and_loads_nothing(html: str) -> None:
    for address, label in page.SECTIONS:
        assert f'<section id="{address}"' in html
        assert f'href="#{address}">{label}' in html
    links = re.findall(r'<(?:a|img|link|audio)[^>]*(?:href|src)="([^"]*)"', html.split("<script", 1)[0])
    assert all(link.startswith(("#", "data:")) for link in links)
    assert {link[1:] for link in links if link.startswith("#")} <= set(re.findall(r' id="([^"]+)"', html))


def test_the_same_studies_give_the_same_bytes(found: dict[str, studies.Study], html: str) -> None:
    assert page.render(found, TEMPLATES) == html


def test_folders_that_cannot_be_compared(folders: list[Path], tmp_path: Path) -> None:
    for wrong, message in (
        (folders[:1], "name two at least"),
        ([folders[0], folders[0]], "is listed twice"),
        ([folders[0], tmp_path / "nowhere"], "no such folder"),
        ([folders[0], tmp_path], "configuration.json: cannot be read"),
    ):
        with pytest.raises(InputError, match=message):
            studies.read(wrong)
    (tmp_path / "configuration.json").write_text("{}")
    with pytest.raises(InputError, match="no configuration"):
        studies.read([folders[0], tmp_path])


def test_two_folders_of_one_name_are_told_apart(folders: list[Path], tmp_path: Path) -> None:
    (tmp_path / "narrow").symlink_to(folders[1])
    assert list(studies.read([folders[0], tmp_path / "narrow"])) == ["narrow", "wide"]


def test_the_digest_follows_what_a_comparison_reads(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    before = compared.digest_results([str(tmp_path)])
    (tmp_path / "report.html").touch()
    assert compared.digest_results([str(tmp_path)]) == before
    (tmp_path / "tables" / "claims.parquet").touch()
    assert compared.digest_results([str(tmp_path)]) != before


def test_the_configuration_is_plain_and_holds_what_decides() -> None:
    plain = describe_configuration(read_study("smoke.yaml"))
    assert json.loads(json.dumps(plain)) == plain
    assert plain["families"]["deepspeech"]["network"]["units"] == 96
    assert plain["attacks"]["cw"]["iterations"] == 80
    assert list(plain["corpus"]) == ["kind", "synthetic"]
    assert plain["surrogates"] == ["seed-1"]


@pytest.mark.parametrize(
    "change",
    [
        {"results": "elsewhere"},
        {"compare": ["results", "others"]},
        {"time_limit": 9},
        {"neighbours": {"epochs": 3}},
        {"corpus": {"librispeech": {"folder": "x"}}},
        {"decoder": {"alpha": 0.5}},
        {"surrogates": ["seed-1"]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_changes_no_table_is_no_part_of_it(change: dict[str, object]) -> None:
    assert describe_configuration(read_study("smoke.yaml", **change)) == describe_configuration(
        read_study("smoke.yaml")
    )
