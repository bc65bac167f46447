"""How an attack spells its target for a recogniser that writes capitals and full stops, or none."""

from __future__ import annotations

from typing import Literal

from asrtransfer.text.alphabet import encode

Spelling = Literal["sentence", "lower", "upper"]


def spell(text: str, spelling: Spelling) -> str:
    """Spell a text of this project's alphabet.

    Args:
        text: a-z, space and apostrophe.
        spelling: ``sentence`` for "Open the door.", ``lower`` for "open the door", ``upper`` for "OPEN THE DOOR".

    Raises:
        InputError: if a character is outside the alphabet, which the tokenizer may know all the same.
    """
    encode(text)
    match spelling:
        case "sentence":
            return f"{text.capitalize()}." if text else ""
        case "upper":
            return text.upper()
        case "lower":
            return text
