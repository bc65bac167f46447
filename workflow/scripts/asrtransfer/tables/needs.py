"""How many units would decide a claim that this study leaves undecided."""

from __future__ import annotations

import math

import pandas as pd
from scipy.stats import norm

from asrtransfer.statistics.bounds import clopper_pearson, count_units
from asrtransfer.statistics.power import MOST, count_equal_utterances, count_matched_units
from asrtransfer.tables.design import Settings

POWER = 0.8
"""Probability with which the units shall suffice."""


def count_for_absence(hits: int, units: int, settings: Settings) -> int | None:
    """Count the units that decide whether fewer than the margin hit, if the share stays as it was found.

    Args:
        hits: units that hit.
        units: of the study.
        settings: of the study.

    Returns:
        None where no number does: some units hit, and no more than the margin.
    """
    if hits == 0:
        return count_units(settings.margin, settings.confidence_level)
    if hits <= settings.margin * units:
        return None
    needed = units
    while clopper_pearson(round(hits * needed / units), needed, settings.confidence_level).lower <= settings.margin:
        needed += max(1, units // 20)
        if needed > MOST:
            return None
    return needed


def count_for_order(found: pd.Series, settings: Settings) -> int | None:
    """Count the matched units that decide which of two shares is larger, or that they are equal but for the margin.

    Args:
        found: a row of the table of paired tests that has units.
        settings: of the study.

    Returns:
        Units with which, if both shares stay as they were found, either is decided with probability :data:`POWER`;
        where no unit differs, units of as many utterances as show so much if again none does. None where no number
        decides.
    """
    if found["only_first"] + found["only_second"] == 0:
        utterances = count_equal_utterances(settings.margin, settings.confidence_level)
        return math.ceil(utterances * found["pairs"] / found["utterances"])
    ways = [_count_for_larger(found, settings), _count_for_equal(found, settings)]
    return min((way for way in ways if way is not None), default=None)


def _count_for_larger(found: pd.Series, settings: Settings) -> int | None:
    """Count the units with which McNemar's test decides and the interval leaves out zero."""
    units, level = int(found["pairs"]), settings.confidence_level
    low, high = sorted((found["only_first"] / units, found["only_second"] / units))
    if low == high:
        return None
    tested = count_matched_units(high, low, level, POWER)
    difference = found["difference"]
    # Half of the interval, towards zero. Units of one utterance or model hit together, so that it is wider than the
    # test knows; it falls with the root of their number.
    half = difference - found["difference_lower"] if difference > 0 else found["difference_upper"] - difference
    if tested is None or math.isnan(half):
        return tested
    return max(tested, _scale(units, half / abs(difference), (1 + level) / 2))


def _count_for_equal(found: pd.Series, settings: Settings) -> int | None:
    """Count the units with which neither one-sided limit of the difference reaches the margin."""
    difference, margin = found["difference"], settings.margin
    if abs(difference) >= margin:
        return None
    ratios = (
        (difference - found["difference_least"]) / (margin + difference),
        (found["difference_most"] - difference) / (margin - difference),
    )
    return _scale(int(found["pairs"]), max(ratios), settings.confidence_level)


def _scale(units: int, ratio: float, quantile: float) -> int:
    """Count the units with which a limit stays within its reach with probability :data:`POWER`.

    Args:
        units: of the study.
        ratio: the distance of the limit from the estimate, to that which it may have.
        quantile: of the normal distribution, at which the limit lies.
    """
    return math.ceil(units * (ratio * (1 + norm.ppf(POWER) / norm.ppf(quantile))) ** 2)
