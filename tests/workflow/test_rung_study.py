"""The smoke study with two rungs, a part of the data, a channel, and targets that change a word.

Rungs hear the samples of their donor alone.
"""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from copies import SMOKE, Finished, Repository

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
RUNGS = ["seed-2.shares-4-of-1", "seed-1.tuned-2", "seed-1.data-2", "seed-1@phone"]
PHONE = {"telephone": True}
CONFIG = {
    "models": ["seed-1", "seed-2", "seed-1.twin", "seed-1.ulp-1", *RUNGS],
    "channels": {"phone": PHONE},
    # All models together are right on few utterances.
    "selection": {"utterances": 2},
    "attacks": {"cw": {"ranks": [], "words": [1]}},
}
PHONED = {"hear seed-1@phone", "transcribe seed-1 seed-1@phone"}
AFTER = {"tables", "audit", "verdict", "report", "proofread"}


@pytest.fixture(scope="module")
def climbed(smoke: Finished, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    copy = Repository.copy(tmp_path_factory.mktemp("rungs") / "copy", smoke.path)
    given = [f"{key}={json.dumps(value)}" for key, value in CONFIG.items()]
    copy.snakemake("--cores", "2", "--configfile", SMOKE, "--config", *given)
    return copy


def test_a_rung_hears_most_of_what_its_donor_hears_and_a_stranger_nothing(climbed: Repository) -> None:
    table = pd.read_csv(climbed.path / "results-smoke/tables/ladder.csv")
    phrases = table[(table["target_kind"] == "phrase") & (table["attack"] == "all")].set_index("rung")
    assert list(phrases.index) == ["seed", "data", "ulp", "shares-4", "tuned-2", "self@phone", "twin"]
    assert (phrases["hearings"] > 0).all()
    assert phrases.loc["seed", "transfers"] == 0
    # Measured: 7 of 9 for each.
    assert (phrases.loc[["shares-4", "tuned-2"], "share"] >= 0.4).all()
    assert phrases.loc["twin", "share"] == 1


def test_verdict_and_models_tell_of_rungs(climbed: Repository) -> None:
    verdict = (climbed.path / "results-smoke/verdict.txt").read_text()
    assert "rungs                 the seed, on part of the data: " in verdict
    assert "first 4 layers: " in verdict
    assert "trained on for 2 epochs: " in verdict
    models = pd.read_csv(climbed.path / "results-smoke/tables/models.csv", keep_default_na=False)
    assert set(models["unintended"]) == {""}


def test_a_target_may_be_the_truth_with_a_word_changed(climbed: Repository) -> None:
    rows = pd.read_parquet(climbed.path / "results-smoke/attacks/cw/seed-1/words-1/low.parquet")
    assert len(rows) >= 2
    for truth, phrase in zip(rows["text"].str.split(), rows["phrase"].str.split(), strict=True):
        assert [one == other for one, other in zip(truth, phrase, strict=True)].count(False) == 1
    verdict = (climbed.path / "results-smoke/verdict.txt").read_text()
    # Whether a change of a word is reached in so few iterations depends on the processor.
    told = "words changed         C&W, 1 word of the truth, low: " in verdict
    assert told == (rows["status"] == "sample").any()


def test_a_rung_runs_again_with_its_donor_and_not_by_itself(climbed: Repository) -> None:
    assert climbed.plan(CONFIG, [SMOKE]).needed == set()
    tuned = CONFIG | {"families": {"deepspeech": {"tuning": {"learning_rate": 1e-4}}}}
    assert {job for job in climbed.plan(tuned, [SMOKE]).needed if job.startswith("train")} == {"train seed-1.tuned-2"}


def test_a_channel_runs_its_own_hearings_again_and_nothing_else(climbed: Repository) -> None:
    softer = CONFIG | {"channels": {"phone": PHONE | {"gain": -6}}}
    assert {name for name in climbed.plan(softer, [SMOKE]).needed if name != "all"} == PHONED | AFTER
    path = climbed.path / "workflow/scripts/asrtransfer/channels/carry.py"
    path.write_text(path.read_text().replace("LEVELS = 256", "LEVELS = 128"))
    assert {name for name in climbed.plan(CONFIG, [SMOKE]).needed if name != "all"} == PHONED | AFTER


def test_only_the_donor_is_heard(climbed: Repository) -> None:
    heard = sorted(path.stem for path in Path(climbed.path / "results-smoke/transcripts/seed-1").glob("*.parquet"))
    assert heard == sorted(CONFIG["models"])
