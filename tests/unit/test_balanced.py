"""Tables, claims and words of the balanced design: units are utterances, and each was tried once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from fabricated import Heard, Study, deaf
from test_claims import claims_of
from test_tables import only, tables_of

from asrtransfer.report import facts, verdict

JOBS = [
    *(("cw", target, level) for target in ("open-the-door", "take-a-picture", "rank-2") for level in ("low", "high")),
    *(("pgd", target, "high") for target in ("open-the-door", "take-a-picture")),
]
UTTERANCES = 120


def made(folder: Path, hears: Callable[[Heard], list[str]] = deaf, utterances: int = UTTERANCES) -> Study:
    return Study(folder, utterances=utterances, jobs=list(JOBS), hears=hears, iterations=(1,), kind="balanced")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return made(tmp_path_factory.mktemp("balanced"))


@pytest.fixture(scope="module")
def tables(study: Study) -> dict[str, pd.DataFrame]:
    return tables_of(study)


def test_each_utterance_is_attempted_once_for_each_attack_and_confidence(tables: dict[str, pd.DataFrame]) -> None:
    table = tables["attack-success"]
    phrases = table[table["target_kind"] == "phrase"]
    assert set(phrases.groupby(["attack", "confidence"])["utterances"].sum()) == {UTTERANCES}
    near = table[table["target_kind"] == "near"]
    assert set(near.groupby(["attack", "confidence", "target"])["utterances"].sum()) == {UTTERANCES}
    assert phrases["utterances"].max() - phrases["utterances"].min() <= 1


def test_claims_count_every_utterance_and_say_what_was_tried(tables: dict[str, pd.DataFrame]) -> None:
    row = only(tables["claims"], claim="cw-seed")
    assert (row["units"], row["hits"], row["verdict"]) == (UTTERANCES, 0, "supported")
    assert row["tried"] == "1 surrogate, 1 target, 2 confidences, 1 to 2 remotes"
    # Only the half that seed-1 attacks is heard by a model of the same seed.
    assert only(tables["claims"], claim="cw-same-seed")["units"] == UTTERANCES / 2


def test_a_grid_says_how_often_each_utterance_was_tried(tmp_path: Path) -> None:
    grid = tables_of(Study(tmp_path, jobs=list(JOBS), iterations=(1,)))
    assert only(grid["claims"], claim="cw-seed")["tried"] == "2 surrogates, 2 targets, 2 confidences, 3 remotes"


def test_pairs_are_matched_where_both_sides_exist(tables: dict[str, pd.DataFrame]) -> None:
    """Both attacks deal the same phrases alike, so that each utterance has a pair with each remote that hears it."""
    row = only(
        tables["paired"],
        comparison="attack",
        first="cw",
        second="pgd",
        confidence="high",
        arm="seed",
        outcome="transfer",
    )
    # Two models of another seed hear the half of the utterances that seed-2 attacks, and one hears the others.
    assert row["pairs"] == 1.5 * UTTERANCES


def test_the_verdict_says_that_utterances_were_dealt(study: Study, tables: dict[str, pd.DataFrame]) -> None:
    design = study.design()
    found = facts.gather(design, tables)
    assert (found.utterances, found.surrogates) == (UTTERANCES, 2)
    lines = " ".join(verdict.verdict(design, tables, "tables"))
    assert "120 utterances dealt to 2 surrogates; 0 of 600 attempts left none" in lines


@pytest.mark.parametrize(("share", "outcome"), [(4, "contradicted"), (40, "undecided at this size")])
def test_a_planted_transfer_is_found(tmp_path: Path, share: int, outcome: str) -> None:
    """One utterance of four contradicts absence at this size; with one of forty, absence is at least not claimed."""

    def hears(heard: Heard) -> list[str]:
        planted = heard.kind == "adversarial" and heard.arm == "seed" and heard.utterance % share == 0
        return [heard.phrase] if planted else deaf(heard)

    found = claims_of(made(tmp_path, hears))
    row = only(found, claim="cw-seed")
    assert row["hits"] == UTTERANCES / share
    assert row["verdict"] == outcome
    assert only(found, claim="cw-same-seed")["verdict"] == "supported"


def test_fewer_utterances_than_places_leave_empty_jobs(tmp_path: Path) -> None:
    table = tables_of(made(tmp_path, utterances=2))["attack-success"]
    assert table["utterances"].min() == 0
    assert set(table.groupby(["attack", "confidence", "target_kind"])["utterances"].sum()) == {2}
