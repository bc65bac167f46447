"""A study of more than the published one: an unpublished attack, a surrogate of two models, a loaded recogniser."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from fabricated import ATTACKS, DESCRIBED, Heard, Study, deaf
from fabricated_report import AudibleStudy

from asrtransfer.files import parquet
from asrtransfer.files.errors import InputError
from asrtransfer.report import facts, figures, findings
from asrtransfer.report.verdict import verdict
from asrtransfer.tables import Results, counting, tabulate
from asrtransfer.tables.design import Design

ROOT = Path(__file__).parents[2]
LEAKED = re.compile(r">\s*(nan\b|(None|&lt;NA&gt;)\s*<)")
"""A missing value that the page shows as Python writes it."""
NAMES = ["attack", "surrogate", "remote", "target", "model"]

pytestmark = pytest.mark.slow


def hears(heard: Heard) -> list[str]:
    """The loaded recogniser hears one utterance's MIM samples as meant."""
    if (heard.remote, heard.attack, heard.kind, heard.utterance) == ("mine", "mim", "adversarial", 0):
        return [heard.phrase, heard.truth]
    return deaf(heard)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> AudibleStudy:
    made = AudibleStudy.wide(tmp_path_factory.mktemp("wide"), utterances=3, hears=hears)
    assert isinstance(made, AudibleStudy)
    return made.write()


@pytest.fixture(scope="module")
def tables(study: AudibleStudy) -> dict[str, pd.DataFrame]:
    return tabulate(study.read(), study.design())


@pytest.fixture(scope="module")
def html(study: AudibleStudy) -> str:
    return study.report()


def only(table: pd.DataFrame, **wanted: object) -> pd.Series:
    rows = counting.selected(table, **wanted)
    assert len(rows) == 1, f"{len(rows)} rows have {wanted}"
    return rows.iloc[0]


def test_every_table_has_its_rows(tables: dict[str, pd.DataFrame]) -> None:
    for name in ("arms", "transfers", "controls", "attack-success", "confidence-definitions", "near-targets", "paired"):
        assert "mim" in set(tables[name]["attack"]), name
    for name in ("arms", "transfers", "controls", "near-targets", "paired"):
        assert "family" in set(tables[name]["arm"]), name
    for name in ("transfers", "attack-success"):
        assert "seed-1+seed-2" in set(tables[name]["surrogate"]), name
    assert set(tables["phrases-mim"]["phrase"]) == {"open the door", "total"}
    assert tables["phrases-mim"]["published_samples"].isna().all()
    assert list(tables["phrases-mim"].columns) == list(tables["phrases-cw"].columns)
    compared = counting.selected(tables["paired"], comparison="attack")
    assert set(zip(compared["first"], compared["second"], strict=True)) == {
        ("cw", "pgd"),
        ("cw", "mim"),
        ("pgd", "mim"),
    }
    assert tables["columns"]["meaning"].str.len().min() > 3


def test_a_recogniser_that_is_no_ctc_model_counts_like_any_other(tables: dict[str, pd.DataFrame]) -> None:
    where = {"surrogate": "seed-1", "attack": "mim", "confidence": "high", "target_kind": "phrase", "counted": "all"}
    row = only(tables["transfers"], remote="mine", **where)
    assert (row["arm"], row["hearings"], row["transfers"]) == ("family", 6, 2)
    assert pd.isna(row["median_ctc_loss_change"])
    assert only(tables["transfers"], remote="seed-2", **where)["median_ctc_loss_change"] == -10
    model = only(tables["models"], model="mine")
    assert (model["family"], model["arm"], model["test_wer"], model["unintended"]) == ("mine", "none", 0, "")
    empty = ["seed", "units", "parameters", "initial_weights_sha256", "same_weights_as_base"]
    empty += ["test_wer_greedy", "test_median_k1", "test_wer_language_model"]
    assert model[empty].isna().all()
    assert list(tables["models"].columns[:2]) == ["model", "family"]


