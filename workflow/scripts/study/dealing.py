"""The balanced design: each utterance is dealt one surrogate, and for each attack one phrase.

Surrogates and phrases are dealt evenly: their counts differ by at most one. Utterances choose in an order drawn from a
seed, each the surrogate that it prefers among those with room, and then the phrase; preferences are drawn as well. So
an utterance that drops out or comes in moves few others: those that chose after it and wanted its place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import partial


def deal_surrogates(utterances: Iterable[str], surrogates: Sequence[str], seed: int) -> dict[str, str]:
    """Deal a surrogate to each utterance.

    Args:
        utterances: names, in any order.
        surrogates: names, at least one.
        seed: draws the order and the preferences.

    Returns:
        By utterance, its surrogate; counts differ by at most one.
    """
    order = _draw_order(utterances, seed)
    return _choose(order, _share_evenly(len(order), surrogates, 0), seed)


def deal_phrases(dealt: Mapping[str, str], phrases: Sequence[str], seed: int) -> dict[str, str]:
    """Deal a phrase to each utterance of each surrogate.

    Args:
        dealt: by utterance, its surrogate.
        phrases: names, at least one.
        seed: draws the order and the preferences; the same one as for the surrogates.

    Returns:
        By utterance, its phrase; counts differ by at most one, within each surrogate and in all.
    """
    found: dict[str, str] = {}
    for surrogate in sorted(set(dealt.values())):
        own = _draw_order((name for name, other in dealt.items() if other == surrogate), seed)
        # What is left over goes on where the surrogate before ended.
        found |= _choose(own, _share_evenly(len(own), phrases, len(found)), seed)
    return found


def _share_evenly(count: int, names: Sequence[str], start: int) -> dict[str, int]:
    """Share a count among names; what is left over goes to those from place ``start``, one each, in a circle."""
    each, left = divmod(count, len(names))
    extra = {(start + turn) % len(names) for turn in range(left)}
    return {name: each + (place in extra) for place, name in enumerate(names)}


def _choose(order: Iterable[str], rooms: Mapping[str, int], seed: int) -> dict[str, str]:
    """Let each utterance take the place that it prefers among those with room."""
    left = dict(rooms)
    found = {}
    for utterance in order:
        preferred = sorted(rooms, key=partial(_draw, seed, utterance))
        found[utterance] = next(name for name in preferred if left[name])
        left[found[utterance]] -= 1
    return found


def _draw_order(utterances: Iterable[str], seed: int) -> list[str]:
    return sorted(utterances, key=lambda name: _draw(seed, name))


def _draw(seed: int, *parts: str) -> bytes:
    return hashlib.sha256("\0".join([str(seed), "deal", *parts]).encode()).digest()
