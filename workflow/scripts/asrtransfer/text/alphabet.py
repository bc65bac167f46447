"""The 29 output classes: space, a-z, apostrophe, and the CTC blank (last).

The order is that of `data/alphabet.txt` of Mozilla DeepSpeech, in which the blank follows the last character.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise

from asrtransfer.files.errors import InputError

CHARACTERS = " abcdefghijklmnopqrstuvwxyz'"
BLANK = len(CHARACTERS)
SIZE = len(CHARACTERS) + 1

_INDEX = {character: index for index, character in enumerate(CHARACTERS)}


def encode(text: str) -> list[int]:
    """Convert a text to class indices (0..27).

    Raises:
        InputError: if a character is outside the alphabet.
    """
    try:
        return [_INDEX[character] for character in text]
    except KeyError as error:
        raise InputError(
            f"{text!r} has {error.args[0]!r}, which is not in the alphabet: use only a-z, space and '"
        ) from None


def decode(indices: Iterable[int]) -> str:
    """Convert class indices (0..27), without blanks, to a text.

    Raises:
        IndexError: if an index is a blank.
    """
    return "".join(CHARACTERS[index] for index in indices)


def collapse(path: Iterable[int], blank: int = BLANK) -> list[int]:
    """Collapse a CTC alignment: merge repeated classes, then drop blanks.

    This is the map B of Graves et al., "Connectionist Temporal Classification", ICML 2006, section 3.1.

    Args:
        path: one class index per frame.
        blank: the class that is none; of other classes than these, another one.

    Returns:
        The labels, without blanks.
    """
    return [index for index, _ in groupby(path) if index != blank]


def frames_needed(labels: Sequence[object]) -> int:
    """Count the frames that CTC needs to emit a text, or other labels: one each, and a blank between equal ones."""
    return len(labels) + sum(left == right for left, right in pairwise(labels))
