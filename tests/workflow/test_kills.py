"""A study that is killed anywhere and run again ends as if nothing had happened."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from copies import RESULTS, Finished, Repository, add_extensions
from everything import CONFIGURATIONS, add_everything
from kills import After, again, contents, differences, killed


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_study_killed_in_training_attack_and_transcription_ends_the_same(extended: Finished, tmp_path: Path) -> None:
    rng = random.Random(1)
    copy = Repository.copy(tmp_path / "repository")
    add_extensions(copy.path)
    results = copy.path / RESULTS
    finished: dict[Path, int] = {}
    # Within a job: a few seconds after its log appears, or once training has something to go on from.
    for stage, pattern, most in (
        ("training", "models/*/checkpoint.safetensors", 4.0),
        ("attack", "logs/attack/**/*.log", 8.0),
        ("transcription", "logs/transcribe/*/*.log", 4.0),
    ):
        due = After(results, pattern, rng.uniform(0.5, most))
        assert killed(copy, due), f"the study ended before it could be killed in {stage}"
        assert any(copy.path.glob(".snakemake/locks/*"))
        copy.snakemake("--unlock")
        finished |= {path: path.stat().st_mtime_ns for path in results.glob("models/seed-*/card.json")}
    output = again(copy)
    assert differences(results, contents(extended.path / RESULTS)) == []
    assert "Traceback" not in output
    assert "Traceback" not in (copy.path / "output.txt").read_text()
    # Nothing that was finished was made again.
    assert len(finished) == 4
    assert finished == {path: path.stat().st_mtime_ns for path in finished}
    assert not any(copy.path.glob(".snakemake/incomplete/*"))


@pytest.mark.slow
def test_the_study_that_is_killed_by_hand_holds_every_feature(tmp_path: Path) -> None:
    copy = Repository.copy(tmp_path / "repository")
    add_everything(copy)
    jobs = copy.plan(configfiles=CONFIGURATIONS).jobs
    trained = {"train seed-1", "train seed-2", "train seed-1.tuned-2", "train window.seed-1"}
    assert {job for job in jobs if job.startswith("train ")} == trained
    heard = {"loudness", "wav2vec", "whisper", "sphinx", "program", "seed-1@phone", "window.seed-1"}
    assert {f"transcribe seed-1+seed-2 {name}" for name in heard} <= jobs
    assert {"attack cw seed-1 words-1 low", "attack mim seed-1 go high", "attack mix seed-1 go loud"} <= jobs


def test_a_difference_is_seen(tmp_path: Path) -> None:
    """The comparison of this module can fail."""
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "a.csv").write_text("1")
    before = contents(tmp_path)
    assert differences(tmp_path, before) == []
    (tmp_path / "tables" / "a.csv").write_text("2")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.log").write_text("2")
    (tmp_path / "tables" / ".a.csv.x.part").touch()
    assert differences(tmp_path, before)[:2] == ["tables/.a.csv.x.part", "tables/a.csv"]
