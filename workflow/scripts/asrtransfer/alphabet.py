"""The 29 output classes: space, a-z, apostrophe, and the CTC blank (last)."""

from __future__ import annotations

from collections.abc import Iterable

from asrtransfer.errors import InputError

CHARACTERS = " abcdefghijklmnopqrstuvwxyz'"
BLANK = len(CHARACTERS)
SIZE = len(CHARACTERS) + 1

_INDEX = {character: index for index, character in enumerate(CHARACTERS)}


def encode(text: str) -> list[int]:
    """Class indices (0..27) of a text; InputError names a character outside the alphabet."""
    try:
        return [_INDEX[character] for character in text]
    except KeyError as error:
        raise InputError(f"{text!r} has {error.args[0]!r}, which is not in the alphabet a-z, space, '") from None


def decode(indices: Iterable[int]) -> str:
    """The text of class indices (0..27); blanks are not allowed here, IndexError if there are any."""
    return "".join(CHARACTERS[index] for index in indices)
