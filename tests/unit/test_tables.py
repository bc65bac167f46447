"""Tables of a study that nobody ran, whose counts are known."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fabricated import ARMS, JOBS, MODELS, Heard, Study, deaf

from asrtransfer.files import parquet
from asrtransfer.tables import columns, counting, tabulate
from asrtransfer.tables.design import Design, Settings
from study import config
from study import tables as study_tables

ROOT = Path(__file__).parents[2]
SETTINGS = Settings(confidence_level=0.95, margin=0.05, resamples=200, seed=0)


def only(table: pd.DataFrame, **wanted: object) -> dict[str, object]:
    """The one row that has these values."""
    rows = counting.selected(table, **wanted)
    assert len(rows) == 1, f"{len(rows)} rows have {wanted}"
    return {str(key): value for key, value in rows.iloc[0].items()}


def tables_of(study: Study) -> dict[str, pd.DataFrame]:
    study.write()
    return tabulate(study.read(), study.design())


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Twenty-six utterances; one attack fails on one of them, and a second seed hears one sample."""

    def hears(heard: Heard) -> list[str]:
        if heard.kind == "adversarial" and heard.arm == "seed" and heard.target == "open-the-door":
            if (heard.surrogate, heard.remote, heard.attack) == ("seed-2", "seed-1", "cw"):
                if (heard.utterance, heard.confidence, heard.iteration) == (3, "high", 100):
                    return [heard.phrase, heard.truth]
                if heard.utterance == 4:
                    return [heard.truth, "something else", heard.phrase]
            if heard.remote == "seed-2" and heard.utterance == 5:
                return [f"{heard.phrase} now", heard.truth]
        if heard.arm == "seed" and heard.target == "rank-2" and heard.kind in ("adversarial", "clean"):
            if heard.confidence == "high" and heard.kind == "adversarial" and heard.utterance % 2:
                return [heard.phrase, heard.truth]
            return [heard.truth, heard.phrase] if heard.utterance < 13 else [heard.truth]
        return deaf(heard)

    def failing(attack: str, surrogate: str, target: str, confidence: str, utterance: int) -> str:
        if (attack, surrogate, target, confidence) == ("pgd", "seed-1", "open-the-door", "high"):
            return {0: "failed", 1: "infeasible", 2: "capped"}.get(utterance, "sample")
        return "sample"

    folder = tmp_path_factory.mktemp("study")
    return Study(folder, utterances=26, hears=hears, failing=failing).write()


@pytest.fixture(scope="module")
def tables(study: Study) -> dict[str, pd.DataFrame]:
    return tabulate(study.read(), study.design())


def test_phrases_in_the_shape_of_the_published_table(tables: dict[str, pd.DataFrame]) -> None:
    table = tables["phrases-cw"]
    assert list(table["phrase"]) == ["open the door", "total"]
    row = only(table, phrase="open the door")
    assert (row["utterances"], row["attempts"], row["reached"]) == (26, 104, 104)
    assert (row["primary_samples"], row["samples"]) == (104, 208)
    # Each of 104 samples a surrogate: seed-1 is heard by one other seed, seed-2 by two; a twin of one repeats it.
    assert (row["seed_hearings"], row["seed_primary_hearings"]) == (104 + 208, 52 + 104)
    # The one hit is not a primary sample; top ten counts it and utterance 4's four samples.
    assert (row["seed_transfers"], row["seed_primary_transfers"]) == (1, 0)
    assert (row["seed_top_ten"], row["seed_primary_top_ten"]) == (5, 2)
    assert row["twin_transfers"] == row["twin_hearings"] == 104
    assert row["self_transfers"] == row["self_hearings"] == 208
    # Three strangers hear the phrase once in the place of each of 26 utterances.
    assert row["spoken_hits"] == row["spoken_hearings"] == 3 * 26
    assert (row["published_samples"], row["published_transfers"]) == (2253, 0)
    assert only(table, phrase="total")["published_samples"] == 2253


