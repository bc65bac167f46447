"""Transfer against distortion and confidence: the table, and the shipped study that fills it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fabricated import Heard, Study
from fabricated_doses import CONFIDENCES, UTTERANCES, Doses, fails_for_rank_2_low, optimum
from test_resources import study_of
from test_tables import only, tables_of

from asrtransfer.tables.doses import doses, name_sweeps
from study import tables as study_tables

ARMS = ["self", "twin", "seed", "ulp"]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    return tables_of(Doses(tmp_path_factory.mktemp("study"), hears=optimum))


def test_a_row_a_target_confidence_and_arm(tables: dict[str, pd.DataFrame]) -> None:
    table = tables["doses"]
    expected = [("cw", target, name, arm) for target in ("phrases", "rank-2") for name in CONFIDENCES for arm in ARMS]
    assert list(table[["attack", "target", "confidence", "arm"]].itertuples(index=False, name=None)) == expected


def test_a_dose_beside_its_size_and_its_controls(tables: dict[str, pd.DataFrame]) -> None:
    row = only(tables["doses"], target="rank-2", confidence="b-100", arm="seed")
    assert (row["sweep"], row["keys"]) == ("bound", "threshold 0.5, bound 100")
    # One surrogate is heard by one other seed, the other by two; eleven of twelve utterances are heard as the target.
    assert (row["samples"], row["hearings"], row["transfers"]) == (2 * UTTERANCES, 36, 33)
    quartiles = [row[f"{name}_snr_db"] for name in ("lower_quartile", "median", "upper_quartile")]
    assert quartiles == pytest.approx([30.275, 30.55, 30.825])
    assert [row[f"{name}_k1"] for name in ("lower_quartile", "median", "upper_quartile")] == [0.9996] * 3
    assert row["share"] == pytest.approx(33 / 36)
    assert row["bootstrap_both_lower"] < 33 / 36 < row["bootstrap_both_upper"]  # type: ignore[operator]
    assert (row["utterances"], row["utterances_hit"]) == (12, 11)
    # Noise and clean audio have the target in the top ten for one utterance of twelve.
    assert (row["control_hearings"], row["control_share"], row["control_top_ten_share"]) == (36, 0, 1 / 12)
    assert (row["clean_hearings"], row["clean_share"], row["clean_top_ten_share"]) == (36, 0, 1 / 12)
    assert row["p_value"] == pytest.approx(2 * 0.5**11)


def test_the_best_control_is_the_kind_with_the_largest_share(tmp_path: Path) -> None:
    def hears(heard: Heard) -> list[str]:
        return [heard.phrase] if (heard.kind, heard.utterance) == ("moved", 3) else [heard.truth]

    row = only(Doses(tmp_path, hears=hears).tabulate(), target="rank-2", confidence="low", arm="seed")
    assert (row["share"], row["control_share"], row["control_top_ten_share"]) == (0, 1 / 12, 1 / 12)
    assert row["clean_share"] == 0
    assert row["p_value"] == 1


def test_doses_count_as_the_other_tables_do(tables: dict[str, pd.DataFrame]) -> None:
    near, arms, controls = tables["near-targets"], tables["arms"], tables["controls"]
    for row in tables["doses"].to_dict("records"):
        cell = {"attack": "cw", "confidence": row["confidence"], "arm": row["arm"]}
        if row["target"] == "phrases":
            found = only(arms, target_kind="phrase", counted="primary", **cell)
            shares = controls[controls["kind"].isin(["shuffled", "moved", "noise"])]
            shares = shares[(shares[list(cell)] == pd.Series(cell)).all(axis=1) & (shares["target_kind"] == "phrase")]
            assert row["control_share"] == shares["share"].max()
        else:
            found = only(near, rank=2, counted="primary", **cell)
        shared = [name for name in found if name in row]
        assert len(shared) > 10
        assert {name: row[name] for name in shared} == pytest.approx(
            {name: found[name] for name in shared}, nan_ok=True
        )


@pytest.mark.parametrize("missing", ["k1", "snr_db"])
def test_samples_without_a_measure_have_missing_values(missing: str, tmp_path: Path) -> None:
    [measured] = {"snr_db", "k1"} - {missing}
    table = Doses(tmp_path, hears=optimum, measured=(measured,)).tabulate()
    for name in ("lower_quartile", "median", "upper_quartile"):
        assert table[f"{name}_{missing}"].isna().all()
        assert table[f"{name}_{measured}"].notna().all()
    assert only(table, target="rank-2", confidence="b-100", arm="seed")["transfers"] == 33


def test_a_dose_without_samples_stays_as_a_row(tmp_path: Path, tables: dict[str, pd.DataFrame]) -> None:
    table = Doses(tmp_path, hears=optimum, failing=fails_for_rank_2_low).tabulate()
    assert len(table) == len(tables["doses"])
    row = only(table, target="rank-2", confidence="low", arm="seed")
    counts = ["samples", "hearings", "transfers", "top_ten", "utterances", "utterances_hit"]
    assert [row[name] for name in (*counts, "control_hearings", "clean_hearings")] == [0] * 8
    unknown = ["median_snr_db", "median_k1", "share", "top_ten_share", "control_share", "clean_share", "p_value"]
    assert np.isnan([float(str(row[name])) for name in unknown]).all()
    assert only(table, target="phrases", confidence="low", arm="seed")["hearings"] == 36


def test_a_study_without_a_sweep_has_the_same_columns(tmp_path: Path, tables: dict[str, pd.DataFrame]) -> None:
    study = Study(tmp_path).write()
    table = doses(study.read(), study.design())
    assert list(table) == list(tables["doses"])
    assert set(table["sweep"]) == {""}
    assert set(table["attack"]) == {"cw", "pgd"}


def test_a_sweep_varies_one_key() -> None:
    assert name_sweeps({"high": {}}) == {"high": ""}
    assert name_sweeps({"low": {"threshold": None}, "high": {"threshold": 0.9}}) == dict.fromkeys(
        ("low", "high"), "threshold"
    )
    two_keys = {"a": {"bound": 1, "shrink": 1}, "b": {"bound": 2, "shrink": 0.8}}
    assert name_sweeps(two_keys) == {"a": "", "b": ""}


def test_a_grid_of_two_keys_is_split_along_its_longer_side() -> None:
    grid = {f"{bound}-{share}": {"bound": bound, "shrink": share} for bound in (1.0, 2.0, 3.0) for share in (0.8, 1.0)}
    found = name_sweeps(grid)
    assert set(found.values()) == {"bound (shrink 0.8)", "bound (shrink 1)"}
    assert found["1.0-0.8"] == found["3.0-0.8"] != found["3.0-1.0"]


def test_the_shipped_study_sweeps_bound_and_threshold_and_has_the_published_confidences() -> None:
    attacks = study_tables.describe_design(study_of("dose"))["attacks"]
    assert list(attacks) == ["cw", "mix"]
    assert set(name_sweeps(attacks["mix"]["settings"]).values()) == {"snr"}
    sweeps = pd.Series(name_sweeps(attacks["cw"]["settings"]))
    # The smallest bounds need smaller steps: another sweep.
    assert sweeps.value_counts().to_dict() == {
        "bound (learning_rate 100)": 4,
        "bound (learning_rate 5)": 3,
        "threshold": 4,
    }
    assert set(sweeps.index[sweeps == "threshold"]) >= {"low", "high"}
    assert (attacks["cw"]["thresholds"]["low"], attacks["cw"]["thresholds"]["high"]) == (None, 0.9)
    fixed = [values for name, values in attacks["cw"]["settings"].items() if sweeps[name].startswith("bound")]
    assert all((values["shrink"], values["threshold"]) == (1, None) for values in fixed)


def test_a_design_has_the_keys_that_a_confidence_overrides() -> None:
    over = {"attacks": {"cw": {"confidences": {"low": {"threshold": None}, "b-60": {"bound": 60}}}}}
    settings = study_tables.describe_design(study_of("smoke", **over))["attacks"]["cw"]["settings"]
    assert settings == {"low": {"threshold": None, "bound": 2000}, "b-60": {"threshold": 0.9, "bound": 60}}
