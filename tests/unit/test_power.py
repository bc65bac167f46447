"""What claims can decide at a size: against hand values, simulation, and the rules that judge them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fabricated import Study as Fabricated
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from statsmodels.stats.contingency_tables import mcnemar
from test_resources import RATES, study_of
from test_tables import SETTINGS

from asrtransfer.statistics import bootstrap
from asrtransfer.statistics import power as exact
from asrtransfer.statistics.bounds import Interval, count_units, one_sided
from asrtransfer.tables import claims, pairs
from asrtransfer.tables.design import Design
from study import config, power, tables
from study.cost import plan
from study.power import Attempts

LARGE = [pytest.param(name, marks=pytest.mark.slow) for name in ("strong", "full-synthetic", "paper")]
LEVELS = (0.75, 0.9, 0.95, 0.99)
PHRASES = ["open the door", "take a picture", "delete my messages"]
TEN = {
    "models": ["seed-1", "seed-2", "seed-3", "seed-1.twin", "seed-1.ulp-1"],
    "design": "grid",
    "selection": {"utterances": 10},
    "attacks": {name: {"phrases": PHRASES, "iterations": 300} for name in ("cw", "pgd")},
}
SIGMAS = 4


def agrees(found: float, expected: float, draws: int) -> bool:
    """Whether a share of draws differs from a probability by no more than chance."""
    return abs(found - expected) <= SIGMAS * math.sqrt(expected * (1 - expected) / draws) + 1 / draws


def test_units_without_a_hit_by_hand() -> None:
    """ln 0.05 / ln 0.95 = 58.4, and ln 0.05 / ln 0.99 = 298.1."""
    assert count_units(0.05, 0.95) == 59
    assert count_units(0.01, 0.95) == 299
    assert one_sided(0, 59, 0.95) == pytest.approx(1 - 0.05 ** (1 / 59))


@given(st.floats(0.001, 0.9), st.floats(0.51, 0.999))
def test_units_without_a_hit_are_the_fewest_whose_bound_is_below_the_margin(margin: float, level: float) -> None:
    units = count_units(margin, level)
    assert (one_sided(0, units, level) or 1) < margin * (1 + 1e-9)
    assert units == 1 or (one_sided(0, units - 1, level) or 1) > margin * (1 - 1e-9)


@pytest.mark.parametrize(("margin", "level"), [(0, 0.95), (1, 0.95), (0.05, 0), (0.05, 1)])
def test_impossible_margins_are_refused(margin: float, level: float) -> None:
    with pytest.raises(ValueError, match="is not between 0 and 1"):
        count_units(margin, level)


@pytest.mark.parametrize("units", [1, 10, 58, 59, 98])
@pytest.mark.parametrize("share", power.SHARES)
def test_verdicts_are_as_probable_as_their_counts(units: int, share: float) -> None:
    verdicts = [claims.absence(hits, units, SETTINGS) for hits in range(units + 1)]
    found = exact.weigh_outcomes(verdicts, share)
    assert found.keys() == set(verdicts)
    for verdict, chance in found.items():
        masses = (
            math.comb(units, hits) * share**hits * (1 - share) ** (units - hits)
            for hits in range(units + 1)
            if claims.absence(hits, units, SETTINGS) == verdict
        )
        assert chance == pytest.approx(sum(masses), abs=1e-12)
    assert found.get("supported", 0) == pytest.approx((1 - share) ** units if units >= 59 else 0)


def test_verdicts_are_as_frequent_in_a_simulation() -> None:
    draws = 20_000
    hits = np.random.default_rng(1).binomial(98, 0.1, size=draws)
    verdicts = [claims.absence(count, 98, SETTINGS) for count in range(99)]
    for verdict, chance in exact.weigh_outcomes(verdicts, 0.1).items():
        share = sum(count for value, count in enumerate(np.bincount(hits, minlength=99)) if verdicts[value] == verdict)
        assert agrees(share / draws, chance, draws), verdict


@pytest.mark.parametrize("level", LEVELS)
def test_mcnemars_test_rejects_where_statsmodels_does(level: float) -> None:
    for differing in range(1, 41):
        [critical] = exact.find_critical(np.array([differing]), level)
        rejects = [
            float(mcnemar([[0, first], [differing - first, 0]], exact=True).pvalue) < 1 - level
            for first in range(differing + 1)
        ]
        assert rejects == [min(first, differing - first) <= critical for first in range(differing + 1)]
    assert exact.find_critical(np.array([0]), level) == [-1]


def test_units_that_must_differ_by_hand() -> None:
    """2 / 2^6 = 0.031 and 2 / 2^5 = 0.063; 2 / 2^8 = 0.0078 and 2 / 2^7 = 0.016."""
    assert exact.count_differing(0.95) == 6
    assert exact.count_differing(0.99) == 8
    assert exact.compute_mcnemar_power(6, 1, 0, 0.95) == (1, 0)
    assert exact.compute_mcnemar_power(5, 1, 0, 0.95) == (0, 0)
    assert exact.compute_mcnemar_power(7, 0.5, 0, 0.95).first == pytest.approx(8 / 128)


@pytest.mark.parametrize("effect", [(0.3, 0.1), (0.5, 0.0), (0.2, 0.2), (0.1, 0.6), (0.0, 0.0)])
def test_power_is_the_sum_over_all_counts_that_the_rule_supports(effect: tuple[float, float]) -> None:
    """The interval of the bootstrap is taken to lie on the side of the difference, as the text says."""
    units, (p, q) = 14, effect
    sums = {"supported": 0.0, "contradicted": 0.0, "undecided at this size": 0.0}
    for first in range(units + 1):
        for second in range(units + 1 - first):
            p_value = binomtest(first, first + second).pvalue if first + second else 1.0
            interval = Interval(first - second, first - second)
            verdict = claims.order(units, p_value, interval, math.inf, SETTINGS)
            ways = math.comb(units, first) * math.comb(units - first, second)
            sums[verdict] += ways * p**first * q**second * (1 - p - q) ** (units - first - second)
    assert exact.compute_mcnemar_power(units, p, q, 0.95) == pytest.approx((sums["supported"], sums["contradicted"]))


@pytest.mark.parametrize("effect", power.EFFECTS)
@pytest.mark.parametrize("units", [80, 400])
def test_power_is_that_of_a_simulation(effect: tuple[float, float], units: int) -> None:
    draws = 20_000
    shares = [*effect, 1 - sum(effect)]
    counts = np.random.default_rng(2).multinomial(units, shares, size=draws)[:, :2]
    found = np.zeros(2)
    for (first, second), times in zip(*np.unique(counts, axis=0, return_counts=True), strict=True):
        if first + second and binomtest(int(first), int(first + second)).pvalue < 0.05:
            found[int(second > first)] += times
    for share, chance in zip(found / draws, exact.compute_mcnemar_power(units, *effect, 0.95), strict=True):
        assert agrees(share, chance, draws)


def test_a_side_that_is_larger_is_found_so_whichever_it_is() -> None:
    one, other = (exact.compute_mcnemar_power(100, *effect, 0.95) for effect in ((0.1, 0.02), (0.02, 0.1)))
    assert one == pytest.approx(other[::-1])
    equal = exact.compute_mcnemar_power(500, 0.1, 0.1, 0.95)
    assert equal.first == pytest.approx(equal.second)
    assert sum(equal) < 0.05, "an exact test rejects no more often than its level"


@pytest.mark.parametrize("shares", [(-0.1, 0.2), (0.6, 0.5)])
def test_impossible_shares_are_refused(shares: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="not possible together"):
        exact.compute_mcnemar_power(10, *shares, 0.95)


@pytest.mark.parametrize(("margin", "level"), [(0.05, 0.95), (0.1, 0.95), (0.05, 0.9)])
def test_utterances_without_a_difference_show_that_shares_are_equal_and_fewer_do_not(
    margin: float, level: float
) -> None:
    enough = exact.count_equal_utterances(margin, level)
    for utterances, shows in ((enough, True), (enough - 1, False)):
        none = np.zeros((utterances, 1))
        limits = bootstrap.limit_mean(none, none + 4, level=level, resamples=20_000, seed=0)
        assert (max(-limits.lower, limits.upper) < margin) == shows


def test_units_of_a_test_suffice_and_one_fewer_does_not() -> None:
    for effect in power.EFFECTS:
        units = exact.count_matched_units(*effect, 0.95, 0.8)
        assert units is not None
        assert exact.compute_mcnemar_power(units, *effect, 0.95).first >= 0.8
        assert exact.compute_mcnemar_power(units - 1, *effect, 0.95).first < 0.8
    assert exact.count_matched_units(1, 0, 0.95, 0.8) == 6
    assert exact.count_matched_units(0.03, 0.03, 0.95, 0.8) is None


@pytest.mark.parametrize("wide", [False, True], ids=["narrow", "wide"])
def test_units_are_those_of_the_table_of_claims(tmp_path: Path, wide: bool) -> None:
    made = (Fabricated.wide(tmp_path, utterances=5) if wide else Fabricated(tmp_path, utterances=5)).write()
    design = made.design()
    attempts = [
        Attempts(attack, confidence, target, surrogate, range(5))
        for attack, surrogate, target, confidence in design.jobs
    ]
    hearings = power.list_hearings(design, {model: made.weight(model) for model in made.models})
    planned = {
        claim.name: power.count_units(claim, attempts, hearings, design.confidences).units
        for claim in claims.list_claims(design)
    }
    results = made.read()
    table = claims.claims(results, design, pairs.paired(results, design))
    assert planned == dict(zip(table["claim"], table["units"], strict=True))
    assert min(planned.values()) > 0


def test_units_of_a_design_that_deals_utterances_out() -> None:
    """Each of nine utterances is attacked once for each attack, confidence and kind of target."""
    study = study_of("config", models=TEN["models"])
    design = Design.from_dict(tables.describe_design(study))
    hearings = power.list_hearings(design, power.expect_weights(study))
    dealt = {surrogate: set(range(place, 9, 3)) for place, surrogate in enumerate(design.surrogates)}
    attempts = [
        Attempts(attack, confidence, target, surrogate, dealt[surrogate] & numbers)
        for attack, confidence in (("cw", "low"), ("cw", "high"), ("pgd", "high"))
        for surrogate in dealt
        for target, numbers in (("go", set(range(9))), ("rank-2", {0, 1, 2, 3, 4}), ("rank-3", {5, 6, 7, 8}))
    ]
    found = {
        claim.name: power.count_units(claim, attempts, hearings, design.confidences)
        for claim in claims.list_claims(design)
    }
    assert found["cw-seed"] == found["pgd-seed"] == found["pgd-like-cw"] == (9, 9)
    # The first surrogate alone has a remote of its seed, and one remote of another seed fewer than the others.
    assert found["cw-same-seed"] == (3, 3)
    assert found["high-above-low-rank-2"] == (2 * 2 + 3 * 2 + 3 * 1, 5)
    assert found["high-above-low-rank-3"] == (2 * 1 + 3 * 1 + 3 * 2, 4)
    assert found["rank-2-above-rank-3-low"] == (0, 0), "no utterance has both"


def describe(name: str, **changes: Any) -> str:
    return power.describe(study_of(name, **changes), RATES, 2)


def list_names(study: config.Study) -> list[str]:
    return [claim.name for claim in claims.list_claims(Design.from_dict(tables.describe_design(study)))]


def rows_of(text: str, claim: str) -> dict[str, str]:
    """The rows of a claim, by their labels."""
    [paragraph] = [part for part in text.split("\n\n") if claim in part.replace("\n", " ").split("  ")[0].split(", ")]
    rows = [line for line in paragraph.splitlines() if line.startswith("  ")]
    return {row[2 : 2 + power.LABEL].strip(): row[2 + power.LABEL :].strip() for row in rows}


@pytest.mark.parametrize("name", ["config", "smoke", "digits", "dose", *LARGE])
def test_the_text_names_every_claim_and_can_be_read(name: str) -> None:
    text = describe(name)
    for claim in list_names(study_of(name)):
        assert rows_of(text, claim)["units"], claim
    assert max(map(len, text.splitlines())) <= power.WIDTH
    assert "nan" not in text and "None" not in text


def test_what_a_grid_of_ten_utterances_can_decide() -> None:
    """The size and design of version 0.1.0's default study."""
    text = describe("config", **TEN)
    rows = rows_of(text, "pgd-seed")
    assert rows["units"] == "10 utterances"
    assert rows["if none hits"] == "at most 25.9 % do: not below 5 %, so it cannot be supported"
    assert rows["supported (wrong from 5 % on)"].split("%") == ["0 ", *["       0 "] * 4, ""]
    # Three hits of ten contradict, two do not.
    chance = 1 - sum(math.comb(10, hits) * 0.2**hits * 0.8 ** (10 - hits) for hits in range(3))
    assert rows["contradicted (wrong up to 5 %)"].endswith(f"{100 * chance:.0f} %")
    assert rows["to show less than 5 %"].startswith("59 utterances without a hit; the study with 59 takes ")
    assert rows["to show less than 1 %"].startswith("299 utterances")
    assert "as configured, with 10 utterances selected, it takes 12 min" in " ".join(text.split())
    paired = rows_of(text, "high-above-low-rank-2")
    assert paired["units"] == "80 matched (surrogate, remote, utterance), of 10 utterances"
    assert paired["utterances to select for them"].split() == ["33", "20", "206"]
    for warning in ("taken as independent", "a bootstrap interval of the difference that excludes 0", "estimates"):
        assert warning in " ".join(text.split())


