"""The lines at the end of a run, and when there are none."""

from __future__ import annotations

from pathlib import Path

import pytest
from fabricated import Heard, Study, deaf

from asrtransfer.files.errors import InputError
from asrtransfer.report.verdict import verdict
from asrtransfer.report.words import percent
from asrtransfer.tables import tabulate


def lines_of(study: Study) -> list[str]:
    study.write()
    return verdict(study.design(), tabulate(study.read(), study.design()), "results/tables")


def line(lines: list[str], label: str) -> str:
    found = [text for text in lines if text.startswith(label)]
    assert len(found) == 1, f"{len(found)} lines start with {label}"
    return found[0].removeprefix(label).strip()


def test_every_part_of_the_verdict(tmp_path: Path) -> None:
    lines = lines_of(Study(tmp_path, utterances=12))
    assert lines[0] == "VERDICT, bounds at 95 % confidence"
    assert line(lines, "samples") == "C&W 288, PGD 48; 12 utterances, 2 surrogates; 0 of 168 attempts left none"
    assert line(lines, "survival") == "336 of 336 samples are heard as meant by their surrogate"
    assert line(lines, "twin").endswith("it hears 168 of 168 samples as its surrogate does")
    assert line(lines, "another seed") == (
        "0 of 216 hearings of phrases transfer: 0 of 12 utterances (at most 22 %), 0 of 3 model pairs (at most 63 %)"
    )
    assert line(lines, "one ulp apart").startswith("0 of 72 hearings")
    assert not [text for text in lines if text.startswith("same seed, run again")]
    assert line(lines, "near targets").startswith("C&W, rank 2, low: 0 % transfer to another seed, 0 % in its top ten")
    assert line(lines, "models") == "4; test WER 0 % to 0 %, 5 to 5 of 5 utterances right"
    assert line(lines, "published claims") == "all 11 undecided at this size"
    assert lines[-3].strip() == (
        "59 utterances decide cw-seed, cw-same-seed, pgd-seed, pgd-same-seed, cw-seed-top-ten, cw-same-seed-top-ten, "
        "pgd-like-cw, if again none hits"
    )
    assert lines[-2].strip() == (
        "60 utterances decide rank-2-above-rank-3-low, rank-2-above-rank-3-high, high-above-low-rank-2, "
        "high-above-low-rank-3, if again no pair differs"
    )
    assert "results/tables/claims.csv" in line(lines, "more")
    assert len(lines) <= 16


def test_failures_and_transfers_are_named(tmp_path: Path) -> None:
    def hears(heard: Heard) -> list[str]:
        return [heard.phrase] if heard.kind == "adversarial" and heard.utterance < 3 else deaf(heard)

    def failing(attack: str, surrogate: str, target: str, confidence: str, utterance: int) -> str:
        return "failed" if attack == "pgd" and utterance else "infeasible" if attack == "pgd" else "sample"

    lines = lines_of(Study(tmp_path, utterances=12, hears=hears, failing=failing))
    assert line(lines, "samples").endswith("24 of 168 attempts left none (22 failed, 2 infeasible)")
    assert line(lines, "another seed").startswith(
        "36 of 144 hearings of phrases transfer: 3 of 12 utterances (5.5 % to 57 %), 3 of 3 model pairs"
    )
    assert line(lines, "published claims").startswith("4 contradicted: cw-seed, cw-same-seed, cw-seed-top-ten")
    assert [text for text in lines if text.strip() == "3 not tested: pgd-seed, pgd-same-seed, pgd-like-cw"]


def test_a_study_without_any_sample_still_has_a_verdict(tmp_path: Path) -> None:
    lines = lines_of(Study(tmp_path, failing=lambda *job: "failed"))
    assert line(lines, "another seed") == "0 of 0 hearings of phrases transfer"
    assert line(lines, "published claims") == "all 11 not tested"


def test_samples_that_do_not_survive_are_shouted_about(tmp_path: Path) -> None:
    def hears(heard: Heard) -> list[str]:
        lost = heard.kind == "adversarial" and heard.utterance == 0 and heard.surrogate == "seed-1"
        return [heard.truth] if lost else deaf(heard)

    survival = line(lines_of(Study(tmp_path, hears=hears)), "survival")
    assert survival.startswith("98 of 112 samples")
    assert "ALL SHOULD BE: see results/tables/controls.csv" in survival


def test_unintended_differences_are_shouted_about(tmp_path: Path) -> None:
    study = Study(tmp_path).write()
    results = study.read()
    results.cards["seed-2"]["threads"] = 7  # type: ignore[index]
    lines = verdict(study.design(), tabulate(results, study.design()), "tables")
    assert line(lines, "models").endswith("UNINTENDED DIFFERENCES in seed-2: see tables/models.csv")


def test_an_arm_that_is_a_twin_by_accident_is_named(tmp_path: Path) -> None:
    lines = lines_of(Study(tmp_path, weights={"seed-1.ulp-1": "seed-1"}))
    assert [text for text in lines if "seed-1.ulp-1 has the weights of seed-1: it is a twin" in text]


def test_a_twin_that_misses_what_its_surrogate_hears_leaves_no_verdict(tmp_path: Path) -> None:
    def hears(heard: Heard) -> list[str]:
        missed = heard.kind == "adversarial" and heard.arm == "twin" and heard.utterance == 2
        return [heard.truth] if missed and heard.iteration == 100 and heard.attack == "pgd" else deaf(heard)

    with pytest.raises(InputError) as refused:
        lines_of(Study(tmp_path, hears=hears))
    message = str(refused.value)
    assert message.startswith("the pipeline cannot be trusted, so there is no verdict")
    assert "1 of 56 wrong" in message and "seed-1.twin" in message and "results/tables/checks.csv" in message
    assert "\n" not in message


def test_a_twin_is_not_asked_for_what_its_surrogate_does_not_hear(tmp_path: Path) -> None:
    def hears(heard: Heard) -> list[str]:
        lost = heard.kind == "adversarial" and heard.arm in ("self", "twin") and heard.utterance == 2
        return [heard.truth] if lost else deaf(heard)

    assert "42 of 42" in line(lines_of(Study(tmp_path, hears=hears)), "twin")


def test_a_twin_with_other_weights_leaves_no_verdict(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"weights of seed-1.twin: 1 of 1 wrong"):
        lines_of(Study(tmp_path, weights={"seed-1.twin": "something else"}))


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"),
        (1, "100 %"),
        (0.2209, "22 %"),
        (0.0301, "3.0 %"),
        (0.000174, "0.017 %"),
        (0.9995, "99.95 %"),
    ],
)
def test_percentages(share: float, text: str) -> None:
    assert percent(share) == text


def test_audio_other_than_the_tested_leaves_no_verdict(tmp_path: Path) -> None:
    study = Study(tmp_path, stored_loss=0.06).write()
    with pytest.raises(InputError, match=r"cannot be trusted.*stored audio"):
        verdict(study.design(), tabulate(study.read(), study.design()), "t")


def test_a_remote_with_the_wrong_weights_is_refused(tmp_path: Path) -> None:
    study = Study(tmp_path, heard_by={("seed-1", "seed-2"): "seed-1"}).write()
    with pytest.raises(InputError, match=r"seed-1/seed-2\.parquet: other weights"):
        study.read()