def test_total_of_the_published_pgd_table_is_doubted(tables: dict[str, pd.DataFrame]) -> None:
    note = str(only(tables["phrases-pgd"], phrase="total")["note"])
    assert "rows sum to 304261" in note and "stated total is 239968" in note and "'open the door'" in note


def test_a_phrase_that_was_never_published_has_no_published_figure(tmp_path: Path) -> None:
    made = tables_of(Study(tmp_path, jobs=[("cw", "open-the-gate", "low")]))
    row = only(made["phrases-cw"], phrase="open the gate")
    assert row["published_samples"] is pd.NA and row["note"] == "not in the published Table V"
    assert only(made["phrases-cw"], phrase="total")["published_samples"] is pd.NA


def test_near_targets_beside_the_base_rate(tables: dict[str, pd.DataFrame]) -> None:
    row = only(tables["near-targets"], rank=2, confidence="high", arm="seed", counted="primary")
    assert (row["samples"], row["hearings"], row["transfers"]) == (52, 78, 39)
    assert row["share"] == 0.5
    assert 0 < row["bootstrap_both_lower"] < 0.5 < row["bootstrap_both_upper"] < 1  # type: ignore[operator]
    # The odd ones hit, of the even ones the first seven are second.
    assert row["top_ten"] == 39 + 7 * 3
    assert (row["clean_hearings"], row["clean_share"], row["clean_top_ten_share"]) == (78, 0, 0.5)
    assert (row["published_share"], row["published_top_ten_share"]) == (0.40, 0.68)
    assert set(tables["near-targets"]["arm"]) == {"self", "twin", "seed", "ulp"}


def test_attack_success_has_every_job_and_status(tables: dict[str, pd.DataFrame]) -> None:
    table = tables["attack-success"]
    assert len(table) == 2 * len(JOBS)
    row = only(table, surrogate="seed-1", attack="pgd")
    counts = ["utterances", "reached", "failed", "infeasible", "capped", "samples"]
    assert [row[name] for name in counts] == [26, 24, 1, 1, 1, 46]
    assert row["share"] == pytest.approx(24 / 26)
    assert row["lower"] < 24 / 26 < row["upper"]  # type: ignore[operator]
    assert np.isnan(row["bound"])  # type: ignore[call-overload]
    assert (row["median_iteration"], row["median_snr_db"], row["median_k1"]) == (110, 20, 0.95)
    assert only(table, surrogate="seed-2", attack="pgd")["bound"] == pytest.approx(0.05 ** (1 / 26))


def test_failures_are_listed(tables: dict[str, pd.DataFrame]) -> None:
    table = tables["failures"]
    assert list(table["status"]) == ["failed", "infeasible", "capped"]
    assert list(table["utterance_id"]) == ["u000", "u001", "u002"]
    assert set(table["best_loss"]) == {0.1}


def test_transfers_by_surrogate_and_remote(tables: dict[str, pd.DataFrame]) -> None:
    table = tables["transfers"]
    where = {"attack": "cw", "confidence": "high", "target_kind": "phrase"}
    row = only(table, surrogate="seed-2", remote="seed-1", counted="all", **where)
    assert (row["arm"], row["hearings"], row["transfers"], row["top_ten"]) == ("seed", 52, 1, 3)
    row = only(table, surrogate="seed-1", remote="seed-2", counted="primary", **where)
    assert (row["transfers"], row["contains_share"]) == (0, pytest.approx(1 / 26))
    assert row["bound"] == pytest.approx(1 - 0.05 ** (1 / 26))
    assert row["median_cer_truth"] == 0
    assert row["median_ctc_loss_change"] == -10
    # Attack, confidence and kind of target there are: cw high and low for both kinds, pgd high for phrases.
    assert len(table) == len(ARMS) * 5 * 2