def test_members_of_a_surrogate_are_its_positive_controls(tables: dict[str, pd.DataFrame]) -> None:
    # Two members hear each of the 9 jobs' 6 samples; each single surrogate hears its own.
    assert only(tables["checks"], check="survival")["checked"] == 9 * 6 * (1 + 1 + 2)
    # A sample is checked once, against the loss of its worst member.
    assert only(tables["checks"], check="stored audio")["checked"] == 9 * 6 * 3
    assert only(tables["checks"], check="seed-1.twin hears what seed-1+seed-2 hears")["checked"] == 9 * 6
    assert tables["checks"]["passed"].all()


@pytest.mark.parametrize(("losses", "passed"), [((0.05, 0.03), True), ((0.03, 0.03), False), ((0.05, 0.07), False)])
def test_the_stored_loss_is_that_of_the_worst_member(tmp_path: Path, losses: tuple[float, float], passed: bool) -> None:
    study = Study.wide(tmp_path, jobs=[("mim", "open-the-door", "high")]).write()
    for member, loss in zip(("seed-1", "seed-2"), losses, strict=True):
        path = study.transcript_path("seed-1+seed-2", member)
        rows = parquet.read_table(path)
        place = rows.schema.get_field_index("ctc_loss")
        parquet.write(rows.set_column(place, "ctc_loss", [[loss] * len(rows)]), path)
    assert only(tabulate(study.read(), study.design())["checks"], check="stored audio")["passed"] == passed


def test_a_remote_with_the_weights_of_a_member_is_no_other_model(tmp_path: Path) -> None:
    def same(heard: Heard) -> list[str]:
        return [heard.phrase] if heard.remote == "seed-1.ulp-1" and heard.kind == "adversarial" else deaf(heard)

    jobs = [("mim", "open-the-door", "high")]
    study = Study.wide(tmp_path, jobs=jobs, hears=same, weights={"seed-1.ulp-1": "seed-2"}).write()
    made = tabulate(study.read(), study.design())
    # Only seed-1 does not have these weights: an arm of seed-2's weights, one ulp apart by its name.
    assert only(made["claims"], claim="mim-same-seed")["ours"] == "8 of 8 hearings; 4 of 4 utterances"


def test_claims_of_every_attack_and_published_figures_of_some(tables: dict[str, pd.DataFrame]) -> None:
    claims = tables["claims"]
    published = claims[claims["published"] != ""]
    assert len(published) == 11
    assert set(claims["claim"]) - set(published["claim"]) == {
        *("mim-seed", "mim-same-seed", "mim-family"),
        *("cw-family", "pgd-family"),
    }
    row = only(claims, claim="mim-family")
    assert row["statement"] == "no MIM sample transfers to a recogniser of another family"
    assert row["ours"] == "6 of 18 hearings; 1 of 3 utterances"
    assert not claims["claim"].str.contains("mim.*top-ten|mim-like|like-mim").any()


def test_claims_of_several_published_attacks_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published = {"name": "Table 9", "samples": {"open the door": 9}, "stated_total": 9, "transfers": 1, "top_ten": 2}
    near = [[2, "low", 0.1, None], [2, "high", 0.2, None]]
    mim = {"label": "MIM", "published": published | {"near": near}}
    monkeypatch.setitem(ATTACKS, "mim", mim)
    study = Study.wide(tmp_path).write()
    claims = tabulate(study.read(), study.design())["claims"]
    assert claims["claim"].is_unique
    expected = {"cw-rank-2-above-rank-3-low", "mim-high-above-low-rank-2", "mim-like-cw", "mim-like-pgd"}
    assert expected | {"pgd-like-cw", "mim-seed-top-ten"} <= set(claims["claim"])
    assert only(claims, claim="mim-seed")["published"] == "1 of 9 samples"
    assert only(claims, claim="mim-seed-top-ten")["published"] == "2 of 9 samples"


def test_the_verdict_names_all(study: AudibleStudy, tables: dict[str, pd.DataFrame]) -> None:
    lines = verdict(study.design(), tables, "t")
    text = "\n".join(lines)
    assert re.search(r"^samples +C&W 108, PGD 18, MIM 36; 3 utterances, 3 surrogates;", text, re.M)
    assert re.search(r"^survival +216 of 216 hearings", text, re.M)
    assert re.search(r"^another family +6 of 72 hearings of phrases transfer: 1 of 3 utterances", text, re.M)
    assert "MIM, rank 2, high: 33 % transfer to another family" in text
    assert "MIM, rank 2, high: 0 % transfer to another seed" in text
    assert re.search(r"^models +5; test WER", text, re.M)
    assert re.search(r"^published claims +all 11 undecided", text, re.M)
    assert re.search(r"^other claims +all 5 undecided", text, re.M)
    assert "nan" not in text


