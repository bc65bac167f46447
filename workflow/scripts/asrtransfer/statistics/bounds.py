"""Exact intervals of a share: hits of a number of independent units.

The unit decides the worth of a bound: 0 of 17243 samples is below 0.02 %, 0 of the 98 utterances that they come from
below 3.0 %. These functions see only two numbers; their caller names the unit.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

from statsmodels.stats.proportion import proportion_confint


class Interval(NamedTuple):
    """Limits of a share, 0..1."""

    lower: float
    upper: float


@lru_cache(maxsize=4096)
def clopper_pearson(hits: int, units: int, level: float) -> Interval:
    """Compute the two-sided exact interval (Clopper and Pearson, Biometrika 1934).

    Args:
        hits: units that hit.
        units: independent units.
        level: of confidence.

    Returns:
        The limits; 0 and 1 where there are no units.

    Raises:
        ValueError: unless 0 <= hits <= units and 0 < level < 1.
    """
    _check(hits, units, level)
    if units == 0:
        return Interval(0.0, 1.0)
    lower, upper = proportion_confint(hits, units, alpha=1 - level, method="beta")
    return Interval(float(lower), float(upper))


@lru_cache(maxsize=4096)
def one_sided(hits: int, units: int, level: float) -> float | None:
    """Compute the bound of a share where all units agree.

    With c = (1 - level)^(1 / units): the upper bound 1 - c, about 3 / units at 95 %, if none of them hits; the lower
    bound c if all do. Both are the exact one-sided limits, closer than the two-sided ones.

    Args:
        hits: units that hit.
        units: independent units.
        level: of confidence.

    Returns:
        The bound; None where units disagree, or there are none.

    Raises:
        ValueError: as :func:`clopper_pearson`.
    """
    _check(hits, units, level)
    if units == 0 or 0 < hits < units:
        return None
    lower, upper = proportion_confint(hits, units, alpha=2 * (1 - level), method="beta")
    return float(upper if hits == 0 else lower)


def count_units(margin: float, level: float) -> int:
    """Count the units without a hit that bound a share below a margin.

    The bound of none of N units, 1 - (1 - level)^(1 / N), is below the margin where N is above
    ln(1 - level) / ln(1 - margin): about 3 / margin at 95 % (Hanley and Lippman-Hand, JAMA 1983).

    Args:
        margin: above the share, 0..1, without the ends.
        level: of confidence.

    Returns:
        The smallest such number.

    Raises:
        ValueError: unless 0 < margin < 1 and 0 < level < 1.
    """
    for name, value in (("margin", margin), ("level", level)):
        if not 0 < value < 1:
            raise ValueError(f"{name} {value} is not between 0 and 1")
    return math.floor(math.log(1 - level) / math.log(1 - margin)) + 1


def _check(hits: int, units: int, level: float) -> None:
    if not 0 <= hits <= units:
        raise ValueError(f"{hits} hits of {units} units")
    if not 0 < level < 1:
        raise ValueError(f"level {level} is not between 0 and 1")