def test_a_study_that_is_large_enough_says_so() -> None:
    rows = rows_of(describe("config", **TEN | {"selection": {"utterances": 59}}), "cw-seed")
    assert rows["if none hits"] == "at most 4.95 % do: below 5 %, so the claim is supported"
    assert rows["to show less than 5 %"] == "59 utterances without a hit, which the study has"
    assert rows["supported (wrong from 5 % on)"].split("%")[0].strip() == f"{100 * 0.99**59:.0f}"


@pytest.mark.slow
def test_the_published_study_has_pairs_enough() -> None:
    paired = rows_of(describe("paper"), "rank-2-above-rank-3-low")
    assert paired["utterances to select for them"].split() == ["enough"] * 3


def test_what_has_no_units_is_not_tested() -> None:
    none = "none, so it is not tested"
    text = describe("config", attacks={"cw": {"ranks": [2]}})
    assert rows_of(text, "rank-2-above-rank-3-low")["units"] == none
    assert rows_of(text, "high-above-low-rank-2")["units"] != none
    # On a CPU, a model in which nothing but the hardware may differ is a twin.
    models = ["seed-1", "seed-2", "seed-1.native-1"]
    assert rows_of(describe("config", models=models, device="cuda"), "cw-same-seed")["units"] == "35 utterances"
    assert rows_of(describe("config", models=models, device="cpu"), "cw-same-seed")["units"] == none


def test_times_are_those_of_the_plan_with_more_utterances() -> None:
    time = power.Time(study_of("config", **TEN), RATES, 2)
    larger = plan.jobs(study_of("config", **TEN | {"selection": {"utterances": 59}}), RATES)
    assert time.estimate(59) == plan.spell_time(plan.wall_time(larger, 2))
    assert time.count_utterances(59, 10) == 59
    assert time.count_utterances(263, 80) == 33