def test_arms_count_by_unit(tables: dict[str, pd.DataFrame]) -> None:
    where = {"target_kind": "phrase", "attack": "all", "confidence": "all", "counted": "all"}
    row = only(tables["arms"], arm="seed", **where)
    assert (row["hearings"], row["transfers"]) == (312 + 46 + 52 * 2, 1)
    assert (row["samples"], row["samples_hit"]) == (208 + 46 + 52, 1)
    assert (row["utterances"], row["utterances_hit"]) == (26, 1)
    assert (row["pairs"], row["pairs_hit"]) == (3, 1)
    assert (row["surrogates"], row["surrogates_hit"]) == (2, 1)
    assert row["hearing_upper"] < row["utterance_upper"] < row["pair_upper"]  # type: ignore[operator]
    assert row["bootstrap_both_lower"] == 0 and row["bootstrap_both_upper"] > row["share"]  # type: ignore[operator]
    quiet = only(tables["arms"], arm="ulp", **where)
    assert quiet["utterance_bound"] == pytest.approx(1 - 0.05 ** (1 / 26))
    assert np.isnan(quiet["bootstrap_both_upper"])  # type: ignore[call-overload]
    # Near targets never mix with phrases.
    assert only(tables["arms"], arm="seed", **{**where, "target_kind": "near"})["transfers"] == 78


def test_controls_carry_no_target(tables: dict[str, pd.DataFrame]) -> None:
    table = tables["controls"]
    phrases = table[table["target_kind"] == "phrase"]
    assert set(phrases["kind"]) == {"adversarial", "clean", "shuffled", "moved", "noise", "spoken"}
    negative = phrases[~phrases["kind"].isin(["adversarial", "spoken"])]
    assert (negative["transfers"] == 0).all()
    assert (negative["hearings"] > 0).all()
    spoken = phrases[phrases["kind"] == "spoken"]
    assert (spoken["transfers"] == spoken["hearings"]).all()
    assert (spoken["hearings"] > 0).all()
    assert "spoken" not in set(table.loc[table["target_kind"] == "near", "kind"])
    row = only(table, kind="adversarial", arm="self", attack="cw", confidence="low", target_kind="phrase")
    assert (row["share"], row["hearings"], row["median_cer_target"]) == (1, 52, 0)


def test_models(tables: dict[str, pd.DataFrame]) -> None:
    table = tables["models"]
    assert list(table["model"]) == MODELS
    assert table["same_weights_as_base"].tolist() == [pd.NA, pd.NA, True, False]
    row = only(table, model="seed-1")
    assert (row["test_wer"], row["test_right"], row["test_utterances"]) == (0, 5, 5)
    assert row["test_wer_greedy"] == pytest.approx(2 / 3)
    assert row["test_median_k1"] == pytest.approx(0.7), "of 0.9, 0.8, 0.7, 0.6, 0.5"
    assert (table["unintended"] == "").all()


def test_models_tell_what_should_not_differ(study: Study) -> None:
    results = study.read()
    results.cards["seed-2"]["recipe"]["epochs"] = 2  # type: ignore[index]
    results.cards["seed-2"]["machine"] = "another"  # type: ignore[index]
    table = tabulate(results, study.design())["models"]
    assert list(table["unintended"]) == ["", "machine recipe", "", ""]


def test_paired_tests(tables: dict[str, pd.DataFrame]) -> None:
    table = tables["paired"]
    where = {"outcome": "transfer", "arm": "seed"}
    row = only(table, comparison="confidence", target="rank-2", **where)
    assert [row[name] for name in ("pairs", "both", "only_first", "only_second", "neither")] == [
        78,
        0,
        39,
        0,
        39,
    ]
    assert row["difference"] == 0.5 and row["difference_lower"] > 0  # type: ignore[operator]
    assert row["p_value"] == pytest.approx(2 * 0.5**39)
    row = only(table, comparison="rank", confidence="high", **where)
    assert (row["first"], row["second"], row["only_first"]) == ("rank-2", "rank-3", 39)
    row = only(table, comparison="perturbation", attack="cw", confidence="high", target="rank-2", **where)
    assert (row["pairs"], row["only_first"]) == (78, 39)
    row = only(table, comparison="attack", confidence="high", **where)
    # Three utterances of seed-1 have no PGD sample.
    assert (row["first"], row["second"], row["pairs"]) == ("cw", "pgd", 23 + 52)
    assert set(table["arm"]) == {"seed", "ulp"}


