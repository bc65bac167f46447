"""The 29 output classes: space, a-z, apostrophe, and the CTC blank (last).

The order is that of Mozilla DeepSpeech's `data/alphabet.txt`, whose blank is the class after the last
character.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby, pairwise

from asrtransfer.files.errors import InputError

CHARACTERS = " abcdefghijklmnopqrstuvwxyz'"
BLANK = len(CHARACTERS)
SIZE = len(CHARACTERS) + 1

_INDEX = {character: index for index, character in enumerate(CHARACTERS)}


def encode(text: str) -> list[int]:
    """Class indices (0..27) of a text; InputError names a character outside the alphabet."""
    try:
        return [_INDEX[character] for character in text]
    except KeyError as error:
        raise InputError(
            f"{text!r} has {error.args[0]!r}, which is not in the alphabet: use only a-z, space and '"
        ) from None


def decode(indices: Iterable[int]) -> str:
    """The text of class indices (0..27); blanks are not allowed here, IndexError if there are any."""
    return "".join(CHARACTERS[index] for index in indices)


def collapse(path: Iterable[int]) -> list[int]:
    """The labels of a CTC alignment (one class index per frame): repeats merged, then blanks dropped.

    This is the map B of Graves et al., "Connectionist Temporal Classification", ICML 2006, section 3.1.
    """
    return [index for index, _ in groupby(path) if index != BLANK]


def frames_needed(text: str) -> int:
    """The fewest frames in which CTC can emit the text: its characters, and blanks between equal ones."""
    return len(text) + sum(left == right for left, right in pairwise(text))
