"""What a test can decide at a given size, before anything is measured: probabilities by exact sums, not by simulation.

All functions take units for independent. Hearings of one utterance are not, since they hit and miss together: a study
with as many dependent units knows less than is computed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

MOST = 10**7
"""Units beyond which none are searched for."""
# Numbers of units that differ are left out of a sum where less probability than this lies beyond them.
NEGLIGIBLE = 1e-15


class Power(NamedTuple):
    """Probabilities that a test of two shares finds the first larger, and that it finds the second larger."""

    first: float
    second: float


def weigh_outcomes(outcomes: Sequence[str], rate: float) -> dict[str, float]:
    """Compute how probable each outcome of a rule is that sees nothing but a number of hits, which is binomial.

    Args:
        outcomes: what the rule says of 0, 1, ... N hits of N units.
        rate: true share of units that hit, 0..1.

    Returns:
        By outcome; the sum is 1.
    """
    hits = np.arange(len(outcomes))
    found = dict.fromkeys(outcomes, 0.0)
    for outcome, mass in zip(outcomes, binom.pmf(hits, hits[-1], rate), strict=True):
        found[outcome] += float(mass)
    return found


def compute_mcnemar_power(units: int, only_first: float, only_second: float, level: float) -> Power:
    """Compute how often the exact two-sided McNemar test (Psychometrika 1947) rejects, at p below 1 - level.

    The number n of units that differ is binomial. Of these n, the number that hit under the first condition alone is
    binomial, too, and the test rejects where the rarer kind has at most :func:`find_critical` units. The power is the
    sum over n (Duffy, Biometrics 1984).

    Args:
        units: independent matched units.
        only_first: true share of units that hit under the first condition alone, 0..1.
        only_second: true share of units that hit under the second alone; with ``only_first`` at most 1.
        level: of confidence.

    Raises:
        ValueError: unless both shares are possible together.
    """
    differing = only_first + only_second
    if min(only_first, only_second) < 0 or differing > 1:
        raise ValueError(f"shares {only_first} and {only_second} of the same units are not possible together")
    if units == 0 or differing == 0:
        return Power(0.0, 0.0)
    ends = binom.ppf(NEGLIGIBLE, units, differing), binom.isf(NEGLIGIBLE, units, differing)
    numbers = np.arange(int(ends[0]), int(ends[1]) + 1)
    masses = binom.pmf(numbers, units, differing)
    critical = find_critical(numbers, level)
    first = masses @ binom.cdf(critical, numbers, only_second / differing)
    second = masses @ binom.cdf(critical, numbers, only_first / differing)
    return Power(float(first), float(second))


def find_critical(differing: NDArray[np.int64], level: float) -> NDArray[np.int64]:
    """Find how many units may be of the rarer kind if McNemar's exact test shall reject.

    That is the largest c with 2 P(X <= c) < 1 - level, where X ~ Bin(n, 1/2).

    Args:
        differing: numbers n of units that differ.
        level: of confidence.

    Returns:
        As many numbers; -1 where the test cannot reject.
    """
    # The quantile is the smallest number that is no longer rare enough.
    quantiles = binom.ppf((1 - level) / 2, np.maximum(differing, 1), 0.5).astype(np.int64)
    return np.where(differing > 0, quantiles - 1, -1)


def count_differing(level: float) -> int:
    """Count the units that must differ, all in one direction, before McNemar's exact test rejects.

    Args:
        level: of confidence, at most 1 - 1e-15.

    Returns:
        The smallest n with 2 / 2^n < 1 - level.
    """
    numbers = np.arange(1, 60)
    return int(numbers[find_critical(numbers, level) >= 0][0])


def count_matched_units(only_first: float, only_second: float, level: float, power: float) -> int | None:
    """Count the units with which McNemar's exact test finds the first share larger as often as is asked for.

    The power of an exact test rises like the teeth of a saw (Chernick and Liu, The American Statistician 2002): the
    result suffices and one unit fewer does not, but some larger number may fall short of ``power`` by a little.

    Args:
        only_first: as for :func:`compute_mcnemar_power`.
        only_second: as for :func:`compute_mcnemar_power`.
        level: of confidence.
        power: the probability, below 1.

    Returns:
        The number; None if :data:`MOST` do not suffice.
    """
    fewer, enough = 0, 1
    while compute_mcnemar_power(enough, only_first, only_second, level).first < power:
        if enough >= MOST:
            return None
        fewer, enough = enough, min(2 * enough, MOST)
    while enough - fewer > 1:
        middle = (fewer + enough) // 2
        if compute_mcnemar_power(middle, only_first, only_second, level).first < power:
            fewer = middle
        else:
            enough = middle
    return enough


def count_equal_utterances(margin: float, level: float) -> int:
    """Count the utterances without a difference that show two shares to be equal but for a margin.

    The limits of :func:`asrtransfer.statistics.bootstrap.limit_mean` are then the quantile of Bin(n + 1, 1 / (n + 1)),
    over n + 1: at 95 %, 3 / (n + 1).

    Args:
        margin: above the difference, 0..1, without the ends.
        level: of confidence.

    Returns:
        The smallest such number.
    """
    number = 1
    while binom.ppf(level, number + 1, 1 / (number + 1)) / (number + 1) >= margin:
        number += 1
    return number
