"""Prefix search compared with an exhaustive list of texts."""

from __future__ import annotations

import math

import pytest
import torch
from posteriors import exhaustive_top, one, random_row, spoken_row
from torch import Tensor

from asrtransfer.ctc.base import log_probabilities
from asrtransfer.ctc.best_path import greedy
from asrtransfer.ctc.flashlight import FlashlightDecoder
from asrtransfer.ctc.prefix_search import _follow, is_most_probable, most_probable
from asrtransfer.text.alphabet import BLANK, SIZE, encode


def of(**classes: float) -> list[float]:
    """Build the probabilities of one frame, given by letter and by `blank`."""
    frame = [1e-12] * SIZE
    for name, value in classes.items():
        frame[BLANK if name == "blank" else encode(name)[0]] = value
    return frame


def row_of(*frames: list[float]) -> Tensor:
    return torch.tensor(frames).log()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("scale", [1.0, 3.0, 6.0])
def test_finds_the_best_of_all_texts_from_any_guess(seed: int, scale: float) -> None:
    row = random_row(6, seed, scale, classes=4)
    first, second = (hypothesis.text for hypothesis in exhaustive_top(row, classes=4)[:2])
    for guess in (first, second, "", "zz", "y'y'"):
        assert most_probable(row, guess) in (first, None)
    assert most_probable(row, second) == first
    assert is_most_probable(row, first)
    assert is_most_probable(row, second) is False


@pytest.mark.parametrize("sharpness", [1.0, 2.0, 4.0, 8.0])
@pytest.mark.parametrize("phrase", ["open the door", "go to evil website", "text mom i need money"])
def test_agrees_with_beam_search_on_speech(phrase: str, sharpness: float) -> None:
    settled = 0
    for seed in range(8):
        row = spoken_row(phrase, seed, sharpness)
        best, second = (hypothesis.text for hypothesis in FlashlightDecoder().top(*one(row))[0][:2])
        assert most_probable(row, greedy(*one(row))[0]) in (best, None)
        assert is_most_probable(row, best) in (True, None)
        assert is_most_probable(row, second) in (False, None)
        settled += is_most_probable(row, best) is True
    assert settled >= (0 if sharpness < 2 else 4)


@pytest.mark.parametrize("text", ["", "a", "aa", "abba", "book shop"])
def test_what_leaves_and_what_ends_along_a_text_is_all_there_is(text: str) -> None:
    row = random_row(9, seed=3, scale=2.0)
    ends, leaving = _follow(row.double().exp().numpy(), [tuple(encode(text)), tuple(encode("some longer text"))])
    letters = len(text) + 1
    assert ends[0, :letters].sum() + leaving[0, :letters].sum() == pytest.approx(1, abs=1e-6)
    exact = log_probabilities(row, [text[:count] for count in range(letters)])
    assert ends[0, :letters] == pytest.approx([math.exp(value) for value in exact], rel=1e-6, abs=1e-300)


def test_equally_probable_texts_settle_nothing() -> None:
    row = row_of(of(a=0.4, b=0.4, blank=0.2))
    assert most_probable(row, "a") is None
    assert is_most_probable(row, "b") is None
    assert is_most_probable(row, "c") is False


def test_a_doubled_letter_is_two_letters_only_with_a_blank_between() -> None:
    row = row_of(of(a=0.9, blank=0.1), of(a=0.45, blank=0.55), of(a=0.9, blank=0.1))
    # a--, aa-, ... compete with a-a: 0.9 x 0.45 plus other alignments of one letter, and 0.9 x 0.55 x 0.9.
    assert most_probable(row, "a") == "a"
    assert is_most_probable(row, "aa") is False
    silent = row_of(of(a=0.9, blank=0.1), of(a=0.2, blank=0.8), of(a=0.9, blank=0.1))
    assert most_probable(silent, "a") == "aa"


def test_gives_up_where_nothing_is_likely() -> None:
    assert most_probable(torch.zeros(60, SIZE).log_softmax(1), "open the door") is None


def test_probabilities_that_add_up_to_more_than_one_are_allowed_for() -> None:
    """From `a` to `ab` diverges 0.55; after eight frames `a` has 0.45 x 1.05 ** 8 = 0.66, and `ab` has more."""
    row = row_of(of(a=1.0), of(b=0.55, blank=0.45), *[of(blank=1.05)] * 8)
    assert most_probable(row, "a") == "ab"
