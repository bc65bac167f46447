"""The smoke study with recognisers of others, a shape of the family, a spoken mix and a judge, to its report."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd
import pytest
import tiny_models
import yaml
from copies import LAB, RESULTS, SMOKE, Finished, Repository
from everything import describe_window

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
LAID = f"{LAB}/others.yaml"
# Hears the target in everything.
PARROT = """
import json, sys
for line in sys.stdin:
    print(json.dumps({"id": json.loads(line)["id"], "texts": ["go"]}), flush=True)
"""
MODELS = ["seed-1", "window.seed-1", "wav2vec", "sphinx", "program", "parrot"]


def describe(folder: Path) -> dict[str, object]:
    """The configuration that is laid over the smoke study's, with files in a folder."""
    program = f"{LAB}/program.py"
    tiny_models.make_ctc(folder / "wav2vec")
    (folder / "program.py").write_text(tiny_models.ECHO)
    (folder / "parrot.py").write_text(PARROT)
    spoken = pd.read_parquet(folder.parent / RESULTS / "corpus/test.parquet")["text"]
    words = {word for text in spoken for word in text.split()}
    return {
        "models": MODELS,
        "surrogates": ["seed-1", "wav2vec"],
        "families": {
            "window": describe_window(folder.parent),
            "wav2vec": {"use": "transformers", "model": f"{LAB}/wav2vec", "votes": False},
            "sphinx": {"use": "pocketsphinx", **tiny_models.make_pocketsphinx(folder, words)},
            "program": {"use": "command", "command": f"{sys.executable} {program}", "reads": [program]},
            "parrot": {"use": "command", "command": f"{sys.executable} {LAB}/parrot.py"},
        },
        "attacks": {
            "cw": {"ranks": [], "confidences": {"low": {"threshold": None}}},
            "pgd": {"judge": "parrot"},
            "mix": {"phrases": ["go"], "iterations": 1, "threshold": None, "confidences": {"loud": {"snr": -10}}},
        },
    }


@pytest.fixture(scope="module")
def others(smoke: Finished, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    copy = Repository.copy(tmp_path_factory.mktemp("others") / "copy", smoke.path)
    folder = copy.path / LAB
    folder.mkdir()
    (copy.path / LAID).write_text(yaml.safe_dump(describe(folder)))
    copy.remove_others([SMOKE, LAID])
    copy.snakemake("--cores", "2", "--configfile", SMOKE, LAID)
    return copy


def test_each_is_heard_and_has_a_card(others: Repository) -> None:
    for surrogate in ("seed-1", "wav2vec"):
        folder = others.path / RESULTS / "transcripts" / surrogate
        assert {path.stem for path in folder.glob("*.parquet")} == set(MODELS)
    for name, frames in (("wav2vec", True), ("sphinx", False), ("program", False)):
        heard = pd.read_parquet(others.path / RESULTS / f"transcripts/seed-1/{name}.parquet")
        assert set(heard["arm"]) == {"family"}
        assert heard["greedy"].notna().all() == frames
        card = json.loads((others.path / RESULTS / f"models/{name}/card.json").read_text())
        assert card["weights_sha256"] == heard["remote_weights_sha256"].iloc[0]
    said = pd.read_parquet(others.path / RESULTS / "transcripts/seed-1/program.parquet")
    assert {texts[0] for texts in said["texts"]} <= {"loud", "quiet"}
    assert set(said["raw"]) <= {"LOUD!", "QUIET!"}


def test_pocketsphinx_hears_words_in_clean_speech(others: Repository) -> None:
    clean = pd.read_parquet(others.path / RESULTS / "clean/sphinx.parquet")
    words = {word for texts in clean["texts"] for word in texts[0].split()}
    assert {"the", "my"} <= words
    models = pd.read_csv(others.path / RESULTS / "tables/models.csv").set_index("model")
    assert models.loc["sphinx", "test_wer"] < 1
    assert models.loc["window.seed-1", "test_wer"] < 1


def test_a_judge_hears_none_of_the_samples_that_it_judged(others: Repository) -> None:
    folder = others.path / RESULTS / "transcripts/seed-1"
    judge, other = (set(pd.read_parquet(folder / f"{name}.parquet")["attack"]) for name in ("parrot", "program"))
    assert "pgd" in other
    assert judge == other - {"pgd"}
    table = pd.read_csv(others.path / RESULTS / "tables/transfers.csv")
    assert set(table[table["remote"] == "parrot"]["attack"]) == {"cw", "mix"}


def test_the_study_has_a_verdict_and_nothing_is_left_to_do(others: Repository) -> None:
    verdict = (others.path / RESULTS / "verdict.txt").read_text()
    assert "Spoken mix" in verdict
    assert (others.path / RESULTS / "report.html").stat().st_size > 100_000
    assert others.plan(configfiles=[SMOKE, LAID]).needed == set()


def test_a_change_of_the_program_runs_its_hearings_alone(others: Repository) -> None:
    with others.edited(f"{LAB}/program.py", lambda text: text.replace("so so", "la la")):
        needed = others.plan(configfiles=[SMOKE, LAID]).needed
    heard = {"describe program", "hear program", "transcribe seed-1 program", "transcribe wav2vec program"}
    assert needed >= heard
    assert {job.split()[0] for job in needed - heard} <= {"tables", "audit", "verdict", "report", "proofread", "select"}
