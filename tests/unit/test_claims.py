"""Published and other claims: supported, contradicted or undecided."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fabricated import Heard, Study, deaf
from test_tables import SETTINGS, only, tables_of

from asrtransfer.statistics.power import count_matched_units
from asrtransfer.tables import claims, needs
from asrtransfer.tables.design import Settings


def test_claims_of_absence_have_three_outcomes() -> None:
    assert claims.absence(0, 59, SETTINGS) == "supported"
    assert claims.absence(0, 58, SETTINGS) == "undecided at this size"
    assert claims.absence(1, 98, SETTINGS) == "undecided at this size"
    assert claims.absence(3, 12, SETTINGS) == "contradicted"
    assert claims.absence(2, 12, SETTINGS) == "undecided at this size"
    assert claims.absence(0, 0, SETTINGS) == "not tested"
    assert claims.absence(0, 59, replace(SETTINGS, confidence_level=0.99)) == "undecided at this size"


def test_claims_of_order_have_three_outcomes() -> None:
    assert claims.order(100, 0.01, 0.1, 0.3, SETTINGS) == "supported"
    assert claims.order(100, 0.01, -0.3, -0.1, SETTINGS) == "contradicted"
    assert claims.order(100, 0.01, -0.1, 0.3, SETTINGS) == "undecided at this size"
    assert claims.order(100, 0.20, 0.1, 0.3, SETTINGS) == "undecided at this size"
    assert claims.order(100, 0.01, np.nan, np.nan, SETTINGS) == "undecided at this size"
    assert claims.order(0, 1.0, np.nan, np.nan, SETTINGS) == "not tested"


def test_claims_of_likeness_have_three_outcomes() -> None:
    assert claims.likeness(0, 98, 1.0, SETTINGS) == "supported"
    assert claims.likeness(0, 12, 1.0, SETTINGS) == "undecided at this size"
    assert claims.likeness(50, 98, 0.001, SETTINGS) == "contradicted"
    assert claims.likeness(50, 98, 0.5, SETTINGS) == "undecided at this size"


def verdicts(made: dict[str, pd.DataFrame]) -> dict[str, str]:
    return dict(zip(made["claims"]["claim"], made["claims"]["verdict"], strict=True))


def test_claims_of_a_study_that_agrees(tmp_path: Path) -> None:
    def hears(heard: Heard) -> list[str]:
        shares = {("rank-2", "high"): 10, ("rank-2", "low"): 4, ("rank-3", "high"): 4, ("rank-3", "low"): 1}
        if heard.kind == "adversarial" and heard.utterance % 12 < shares.get((heard.target, heard.confidence), 0):
            return [heard.phrase]
        return deaf(heard)

    made = tables_of(Study(tmp_path, utterances=72, hears=hears, iterations=(1,)))
    assert set(verdicts(made).values()) == {"supported"}
    row = only(made["claims"], claim="cw-seed")
    assert (row["published"], row["ours"]) == ("0 of 17243 samples", "0 of 432 hearings; 0 of 72 utterances")
    assert (row["unit"], row["units"], row["bound"]) == ("utterance", 72, pytest.approx(1 - 0.05 ** (1 / 72)))


def test_claims_of_a_study_that_disagrees(tmp_path: Path) -> None:
    def hears(heard: Heard) -> list[str]:
        shares = {("rank-2", "high"): 1, ("rank-2", "low"): 4, ("rank-3", "high"): 4, ("rank-3", "low"): 10}
        if heard.attack == "cw" and heard.utterance % 12 < shares.get((heard.target, heard.confidence), 3):
            return [heard.phrase]
        return [heard.truth, heard.phrase] if heard.utterance % 12 < 3 else deaf(heard)

    made = verdicts(tables_of(Study(tmp_path, utterances=72, hears=hears, iterations=(1,))))
    assert {claim for claim, verdict in made.items() if verdict == "contradicted"} == set(made) - {
        "pgd-seed",
        "pgd-same-seed",
    }
    assert made["pgd-seed"] == made["pgd-same-seed"] == "supported"


def test_an_arm_with_the_weights_of_its_surrogate_is_no_other_model(tmp_path: Path) -> None:
    def hears(heard: Heard) -> list[str]:
        return [heard.phrase] if heard.arm == "ulp" and heard.kind == "adversarial" else deaf(heard)

    made = tables_of(Study(tmp_path, hears=hears, weights={"seed-1.ulp-1": "seed-1"}))
    assert verdicts(made)["cw-same-seed"] == "not tested"
    assert verdicts(tables_of(Study(tmp_path / "other", hears=hears)))["cw-same-seed"] == "contradicted"


@pytest.mark.parametrize(("first", "second"), [(21, 4), (4, 21)])
def test_a_wide_interval_asks_for_more_units_than_the_test_does(first: int, second: int) -> None:
    """Units of one utterance hit together: where the test is sure and the interval has zero in it, more are needed."""
    settings = Settings(confidence_level=0.95, margin=0.01, resamples=100, seed=0)
    difference = (first - second) / 4448
    sharp = needs.count_for_order(first, second, 4448, (difference - 1e-6, difference + 1e-6), settings)
    wide = needs.count_for_order(first, second, 4448, (difference - 0.00406, difference + 0.00406), settings)
    assert sharp is not None and wide is not None
    assert sharp < 4448 < wide
    # Twice as wide takes four times as many.
    wider = needs.count_for_order(first, second, 4448, (difference - 0.00812, difference + 0.00812), settings)
    assert wider == pytest.approx(4 * wide, rel=0.001)


def test_units_of_an_order_without_an_interval_are_those_of_the_test() -> None:
    settings = Settings(confidence_level=0.95, margin=0.01, resamples=100, seed=0)
    none = (math.nan, math.nan)
    assert needs.count_for_order(0, 0, 100, none, settings) == count_matched_units(0.03, 0.0, 0.95, 0.8)
    assert needs.count_for_order(5, 1, 100, none, settings) == count_matched_units(0.05, 0.01, 0.95, 0.8)
    assert needs.count_for_order(5, 5, 100, none, settings) is None