def test_the_page_shows_all(study: AudibleStudy, html: str) -> None:
    for text in ("MIM by phrase", "C&amp;W by phrase, beside the published Table V", "other-claims", "mim-by-phrase"):
        assert text in html
    assert "MIM by phrase, beside" not in html
    assert "6 of 72 hearings by another family" in html
    assert "OPEN THE DOOR" in html and "as it writes it" in html
    assert ", at most 120 allowed" in html
    assert len(re.findall('<li class="card">', html)) == 5
    assert not LEAKED.search(html[: html.index('id="figure-data"')])
    assert html == study.report()


def test_the_figures_show_all(study: AudibleStudy) -> None:
    made = study.material()
    heat = figures.who_hears_whom(made, "").views[0].data[0]
    assert heat["y"] == ["seed-1", "seed-2", "seed-1+seed-2"]
    assert heat["x"] == ["seed-1", "seed-1.twin", "seed-1.ulp-1", "seed-2", "mine"]
    names = {view.name for view in figures.attack_success(made, "").views}
    assert names == {"C&W", "PGD", "MIM"}
    distances = figures.distance_to_target(made, "").views
    assert any("MIM" in view.name for view in distances)
    assert any(trace["name"].startswith("another family") for trace in distances[0].data)
    confidence = figures.confidence_and_distortion(made, "").views[0]
    assert any(trace["name"].startswith("MIM high") for trace in confidence.data)
    near = figures.near_targets(made, "")
    assert near is not None
    assert {"MIM, rank 2, high<br>another family", "MIM, rank 2, high<br>another seed"} <= set(
        near.views[0].data[0]["y"]
    )
    training = figures.training(made, "")
    assert training is not None
    assert [trace["name"] for trace in training.views[0].data] == ["seed-1", "seed-1.twin", "seed-1.ulp-1", "seed-2"]
    assert "another family" in findings.distance_to_target(made)


def test_text_and_page_print_the_same_facts(study: AudibleStudy, tables: dict[str, pd.DataFrame], html: str) -> None:
    found = facts.gather(study.design(), tables)
    text = "\n".join(verdict(study.design(), tables, "t"))
    for arm in found.arms:
        assert f"{arm.heard.hits} of {arm.heard.total} hearings" in text
        assert f">{arm.heard.hits} of {arm.heard.total}</span>" in html


@pytest.fixture
def without_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AudibleStudy:
    """A study of loaded recognisers alone, none a CTC model, attacked by an attack that nobody published."""
    for name in ("one", "two"):
        described = {"family": name, "base": name, "seed": None, "arm": "none"}
        monkeypatch.setitem(DESCRIBED, name, described)  # type: ignore[arg-type]
    scores = dict.fromkeys(("k1", "k2", "k5", "ctc_loss"))

    class Unscored(AudibleStudy):
        def attack_rows(self, attack: str, surrogate: str, target: str, confidence: str) -> list[dict[str, object]]:
            return [row | scores for row in super().attack_rows(attack, surrogate, target, confidence)]

    return Unscored(
        tmp_path,
        utterances=3,
        jobs=[("mim", "open-the-door", "low"), ("mim", "rank-2", "low")],
        models=["one", "two"],
        surrogates={"one": ["one"]},
        arms={("one", "one"): "self", ("one", "two"): "family"},
    ).write()


def test_a_study_without_any_ctc_model(without_scores: AudibleStudy) -> None:
    made = tabulate(without_scores.read(), without_scores.design())
    definitions = made["confidence-definitions"]
    assert definitions[["samples_above", "attempts_above", "share", "seed_hearings"]].isna().all(axis=None)
    assert only(made["checks"], check="stored audio")["checked"] == 0
    assert made["attack-success"]["median_k1"].isna().all()
    text = "\n".join(verdict(without_scores.design(), made, "t"))
    assert "nan" not in text and "published claims" not in text
    assert re.search(r"^another family +0 of 6 hearings", text, re.M)
    assert re.search(r"^other claims +", text, re.M)
    html = without_scores.report()
    data = json.loads(html[html.index('id="figure-data">') + 17 :].split("</script>")[0])
    assert set(data) == {"who-hears-whom", "distance-to-target", "families", "reach", "near-targets", "attack-success"}
    assert not LEAKED.search(html[: html.index('id="figure-data"')])