def test_definitions_of_confidence(tables: dict[str, pd.DataFrame]) -> None:
    rows = tables["confidence-definitions"]
    where = {"attack": "cw", "confidence": "low", "target_kind": "phrase"}
    found = {name: only(rows, definition=name, **where)["samples_above"] for name in ("K1", "K2", "K5")}
    assert found == {"K1": 0, "K2": 104, "K5": 0}
    row = only(rows, definition="K1", **{**where, "confidence": "high"})
    assert (row["samples_above"], row["attempts_above"], row["attempts"], row["share"]) == (104, 52, 52, 1)
    assert (row["seed_hearings"], row["seed_transfers"]) == (52 + 104, 1)


def test_every_column_of_every_table_has_a_meaning(tables: dict[str, pd.DataFrame]) -> None:
    described = tables["columns"]
    others = {name: table for name, table in tables.items() if name != "columns"}
    assert len(described) == sum(len(table.columns) for table in others.values())
    assert described["meaning"].str.len().min() > 3
    used = {str(column) for table in others.values() for column in table}
    assert set(columns.MEANINGS) - used == set()
    with pytest.raises(KeyError):
        columns.meaning("unheard_of")


def test_names_are_plain_text(tables: dict[str, pd.DataFrame]) -> None:
    assert not [name for name, table in tables.items() if len(table.select_dtypes("category").columns)]


