"""DeepSpeech and Whisper attacked on real speech, and heard by each other and by PocketSphinx, to the report."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from clips import Clip
from copies import Repository
from real_study import LAID, MODELS, RESULTS, describe, lay

pytestmark = [pytest.mark.pretrained, pytest.mark.timeout(3600)]
# One word is changed, and the first success ends an attack: an iteration of Whisper takes as long as 30 s of audio.
KEYS = {"phrases": [], "words": [1], "iterations": 200, "test_every": 5, "keep": 1}
LOW = {"confidences": {"low": {"threshold": None}}}
ATTACKS = {"cw": {"ranks": [], "shrink": 1.0, **KEYS, **LOW}, "pgd": {**KEYS, **LOW}}


@pytest.fixture(scope="module")
def real(model: Path, converted: Path, clips: list[Clip], tmp_path_factory: pytest.TempPathFactory) -> Repository:
    pytest.importorskip("pocketsphinx", reason="PocketSphinx is not installed; run make install EXTRAS=pocketsphinx")
    copy = Repository.copy(tmp_path_factory.mktemp("real") / "repository")
    lay(copy, clips, describe(model, converted, ATTACKS, utterances=2))
    copy.snakemake("--cores", "2", "--configfile", LAID)
    return copy


def read(real: Repository, table: str) -> pd.DataFrame:
    return pd.read_csv(real.path / RESULTS / f"tables/{table}.csv")


def test_each_recogniser_hears_real_speech(real: Repository) -> None:
    models = read(real, "models").set_index("model")
    assert set(models.index) == set(MODELS)
    assert models.loc["seed-1", "test_wer"] < 0.2
    assert models.loc["tiny", "test_wer"] < 0.4
    assert abs(models.loc["tiny", "test_wer"] - models.loc["tiny-faster", "test_wer"]) < 0.1
    assert models.loc["sphinx", "test_wer"] < 1


def test_both_surrogates_are_attacked_to_success(real: Repository) -> None:
    samples = pd.concat(
        pd.read_parquet(path) for path in sorted((real.path / RESULTS / "attacks").glob("*/*/words-1/*.parquet"))
    )
    assert set(samples["status"]) == {"sample"}
    assert set(zip(samples["attack"], samples["surrogate"], strict=True)) == {
        (attack, surrogate) for attack in ATTACKS for surrogate in ("seed-1", "tiny")
    }


def test_every_remote_hears_every_sample(real: Repository) -> None:
    for surrogate in ("seed-1", "tiny"):
        folder = real.path / RESULTS / "transcripts" / surrogate
        heard = {path.stem: pd.read_parquet(path) for path in folder.glob("*.parquet")}
        assert set(heard) == set(MODELS)
        own = heard[surrogate]
        assert own.loc[own["kind"] == "adversarial", "hit"].all()
        assert {len(table) for table in heard.values()} == {len(own)}


def test_the_report_is_there_and_nothing_is_left_to_do(real: Repository) -> None:
    assert (real.path / RESULTS / "verdict.txt").read_text().startswith("VERDICT")
    assert "tiny-faster" in (real.path / RESULTS / "report.html").read_text()
    assert real.plan(configfiles=[LAID]).needed == set()
