"""Cluster bootstrap: how far a share might move with other utterances, or other surrogates.

Samples of one utterance succeed and fail together, and so do those of one surrogate; counting them as independent makes
intervals too narrow. A resample therefore draws whole utterances, whole surrogates, or both, with replacement,
independently of each other (the pigeonhole bootstrap: Owen, Annals of Applied Statistics 2007). Only the counts per
(utterance, surrogate) are needed, so a resample costs one product of small matrices.

Intervals are percentile intervals. They are too narrow for few clusters (three surrogates are few). Where no unit or
every unit hits, all resamples agree, and the interval is not a number: use the exact bounds by cluster there
(:mod:`asrtransfer.statistics.bounds`).
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
    utterances, surrogates = sums.shape
    if numbers.sum() == 0:
        return UNKNOWN
    rows = _draw(utterances, resamples, seed, 0) if by != "surrogate" else np.ones((1, utterances))
    columns = _draw(surrogates, resamples, seed, 1) if by != "utterance" else np.ones((1, surrogates))
    total = ((rows @ sums) * columns).sum(axis=1)
    number = ((rows @ numbers) * columns).sum(axis=1)
    # A resample may draw only clusters that have no rows.
    shares = total[number > 0] / number[number > 0]
    if np.ptp(shares) == 0:
        return UNKNOWN
    lower, upper = np.quantile(shares, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(lower), float(upper))


@lru_cache(maxsize=32)
def _draw(clusters: int, resamples: int, seed: int, axis: int) -> Floats:
    """Draw how often each resample holds each cluster: (resamples, clusters)."""
    random = np.random.default_rng([seed, axis, clusters])
    return random.multinomial(clusters, np.full(clusters, 1 / clusters), size=resamples).astype(np.float64)
