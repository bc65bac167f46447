"""The 29 classes and the CTC map."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrtransfer.files.errors import InputError
from asrtransfer.text.alphabet import BLANK, CHARACTERS, SIZE, collapse, decode, encode, frames_needed

TEXTS = st.text(CHARACTERS, max_size=12)


def test_order_is_deepspeechs() -> None:
    assert (SIZE, BLANK) == (29, 28)
    assert encode(" az'") == [0, 1, 26, 27]


@given(TEXTS)
def test_decode_inverts_encode(text: str) -> None:
    assert decode(encode(text)) == text


@pytest.mark.parametrize("text", ["Open", "naïve", "a\tb", "1"])
def test_other_characters_are_named(text: str) -> None:
    stranger = next(character for character in text if character not in CHARACTERS)
    with pytest.raises(InputError, match="a-z") as caught:
        encode(text)
    assert repr(stranger) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_blanks_have_no_character() -> None:
    with pytest.raises(IndexError):
        decode([1, BLANK])


def test_collapse_merges_repeats_before_it_drops_blanks() -> None:
    assert collapse([BLANK, 1, 1, BLANK, 1, 2, 2, BLANK, BLANK]) == [1, 1, 2]
    assert collapse([]) == []


@given(TEXTS.filter(lambda text: len(text) <= 3))
def test_frames_needed_is_the_shortest_alignment(text: str) -> None:
    classes = [*sorted(set(encode(text))), BLANK]
    shortest = next(
        frames
        for frames in itertools.count()
        if any(collapse(path) == encode(text) for path in itertools.product(classes, repeat=frames))
    )
    assert frames_needed(text) == shortest
