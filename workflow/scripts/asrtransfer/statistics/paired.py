"""Two shares compared on matched units: the same utterance, surrogate and remote under two conditions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from statsmodels.stats.contingency_tables import mcnemar

from asrtransfer.statistics import bootstrap, bounds
from asrtransfer.statistics.bounds import Interval


@dataclass(frozen=True)
class Comparison:
    """Outcome of matched units under two conditions.

    Attributes:
        both: units that hit under both conditions.
        only_first: under the first alone.
        only_second: under the second alone.
        neither: under none.
        p_value: exact two-sided McNemar test, which takes the units for independent.
        difference: share of the first minus share of the second.
        interval: of the difference, from the two-way cluster bootstrap, which does not take them for independent.
        limits: of the difference, each one-sided, which also hold where few units differ, or none:
            :func:`asrtransfer.statistics.bootstrap.limit_mean`.
        utterances: that the units are of.
        odds_ratio: only_first / only_second, the effect size of the test; infinite where only the first ever hits
            alone, not a number where no unit differs.
        odds_interval: of the odds ratio, exact, from the share of only_first among the units that differ.
    """

    both: int
    only_first: int
    only_second: int
    neither: int
    p_value: float
    difference: float
    interval: Interval
    limits: Interval
    utterances: int
    odds_ratio: float
    odds_interval: Interval

    @property
    def units(self) -> int:
        """Matched units."""
        return self.both + self.only_first + self.only_second + self.neither


def compare(
    first: ArrayLike,
    second: ArrayLike,
    utterances: ArrayLike,
    surrogates: ArrayLike,
    *,
    level: float,
    resamples: int,
    seed: int,
) -> Comparison:
    """Compare hits of matched units.

    Args:
        first: whether each unit hits under the first condition.
        second: as ``first``, for the same units in the same order.
        utterances: label of each unit, for the bootstrap.
        surrogates: label of each unit, for the bootstrap.
        level: of the intervals.
        resamples: of the bootstrap.
        seed: of the bootstrap.
    """
    one, other = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    both, neither = int((one & other).sum()), int((~one & ~other).sum())
    only_first, only_second = int((one & ~other).sum()), int((~one & other).sum())
    differences = one.astype(float) - other.astype(float)
    sums, numbers = bootstrap.counts(utterances, surrogates, differences)
    return Comparison(
        both,
        only_first,
        only_second,
        neither,
        p_value=compute_p_value(only_first, only_second),
        difference=float(differences.mean()) if len(differences) else math.nan,
        interval=bootstrap.interval(sums, numbers, level=level, resamples=resamples, seed=seed),
        limits=bootstrap.limit_mean(sums, numbers, level=level, resamples=resamples, seed=seed),
        utterances=len(sums),
        odds_ratio=_compute_odds(only_first, only_second),
        odds_interval=_compute_odds_interval(only_first, only_second, level),
    )


def compute_p_value(only_first: int, only_second: int) -> float:
    """Compute the p value of the exact two-sided McNemar test, which takes the units for independent.

    Args:
        only_first: units that hit under the first condition alone; the test uses no others than these and the next.
        only_second: under the second alone.
    """
    if only_first + only_second == 0:
        return 1.0
    return float(mcnemar([[0, only_first], [only_second, 0]], exact=True).pvalue)


def _compute_odds(hits: float, misses: float) -> float:
    if misses == 0:
        return math.inf if hits else math.nan
    return hits / misses


def _compute_odds_interval(hits: int, misses: int, level: float) -> Interval:
    lower, upper = bounds.clopper_pearson(hits, hits + misses, level)
    return Interval(_compute_odds(lower, 1 - lower), _compute_odds(upper, 1 - upper))
