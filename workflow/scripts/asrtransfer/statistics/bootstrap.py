"""Cluster bootstrap: how far a share might move with other utterances, or other surrogates.

Samples of one utterance succeed and fail together, and so do those of one surrogate; counting them as independent makes
intervals too narrow. A resample therefore draws whole utterances, whole surrogates, or both, with replacement,
independently of each other (the pigeonhole bootstrap: Owen, Annals of Applied Statistics 2007). Only the counts per
(utterance, surrogate) are needed, so a resample costs one product of small matrices.

Intervals are percentile intervals. They are too narrow for few clusters (three surrogates are few). Where no unit or
every unit hits, all resamples agree, and the interval is not a number: use the exact bounds by cluster there
(:mod:`asrtransfer.statistics.bounds`), or, of a difference, the limits of :func:`limit_mean`.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asrtransfer.statistics.bounds import Interval

Floats = NDArray[np.float64]
By = Literal["utterance", "surrogate", "both"]
UNKNOWN = Interval(math.nan, math.nan)
"""Result where resampling cannot tell."""


def counts(utterances: ArrayLike, surrogates: ArrayLike, values: ArrayLike) -> tuple[Floats, Floats]:
    """Sum values and count rows per cluster.

    Args:
        utterances: a label a row.
        surrogates: a label a row.
        values: a number a row; 0 or 1 for a share.

    Returns:
        Two (utterances, surrogates) arrays, labels in ascending order.
    """
    rows, row = np.unique(np.asarray(utterances), return_inverse=True)
    columns, column = np.unique(np.asarray(surrogates), return_inverse=True)
    cell = row * len(columns) + column
    size = len(rows) * len(columns)
    shape = (len(rows), len(columns))
    sums = np.bincount(cell, weights=np.asarray(values, dtype=np.float64), minlength=size).reshape(shape)
    numbers = np.bincount(cell, minlength=size).reshape(shape)
    return sums.astype(np.float64), numbers.astype(np.float64)


def interval(
    sums: Floats,
    numbers: Floats,
    *,
    by: By = "both",
    level: float,
    resamples: int,
    seed: int,
) -> Interval:
    """Compute the percentile interval of the sum of values over the number of rows.

    Args:
        sums: (utterances, surrogates), from :func:`counts`.
        numbers: as ``sums``.
        by: the clusters that a resample draws; the others stay as they are.
        level: of the interval.
        resamples: number of draws.
        seed: of the draws, which depend on it and the numbers of clusters alone.

    Returns:
        The limits; :data:`UNKNOWN` where there are no rows or no two resamples differ. A single surrogate is
        drawn every time, so that ``both`` then varies utterances alone.
    """
    if numbers.sum() == 0:
        return UNKNOWN
    shares = _resample(sums, numbers, by, resamples, seed)
    # Where utterances are dealt to surrogates, a resample may draw no row.
    if not len(shares) or np.ptp(shares) == 0:
        return UNKNOWN
    lower, upper = np.quantile(shares, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(lower), float(upper))


def limit_mean(sums: Floats, numbers: Floats, *, level: float, resamples: int, seed: int) -> Interval:
    """Compute a lower and an upper limit, each one-sided, of the mean of values from -1 to 1.

    Percentiles of resamples are too narrow where few values are not zero, and have no width where none is. So each
    limit is a percentile with one more utterance, all of whose rows have the extreme value: -1 for the lower limit,
    1 for the upper. Where all values of n utterances are zero, the limits at 95 % are 3 / (n + 1) to either side: the
    rule of three (Hanley and Lippman-Hand, JAMA 1983).

    Args:
        sums: (utterances, surrogates), from :func:`counts`.
        numbers: as ``sums``.
        level: of each limit.
        resamples: number of draws.
        seed: of the draws.

    Returns:
        The limits; :data:`UNKNOWN` where there are no rows, or no resample draws any.
    """
    if numbers.sum() == 0:
        return UNKNOWN
    one_more = numbers.mean(axis=0, keepdims=True)
    rows = np.vstack([numbers, one_more])
    ends = [_resample(np.vstack([sums, sign * one_more]), rows, "both", resamples, seed) for sign in (-1, 1)]
    # Where utterances are dealt to surrogates, a resample may draw no row.
    if not len(ends[0]):
        return UNKNOWN
    return Interval(float(np.quantile(ends[0], 1 - level)), float(np.quantile(ends[1], level)))


def _resample(sums: Floats, numbers: Floats, by: By, resamples: int, seed: int) -> Floats:
    """Compute the share of each resample; those that draw only clusters without rows are left out."""
    utterances, surrogates = sums.shape
    rows = _draw(utterances, resamples, seed, 0) if by != "surrogate" else np.ones((1, utterances))
    columns = _draw(surrogates, resamples, seed, 1) if by != "utterance" else np.ones((1, surrogates))
    total = ((rows @ sums) * columns).sum(axis=1)
    number = ((rows @ numbers) * columns).sum(axis=1)
    shares: Floats = total[number > 0] / number[number > 0]
    return shares


@lru_cache(maxsize=32)
def _draw(clusters: int, resamples: int, seed: int, axis: int) -> Floats:
    """Draw how often each resample holds each cluster: (resamples, clusters)."""
    random = np.random.default_rng([seed, axis, clusters])
    return random.multinomial(clusters, np.full(clusters, 1 / clusters), size=resamples).astype(np.float64)