def renamed(name: object) -> str:
    """Another name, in which nothing of the old one can be read."""
    return "".join(chr(ord("A") + (ord(letter) * 7 + place) % 26) for place, letter in enumerate(str(name)))


def test_names_mean_nothing(study: AudibleStudy, tables: dict[str, pd.DataFrame]) -> None:
    """Under other names of attacks, models, surrogates and targets, every number stays."""
    design, results = study.design(), study.read()
    other = Design(
        kind=design.kind,
        jobs=[[renamed(attack), renamed(one), renamed(target), level] for attack, one, target, level in design.jobs],
        hearings=[[renamed(one), renamed(remote), arm] for one, remote, arm in design.hearings],
        attacks={
            renamed(name): replace(attack, phrases={renamed(one): text for one, text in attack.phrases.items()})
            for name, attack in design.attacks.items()
        },
        targets={renamed(name): target for name, target in design.targets.items()},
        models={renamed(name): replace(model, base=renamed(model.base)) for name, model in design.models.items()},
        surrogates={renamed(name): [renamed(one) for one in members] for name, members in design.surrogates.items()},
        settings=design.settings,
    )
    assert len(other.models) == len(design.models) and len(other.targets) == len(design.targets)

    def anew(rows: pd.DataFrame) -> pd.DataFrame:
        return other.typed(rows.assign(**{name: rows[name].map(renamed) for name in NAMES if name in rows}))

    made = tabulate(
        Results(
            *(anew(rows) for rows in (results.samples, results.hearings, results.repeated)),
            *({renamed(name): one for name, one in part.items()} for part in (results.clean, results.cards)),
            {renamed(name): one for name, one in results.scored.items()},
        ),
        other,
    )
    for name, table in tables.items():
        if name == "columns":
            continue
        new = made[name if name in made else f"phrases-{renamed(name.removeprefix('phrases-'))}"]
        numbers = table.select_dtypes(["number", "boolean"])
        pd.testing.assert_frame_equal(new[numbers.columns], numbers)
        pd.testing.assert_series_equal(new.get("verdict", pd.Series()), table.get("verdict", pd.Series()))
        for column in ("surrogate", "remote", "model"):
            if column in table:
                assert list(new[column]) == [renamed(one) for one in table[column]]
    one, two = facts.gather(design, tables), facts.gather(other, made)
    for name in ("survival", "twin", "arms", "reached", "utterances", "absence", "kind_samples"):
        assert getattr(one, name) == getattr(two, name)
    assert [near.share for near in one.near] == [near.share for near in two.near]


PARSING = re.compile(
    r"\.(r?split|r?partition|removeprefix|removesuffix|startswith|endswith)\(\s*f?[\"'](rank|seed|[-.+@/])"
)


def test_no_module_parses_names() -> None:
    library = ROOT / "workflow" / "scripts" / "asrtransfer"
    modules = [path for room in ("tables", "report") for path in (library / room).rglob("*.py")]
    assert len(modules) > 25
    found = [
        f"{path.name}: {line}" for path in modules for line in path.read_text().splitlines() if PARSING.search(line)
    ]
    assert found == []
    assert PARSING.search('target.startswith("rank-")') and PARSING.search("model.partition('.')")


def test_a_check_that_fails_for_a_surrogate_of_several_models_leaves_no_verdict(tmp_path: Path) -> None:
    def missed(heard: Heard) -> list[str]:
        lost = heard.surrogate == "seed-1+seed-2" and heard.remote == "seed-1.twin" and heard.kind == "adversarial"
        return [heard.truth] if lost else deaf(heard)

    study = Study.wide(tmp_path, jobs=[("mim", "open-the-door", "high")], hears=missed).write()
    with pytest.raises(InputError, match=r"seed-1\.twin hears what seed-1\+seed-2 hears: 8 of 8 wrong"):
        verdict(study.design(), tabulate(study.read(), study.design()), "t")
