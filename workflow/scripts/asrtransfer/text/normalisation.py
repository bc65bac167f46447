"""Texts of any recogniser, in this project's alphabet: a-z, space and apostrophe."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import islice

from asrtransfer.files.errors import InputError
from asrtransfer.text.alphabet import CHARACTERS

_SPOKEN = {"mr": "mister", "mrs": "missus", "ms": "miss", "dr": "doctor", "st": "saint"}
"""Abbreviations, where a full stop follows them, as they are read."""
_SIGNS = {"&": " and ", "%": " percent ", "+": " plus ", "@": " at "}
_APOSTROPHES = dict.fromkeys(map(ord, "\u2018\u2019\u02bc\u0060\u00b4"), "'")
_ABBREVIATION = re.compile(rf"\b({'|'.join(_SPOKEN)})\.")
_NUMBER = re.compile(r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?(?:st|nd|rd|th)?\b|\d+")
_LONG = 5
"""Digits from which a number without separators is read digit by digit."""


def normalise(text: str) -> str:
    """Bring a text to lower case, words for digits and single spaces; what is not in the alphabet is left out.

    Digits are ambiguous, and each is read one way: with a leading zero, or five and more in a row, digit by digit;
    otherwise as a number, without "and". So "911" is "nine hundred eleven", and "007" is "zero zero seven".

    Raises:
        InputError: if a digit has to be read, and the package that does is not installed.
    """
    found = unicodedata.normalize("NFKD", text.lower().translate(_APOSTROPHES))
    found = _ABBREVIATION.sub(lambda match: _SPOKEN[match[1]], found)
    for sign, words in _SIGNS.items():
        found = found.replace(sign, words)
    found = _NUMBER.sub(lambda match: f" {_read_number(match[0])} ", found)
    # A dash parts words; an accent, a full stop and all else vanish.
    found = re.sub(r"[-\u2010-\u2015/_\s]+", " ", found)
    kept = "".join(character for character in found if character in CHARACTERS)
    # An apostrophe alone is a quotation mark.
    return " ".join(word for word in kept.split() if word.strip("'"))


def normalise_all(texts: Iterable[str], most: int) -> list[str]:
    """Normalise texts, and leave out those that are like an earlier one; at most some of them, and one at least."""
    found = list(dict.fromkeys(map(normalise, texts)))
    return found[:most] or [""]


def merge(texts: Sequence[str], scores: Sequence[float], most: int) -> dict[str, float]:
    """Normalise texts with their scores, ln P; of those that become equal the best stands for all.

    Returns:
        By text, its score, at most 0; the best first, at most some of them.
    """
    best: dict[str, float] = {}
    for text, score in sorted(zip(texts, scores, strict=True), key=lambda pair: -pair[1]):
        best.setdefault(normalise(text), min(0.0, float(score)))
    return dict(islice(best.items(), most))


def _read_number(number: str) -> str:
    read, plain = _find_reader(), number.replace(",", "")
    ordinal = plain[-2:] in ("st", "nd", "rd", "th")
    digits = plain[:-2] if ordinal else plain
    spelled = len(digits) >= _LONG or (len(digits) > 1 and digits.startswith("0"))
    if spelled and digits.isdecimal() and plain == number and not ordinal:
        return " ".join(read(int(digit)) for digit in digits)
    value = float(digits) if "." in digits else int(digits)
    words = read(value, to="ordinal" if ordinal else "cardinal")
    return words.replace("-", " ").replace(",", "").replace(" and ", " ")


@cache
def _find_reader() -> Callable[..., str]:
    try:
        from num2words import num2words
    except ImportError:
        raise InputError("digits to words: num2words is not installed; run make install") from None
    found: Callable[..., str] = num2words
    return found
