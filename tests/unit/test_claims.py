"""Published and other claims: supported, contradicted or undecided."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from fabricated import Heard, Study, deaf
from test_tables import SETTINGS, only

from asrtransfer.statistics.bootstrap import UNKNOWN
from asrtransfer.statistics.bounds import Interval
from asrtransfer.statistics.power import count_matched_units
from asrtransfer.tables import claims, needs, pairs
from asrtransfer.tables.design import Settings


def test_claims_of_absence_have_three_outcomes() -> None:
    assert claims.absence(0, 59, SETTINGS) == "supported"
    assert claims.absence(0, 58, SETTINGS) == "undecided at this size"
    assert claims.absence(1, 98, SETTINGS) == "undecided at this size"
    assert claims.absence(3, 12, SETTINGS) == "contradicted"
    assert claims.absence(2, 12, SETTINGS) == "undecided at this size"
    assert claims.absence(0, 0, SETTINGS) == "not tested"
    assert claims.absence(0, 59, replace(SETTINGS, confidence_level=0.99)) == "undecided at this size"


def test_claims_of_order_have_four_outcomes() -> None:
    assert claims.order(100, 0.01, Interval(0.1, 0.3), 0.3, SETTINGS) == "supported"
    assert claims.order(100, 0.01, Interval(-0.3, -0.1), 0.3, SETTINGS) == "contradicted"
    assert claims.order(100, 0.01, Interval(-0.1, 0.3), 0.3, SETTINGS) == "undecided at this size"
    assert claims.order(100, 0.20, Interval(0.1, 0.3), 0.3, SETTINGS) == "undecided at this size"
    assert claims.order(100, 0.01, UNKNOWN, 0.05, SETTINGS) == "undecided at this size"
    assert claims.order(100, 1.0, UNKNOWN, 0.0499, SETTINGS) == "within the margin"
    assert claims.order(100, 0.01, Interval(0.01, 0.03), 0.04, SETTINGS) == "supported", "small, and yet larger"
    assert claims.order(0, 1.0, UNKNOWN, math.nan, SETTINGS) == "not tested"


def test_claims_of_likeness_have_three_outcomes() -> None:
    assert claims.likeness(0, 98, 1.0, SETTINGS) == "supported"
    assert claims.likeness(0, 12, 1.0, SETTINGS) == "undecided at this size"
    assert claims.likeness(50, 98, 0.001, SETTINGS) == "contradicted"
    assert claims.likeness(50, 98, 0.5, SETTINGS) == "undecided at this size"


def claims_of(study: Study) -> pd.DataFrame:
    results, design = study.write().read(), study.design()
    return claims.claims(results, design, pairs.paired(results, design))


def verdicts(made: pd.DataFrame) -> dict[str, str]:
    return dict(zip(made["claim"], made["verdict"], strict=True))


def test_claims_of_a_study_that_agrees(tmp_path: Path) -> None:
    def hears(heard: Heard) -> list[str]:
        shares = {("rank-2", "high"): 10, ("rank-2", "low"): 4, ("rank-3", "high"): 4, ("rank-3", "low"): 1}
        if heard.kind == "adversarial" and heard.utterance % 12 < shares.get((heard.target, heard.confidence), 0):
            return [heard.phrase]
        return deaf(heard)

    made = claims_of(Study(tmp_path, utterances=72, hears=hears, iterations=(1,)))
    assert set(verdicts(made).values()) == {"supported"}
    row = only(made, claim="cw-seed")
    assert (row["published"], row["ours"]) == ("0 of 17243 samples", "0 of 432 hearings; 0 of 72 utterances")
    assert (row["unit"], row["units"], row["bound"]) == ("utterance", 72, pytest.approx(1 - 0.05 ** (1 / 72)))


def test_claims_of_a_study_that_disagrees(tmp_path: Path) -> None:
    def hears(heard: Heard) -> list[str]:
        shares = {("rank-2", "high"): 1, ("rank-2", "low"): 4, ("rank-3", "high"): 4, ("rank-3", "low"): 10}
        if heard.attack == "cw" and heard.utterance % 12 < shares.get((heard.target, heard.confidence), 3):
            return [heard.phrase]
        return [heard.truth, heard.phrase] if heard.utterance % 12 < 3 else deaf(heard)

    made = verdicts(claims_of(Study(tmp_path, utterances=72, hears=hears, iterations=(1,))))
    assert {claim for claim, verdict in made.items() if verdict == "contradicted"} == set(made) - {
        "pgd-seed",
        "pgd-same-seed",
    }
    assert made["pgd-seed"] == made["pgd-same-seed"] == "supported"


def test_an_arm_with_the_weights_of_its_surrogate_is_no_other_model(tmp_path: Path) -> None:
    def hears(heard: Heard) -> list[str]:
        return [heard.phrase] if heard.arm == "ulp" and heard.kind == "adversarial" else deaf(heard)

    made = claims_of(Study(tmp_path, hears=hears, weights={"seed-1.ulp-1": "seed-1"}))
    assert verdicts(made)["cw-same-seed"] == "not tested"
    assert verdicts(claims_of(Study(tmp_path / "other", hears=hears)))["cw-same-seed"] == "contradicted"


NARROW = Settings(confidence_level=0.95, margin=0.01, resamples=100, seed=0)


def compared(first: int, second: int, half: float, reach: float = 10.0, units: int = 4448) -> pd.Series:
    """Make a row of the table of paired tests whose interval and limits have a width."""
    difference = (first - second) / units
    widths = {"lower": -half, "upper": half, "least": -reach, "most": reach}
    ends = {f"difference_{name}": difference + width for name, width in widths.items()}
    counts = {"pairs": units, "utterances": units // 8, "only_first": first, "only_second": second}
    return pd.Series(counts | {"difference": difference} | ends)


@pytest.mark.parametrize(("first", "second"), [(21, 4), (4, 21)])
def test_a_wide_interval_asks_for_more_units_than_the_test_does(first: int, second: int) -> None:
    """Units of one utterance hit together: where the test is sure and the interval has zero in it, more are needed."""
    sharp = needs.count_for_order(compared(first, second, 1e-6), NARROW)
    wide = needs.count_for_order(compared(first, second, 0.00406), NARROW)
    assert sharp is not None and wide is not None
    assert sharp < 4448 < wide
    # Twice as wide takes four times as many.
    wider = needs.count_for_order(compared(first, second, 0.00812), NARROW)
    assert wider == pytest.approx(4 * wide, rel=0.001)


def test_units_of_an_order_without_an_interval_are_those_of_the_test() -> None:
    found = compared(5, 1, math.nan, units=100)
    assert needs.count_for_order(found, NARROW) == count_matched_units(0.05, 0.01, 0.95, 0.8)


def test_equal_shares_take_as_many_units_as_bring_the_limits_within_the_margin() -> None:
    """The limit lies 1.64 standard errors from the estimate, and 0.84 more make it sure enough: z of 0.95 and 0.8."""
    found = needs.count_for_order(compared(40, 40, 0.03, 0.02), NARROW)
    assert found == pytest.approx(4448 * (0.02 / 0.01 * (1 + 0.8416 / 1.6449)) ** 2, rel=0.001)
    nearer = needs.count_for_order(compared(40, 38, 0.03, 0.02), NARROW)
    assert nearer is not None and nearer > found, "a difference leaves less room up to the margin"


def test_where_no_pair_differs_utterances_decide() -> None:
    """3 / (n + 1) is below 1 % from 300 utterances on, and each has eight pairs."""
    assert needs.count_for_order(compared(0, 0, math.nan, 0.0, units=800), NARROW) == 300 * 8
    assert needs.count_for_order(compared(0, 0, math.nan, 0.0, units=800), replace(NARROW, margin=0.05)) == 60 * 8
