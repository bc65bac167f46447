"""Intervals against closed forms, other libraries and simulation; the published figures by their totals."""

from __future__ import annotations

import json
import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from asrtransfer.attacks.cw import published as published_cw
from asrtransfer.attacks.pgd import published as published_pgd
from asrtransfer.statistics import bootstrap, paired, published
from asrtransfer.statistics.bounds import clopper_pearson, one_sided

UNITS = st.integers(1, 400)
interval = partial(bootstrap.interval, level=0.95, resamples=2000, seed=0)
compare = partial(paired.compare, level=0.95, resamples=2000, seed=0)


@pytest.mark.parametrize(
    ("units", "upper_one_sided", "upper_two_sided"),
    [
        (17243, 1.74e-4, 2.14e-4),
        (137944, 2.2e-5, 2.7e-5),
        (239968, 1.25e-5, 1.5e-5),
        (1078, 0.0028, 0.0034),
        (98, 0.030, 0.037),
        (72, 0.041, 0.050),
        (9, 0.28, 0.34),
    ],
)
def test_bounds_of_no_hits(units: int, upper_one_sided: float, upper_two_sided: float) -> None:
    """To the two or three digits that a review of the published study gives."""
    assert one_sided(0, units, 0.95) == pytest.approx(1 - 0.05 ** (1 / units), rel=1e-9)
    assert one_sided(0, units, 0.95) == pytest.approx(upper_one_sided, rel=0.03)
    assert clopper_pearson(0, units, 0.95).lower == 0
    assert clopper_pearson(0, units, 0.95).upper == pytest.approx(upper_two_sided, rel=0.03)


@given(UNITS, st.floats(0.6, 0.999))
def test_all_hits_mirror_no_hits(units: int, level: float) -> None:
    none, every = one_sided(0, units, level), one_sided(units, units, level)
    assert none is not None and every is not None
    assert every == pytest.approx((1 - level) ** (1 / units))
    assert none == pytest.approx(1 - every)


@given(st.data(), UNITS, st.floats(0.6, 0.999))
def test_exact_interval_is_that_of_the_test_it_inverts(data: st.DataObject, units: int, level: float) -> None:
    hits = data.draw(st.integers(0, units))
    expected = binomtest(hits, units).proportion_ci(level, method="exact")
    assert clopper_pearson(hits, units, level) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.5])
def test_exact_interval_covers_at_least_its_level(share: float) -> None:
    covered = sum(
        binom.pmf(hits, 40, share)
        for hits in range(41)
        if clopper_pearson(hits, 40, 0.95).lower <= share <= clopper_pearson(hits, 40, 0.95).upper
    )
    assert covered >= 0.95


def test_one_sided_bound_needs_agreement() -> None:
    assert one_sided(1, 10, 0.95) is None
    assert one_sided(0, 0, 0.95) is None
    assert clopper_pearson(0, 0, 0.95) == (0, 1)


@pytest.mark.parametrize(("hits", "units", "level"), [(2, 1, 0.95), (-1, 1, 0.95), (0, 1, 1.0), (0, 1, 0.0)])
def test_impossible_counts_are_refused(hits: int, units: int, level: float) -> None:
    with pytest.raises(ValueError, match=r"hits of|level"):
        clopper_pearson(hits, units, level)
    with pytest.raises(ValueError, match=r"hits of|level"):
        one_sided(hits, units, level)


