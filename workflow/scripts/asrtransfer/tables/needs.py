"""How many units would decide a claim that this study leaves undecided."""

from __future__ import annotations

import math

from scipy.stats import norm

from asrtransfer.statistics.bounds import clopper_pearson, count_units
from asrtransfer.statistics.power import MOST, count_matched_units
from asrtransfer.tables.design import Settings

POWER = 0.8
"""Probability with which the units shall suffice."""
SHARE = 0.03
"""Share of pairs that is taken to differ where none does: the smallest effect that was measured on near targets, of 3
to 5 of 100 hearings (models of the default study, rank 2, bounds of 15 to 2000 in 16-bit units)."""


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


def count_for_order(
    only_first: int, only_second: int, units: int, interval: tuple[float, float], settings: Settings
) -> int | None:
    """Count the matched units that decide which of two shares is larger, if both stay as they were found.

    Args:
        only_first: units that hit under the first condition alone.
        only_second: units that hit under the second alone.
        units: of the study.
        interval: of the difference of the shares, by resampled utterances and models; not numbers if there is none.
        settings: of the study.

    Returns:
        Units with which McNemar's test decides, and the interval leaves out zero, with probability :data:`POWER`;
        where no unit differs, of a share :data:`SHARE` of them. None where as many differ in either direction.
    """
    low, high = sorted((only_first / units, only_second / units))
    if high == 0:
        return count_matched_units(SHARE, 0.0, settings.confidence_level, POWER)
    if low == high:
        return None
    tested = count_matched_units(high, low, settings.confidence_level, POWER)
    difference = (only_first - only_second) / units
    # Half of the interval, towards zero. Units of one utterance or model hit together, so that it is wider than the
    # test knows; it falls with the root of their number.
    half = difference - interval[0] if difference > 0 else interval[1] - difference
    if tested is None or math.isnan(half):
        return tested
    sure, enough = norm.ppf((1 + settings.confidence_level) / 2), norm.ppf(POWER)
    return max(tested, math.ceil(units * (half / abs(difference) * (1 + enough / sure)) ** 2))
