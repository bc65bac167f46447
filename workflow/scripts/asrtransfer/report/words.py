"""Names and numbers as people read them."""

from __future__ import annotations

import math
from collections.abc import Callable

ARMS = {
    "self": "itself",
    "twin": "twin",
    "seed": "another seed",
    "ulp": "one ulp apart",
    "native": "same seed, run again",
    "data": "on part of the data",
    "tuned": "trained on",
    "shares": "shares layers",
    "channel": "through a channel",
    "family": "another family",
}
"""What a remote is to the surrogate."""
TARGET_KINDS = {"phrase": "Phrases", "near": "Near targets", "words": "Words changed"}
TARGETS = {"phrase": "phrase", "near": "near target", "words": "changed text"}
"""By kind, a target within a sentence."""
MADE_FOR = {
    "phrase": ("a fixed phrase", "phrase"),
    "near": ("a near target", "target"),
    "words": ("what is said with words changed", "text"),
}
"""By kind of target, what a sample is made for, and what to call it a second time."""
NO_VERDICT = "There is no verdict: a positive control failed, so nothing below can be trusted."
NARROW = "\u202f"
"""A space at which no line breaks."""


def percent(share: float) -> str:
    """Write a share as a reader wants it: 22 %, 3.0 %, 0.017 %, 99.95 %."""
    value = 100 * share
    if value in (0, 100) or 10 <= value <= 99:
        return f"{value:.0f} %"
    return f"{value:.4g} %" if value > 99 else f"{value:#.2g} %"


def unbroken_percent(share: float) -> str:
    """Write a share as :func:`percent` does, on one line."""
    return percent(share).replace(" ", NARROW)


def write_probability(value: float) -> str:
    """Write a probability with two digits at least, and as many as tell it from one: 0.41, 0.93, 0.9996."""
    if value >= 1:
        return "1"
    digits = math.ceil(-math.log10(1 - value) - 1e-9)
    return f"{value:.{min(8, max(2, digits))}f}"


def write_limits(
    hits: int, lower: float, upper: float, bound: float | None, write: Callable[[float], str] = percent
) -> str:
    """Write what share of all units the observed ones allow.

    Args:
        hits: observed units that hit.
        lower: two-sided limit, 0..1.
        upper: two-sided limit, 0..1.
        bound: one-sided limit where all units agree; None where they do not.
        write: writes a share.
    """
    if bound is None:
        return f"{write(lower)} to {write(upper)}"
    return f"{'at least' if hits else 'at most'} {write(bound)}"


def many(count: int, noun: str) -> str:
    """Write a count with its noun."""
    return f"{grouped(count)} {noun}{plural(count)}"


def plural(count: int) -> str:
    """Return the ending of a noun after a count."""
    return "" if count == 1 else "s"


def grouped(count: int) -> str:
    """Write a count with narrow spaces between thousands."""
    return f"{count:,}".replace(",", NARROW)
