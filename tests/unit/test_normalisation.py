"""Texts of other recognisers in this project's alphabet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrtransfer.text.alphabet import CHARACTERS
from asrtransfer.text.normalisation import normalise, normalise_all


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (" Open the door.", "open the door"),
        ("OPEN  THE\nDOOR", "open the door"),
        ("Don\u2019t stop!", "don't stop"),
        ("Mr. Brown and Dr. Jones", "mister brown and doctor jones"),
        ("a well-known caf\u00e9", "a well known cafe"),
        ("call 911", "call nine hundred eleven"),
        ("agent 007", "agent zero zero seven"),
        ("it is 21 degrees, or 70%", "it is twenty one degrees or seventy percent"),
        ("the 3rd of 1,250", "the third of one thousand two hundred fifty"),
        ("3.5 miles", "three point five miles"),
        ("90210", "nine zero two one zero"),
        ("salt & pepper", "salt and pepper"),
        ("the dogs' bowl", "the dogs' bowl"),
        ("'", ""),
        ("...", ""),
        ("", ""),
        ("\u4f60\u597d", ""),
        ("9th 10th", "ninth tenth"),
        ("24/7", "twenty four seven"),
    ],
)
def test_texts_are_read_as_people_say_them(raw: str, text: str) -> None:
    assert normalise(raw) == text


@given(st.text(max_size=60))
def test_any_text_ends_in_the_alphabet_and_stays_there(raw: str) -> None:
    found = normalise(raw)
    assert set(found) <= set(CHARACTERS)
    assert found == " ".join(found.split())
    assert normalise(found) == found


def test_equal_texts_are_one() -> None:
    assert normalise_all(["Go!", "go", "no", "NO.", "so"], 2) == ["go", "no"]
    assert normalise_all([], 10) == [""]
    assert normalise_all(["?", "!"], 10) == [""]