def test_same_results_same_bytes(study: Study, tables: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    again = tabulate(study.read(), study.design())
    for name, table in tables.items():
        assert table.to_csv(index=False) == again[name].to_csv(index=False)
        parquet.write(table, tmp_path / "one.parquet")
        parquet.write(again[name], tmp_path / "two.parquet")
        assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_tables_start_without_torch() -> None:
    program = "import asrtransfer.tables, asrtransfer.report.verdict, sys; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT / "workflow" / "scripts", check=True)


# Scoring and completeness


def test_a_study_in_which_every_attack_failed_has_tables(tmp_path: Path) -> None:
    made = tables_of(Study(tmp_path, failing=lambda *job: "failed"))
    assert len(made["failures"]) == 2 * len(JOBS) * 4
    assert (made["attack-success"]["reached"] == 0).all()
    assert (made["arms"]["hearings"] == 0).all()
    assert (made["claims"]["verdict"] == "not tested").all()


@pytest.mark.parametrize("target", ["phrases", "near targets"])
def test_a_study_of_one_kind_of_target_has_the_same_columns(
    target: str, tables: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    jobs = [job for job in JOBS if job[1].startswith("rank-") == (target == "near targets")]
    made = tables_of(Study(tmp_path, jobs=jobs))
    for name, table in made.items():
        assert list(table.columns) == list(tables[name].columns), name


# Claims


def test_a_twin_of_another_seed_is_shown_and_counts_nowhere(study: Study, tables: dict[str, pd.DataFrame]) -> None:
    """Its hearings are those of its base: counted, every one would count twice."""
    results = study.read()
    names = ["surrogate", "remote"]
    assert set(results.repeated[names].astype(str).itertuples(index=False, name=None)) == {("seed-2", "seed-1.twin")}
    assert (results.hearings["surrogate"].astype(str) == "seed-1").any()
    both = [counted_of(tables, "seed-2", remote) for remote in ("seed-1", "seed-1.twin")]
    assert both[0] > 0 and both[1] > 0
    pooled = only(tables["arms"], arm="seed", target_kind="phrase", attack="all", confidence="all", counted="all")
    cells = [
        counted_of(tables, *pair) for pair in (("seed-1", "seed-2"), ("seed-2", "seed-1"), ("seed-2", "seed-1.ulp-1"))
    ]
    assert pooled["hearings"] == sum(cells)


def counted_of(tables: dict[str, pd.DataFrame], surrogate: str, remote: str) -> int:
    rows = tables["transfers"]
    rows = rows[(rows["surrogate"] == surrogate) & (rows["remote"] == remote)]
    return int(rows[(rows["target_kind"] == "phrase") & (rows["counted"] == "all")]["hearings"].sum())


def test_the_workflow_names_the_tables_that_are_made(tables: dict[str, pd.DataFrame]) -> None:
    attacks = {name: {"phrases": ["open the door"]} for name in ("cw", "pgd")}
    configured = config.read({"models": MODELS, "selection": {"utterances": 4}, "attacks": attacks})
    assert sorted(study_tables.list_tables(configured)) == sorted(tables)


def test_the_design_that_the_workflow_hands_over() -> None:
    attacks = {
        "cw": {"phrases": ["don't move"], "ranks": [2], "threshold": 0.8},
        "pgd": {"phrases": ["open the door"]},
    }
    settings = {"models": MODELS, "remotes": ["seed-1.twin"], "selection": {"utterances": 4}}
    configured = config.read(settings | {"attacks": attacks})
    design = Design.from_dict(study_tables.describe_design(configured))
    assert [list(job) for job in design.jobs][:3] == [
        ["cw", "seed-1", "dont-move", "low"],
        ["cw", "seed-1", "dont-move", "high"],
        ["cw", "seed-1", "rank-2", "low"],
    ]
    assert ["seed-1", "seed-1.twin", "twin"] in design.hearings and len(design.hearings) == 4
    phrases = {name: attack.phrases for name, attack in design.attacks.items()}
    assert phrases == {"cw": {"dont-move": "don't move"}, "pgd": {"open-the-door": "open the door"}}
    thresholds = {name: attack.thresholds for name, attack in design.attacks.items()}
    assert thresholds == {"cw": {"low": None, "high": 0.8}, "pgd": {"high": 0.9}}
    assert design.kind == "grid"
    assert {name: attack.label for name, attack in design.attacks.items()} == {"cw": "C&W", "pgd": "PGD"}
    assert {name: (target.kind, target.rank) for name, target in design.targets.items()} == {
        "dont-move": ("phrase", None),
        "open-the-door": ("phrase", None),
        "rank-2": ("near", 2),
    }
    assert design.surrogates == {"seed-1": ["seed-1"], "seed-2": ["seed-2"]}
    assert design.settings == Settings(confidence_level=0.95, margin=0.05, resamples=2000, seed=0)


def test_a_design_is_made_of_builtin_values(study: Study) -> None:
    design = study.design()
    assert isinstance(design, Design) and design.arms == ["self", "twin", "seed", "ulp"]
    assert list(design.attacks) == ["cw", "pgd"]
    assert len(design.expected) == len(JOBS) * len(ARMS)


def test_variants_of_an_attack_have_names_of_their_own_and_nothing_published() -> None:
    plain, views = {"phrases": ["go"]}, {"use": "cw", "phrases": ["go"], "views": {"noise": 5}}
    for attacks, labels, published in (
        ({"cw": plain, "cw-views": views}, ["C&W", "C&W (cw-views)"], [True, False]),
        ({"mine": views}, ["C&W"], [True]),
        ({"one": views, "two": views}, ["C&W (one)", "C&W (two)"], [False, False]),
    ):
        described = study_tables.describe_design(config.read({"models": MODELS, "attacks": attacks}))["attacks"]
        assert [attack["label"] for attack in described.values()] == labels
        assert [attack["published"] is not None for attack in described.values()] == published