def clustered(seed: int, utterances: int, surrogates: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ten hearings in each cluster; an utterance's hit or miss together."""
    random = np.random.default_rng(seed)
    utterance = np.repeat(np.arange(utterances), surrogates * 10)
    surrogate = np.tile(np.repeat(np.arange(surrogates), 10), utterances)
    return utterance, surrogate, random.random(utterances)[utterance] < 0.4


def test_counts_sum_by_cluster() -> None:
    sums, numbers = bootstrap.counts(["b", "a", "b", "b"], [1, 1, 2, 2], [1, 0, 1, 0])
    assert sums.tolist() == [[0, 0], [1, 1]]
    assert numbers.tolist() == [[1, 0], [1, 2]]


def test_bootstrap_by_utterance_knows_that_hearings_depend() -> None:
    sums, numbers = bootstrap.counts(*clustered(1, 30, 4))
    share = sums.sum() / numbers.sum()
    lower, upper = interval(sums, numbers, by="utterance")
    assert lower < share < upper
    naive = clopper_pearson(int(sums.sum()), int(numbers.sum()), 0.95)
    # As if 30 utterances had been counted, not 1200 hearings.
    exact = clopper_pearson(round(30 * share), 30, 0.95)
    assert upper - lower > 4 * (naive.upper - naive.lower)
    assert upper - lower == pytest.approx(exact.upper - exact.lower, rel=0.15)


def test_bootstrap_by_surrogate_sees_no_difference_where_there_is_none() -> None:
    sums, numbers = bootstrap.counts(*clustered(1, 30, 4))
    assert all(map(math.isnan, interval(sums, numbers, by="surrogate")))
    assert interval(sums, numbers, by="both") == interval(sums, numbers, by="utterance")


def test_bootstrap_of_both_is_wider_than_of_either() -> None:
    random = np.random.default_rng(3)
    sums = (random.random((20, 6)) < random.random((20, 1)) * random.random((1, 6)) * 1.5).astype(float)
    numbers = np.ones_like(sums)
    width = {by: np.diff(interval(sums, numbers, by=by))[0] for by in ("utterance", "surrogate", "both")}
    assert width["both"] > max(width["utterance"], width["surrogate"])


def test_bootstrap_covers() -> None:
    covered = 0
    for seed in range(100):
        lower, upper = interval(*bootstrap.counts(*clustered(seed, 40, 2)), resamples=300)
        covered += lower <= 0.4 <= upper
    assert 86 <= covered <= 99


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_bootstrap_is_silent_where_all_agree(value: float) -> None:
    assert all(map(math.isnan, interval(np.full((9, 3), value), np.ones((9, 3)))))


def test_resamples_may_draw_no_row() -> None:
    """One utterance, dealt to one of two surrogates."""
    dealt = np.array([[1.0, 0.0]])
    found = {np.isnan(interval(dealt, dealt, resamples=1, seed=seed).lower) for seed in range(20)}
    assert found == {True}
    limits = [bootstrap.limit_mean(dealt, dealt, level=0.9, resamples=1, seed=seed) for seed in range(20)]
    assert {np.isnan(one.lower) for one in limits} == {True, False}


def test_bootstrap_survives_empty_cells_and_no_rows() -> None:
    numbers = np.zeros((3, 3))
    assert all(map(math.isnan, interval(numbers, numbers)))
    assert all(map(math.isnan, interval(np.zeros((0, 0)), np.zeros((0, 0)))))
    numbers[0, 0], numbers[1, 1] = 5, 5
    lower, upper = interval(numbers * [[1], [0], [0]], numbers)
    assert (lower, upper) == (0, 1)


@pytest.mark.parametrize("utterances", [20, 60, 200])
def test_limits_where_no_pair_differs_are_those_of_the_rule_of_three(utterances: int) -> None:
    none, numbers = np.zeros((utterances, 2)), np.ones((utterances, 2))
    limits = bootstrap.limit_mean(none, numbers, level=0.95, resamples=2000, seed=0)
    assert limits == pytest.approx((-3 / (utterances + 1), 3 / (utterances + 1)))


def test_limits_mirror_the_sides() -> None:
    differences = np.random.default_rng(5).choice([-1, 0, 0, 1, 1], size=(30, 1))
    numbers = np.ones((30, 1))
    one, other = (
        bootstrap.limit_mean(sign * differences, numbers, level=0.95, resamples=2000, seed=0) for sign in (1, -1)
    )
    assert other == pytest.approx((-one.upper, -one.lower))
    assert all(
        map(math.isnan, bootstrap.limit_mean(np.zeros((0, 0)), np.zeros((0, 0)), level=0.9, resamples=9, seed=0))
    )


@pytest.mark.parametrize("together", [True, False], ids=["pairs of an utterance agree", "they do not"])
@pytest.mark.parametrize(("first", "second"), [(0.05, 0.0), (0.075, 0.025)])
@pytest.mark.parametrize("utterances", [60, 300])
def test_shares_that_differ_by_the_margin_are_seldom_called_equal(
    together: bool, first: float, second: float, utterances: int
) -> None:
    """Three surrogates, each of a third of the utterances, four remotes each: of 400 studies, 5 % may be wrong."""
    random = np.random.default_rng(6)
    numbers = np.zeros((utterances, 3))
    numbers[np.arange(utterances), np.arange(utterances) % 3] = 4
    wrong = 0
    for _ in range(400):
        draws = random.random((utterances, 1 if together else 4))
        values = (draws < first).astype(float) - ((draws >= first) & (draws < first + second))
        sums = numbers * values.mean(axis=1, keepdims=True)
        limits = bootstrap.limit_mean(sums, numbers, level=0.95, resamples=300, seed=0)
        wrong += max(-limits.lower, limits.upper) < 0.05
    assert wrong <= 400 * 0.05 + 3 * math.sqrt(400 * 0.05 * 0.95)


def test_bootstrap_depends_on_its_seed_alone() -> None:
    sums, numbers = np.random.default_rng(4).random((15, 3)), np.ones((15, 3))
    assert interval(sums, numbers, seed=1) == interval(sums, numbers, seed=1)
    assert interval(sums, numbers, seed=1) != interval(sums, numbers, seed=2)


def test_comparison_counts_pairs() -> None:
    first, second = [True] * 12 + [False] * 3, [True, True] + [False] * 10 + [True, False, False]
    found = compare(first, second, range(15), [0, 1, 2] * 5)
    assert (found.both, found.only_first, found.only_second, found.neither, found.units) == (2, 10, 1, 2, 15)
    assert found.p_value == pytest.approx(binomtest(10, 11).pvalue)
    assert found.difference == pytest.approx(9 / 15)
    assert found.interval.lower < 9 / 15 < found.interval.upper
    assert found.odds_ratio == 10
    limits = binomtest(10, 11).proportion_ci(0.95)
    assert found.odds_interval == pytest.approx((limits.low / (1 - limits.low), limits.high / (1 - limits.high)))


def test_comparison_without_pairs_or_differences() -> None:
    empty = compare([], [], [], [])
    assert (empty.units, empty.p_value) == (0, 1)
    assert math.isnan(empty.difference)
    same = compare([True, False], [True, False], [0, 1], [0, 0])
    assert (same.p_value, same.difference) == (1, 0)
    assert math.isnan(same.odds_ratio)
    assert same.odds_interval == (0, math.inf)
    assert compare([True], [False], [0], [0]).odds_ratio == math.inf


CW, PGD = (published.Published.from_dict(one.PUBLISHED) for one in (published_cw, published_pgd))


def test_published_totals() -> None:
    assert CW.total == CW.stated_total == 17243
    assert PGD.total == 304261
    assert PGD.stated_total == PGD.total - PGD.samples["open the door"] == 239968
    assert "304261" in PGD.note and "239968" in PGD.note and "open the door" in PGD.note
    assert len(CW.samples) == 11
    assert set(CW.samples) - set(PGD.samples) == {"the fault dear is not in our stars", "text mom i need money"}
    assert (CW.transfers, CW.top_ten, PGD.transfers, PGD.top_ten) == (0, 0, 0, None)


def test_published_near_targets() -> None:
    assert {key: near.share for key, near in CW.near.items()} == {
        (2, "low"): 0.065,
        (2, "high"): 0.40,
        (3, "low"): 0.030,
        (3, "high"): 0.31,
    }
    assert (CW.near[2, "high"].top_ten, CW.near[3, "high"].top_ten) == (0.68, 0.63)
    assert math.isnan(CW.near[2, "low"].top_ten) and math.isnan(CW.near[3, "low"].top_ten)
    assert PGD.near == {}


def test_published_figures_survive_json() -> None:
    for one in (CW, PGD):
        again = published.Published.from_dict(json.loads(json.dumps(one.as_dict())))
        assert again.as_dict() == one.as_dict()
        assert (again.samples, again.note, again.ranks) == (one.samples, one.note, one.ranks)


def test_near_targets_may_be_left_out() -> None:
    plain = {"name": "Table 1", "samples": {"stop": 3}, "stated_total": 3, "transfers": 1, "top_ten": None}
    assert published.Published.from_dict(plain).near == {}
