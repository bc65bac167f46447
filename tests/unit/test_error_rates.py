"""Error rates against jiwer."""

from __future__ import annotations

import jiwer
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrtransfer.text.error_rates import Errors, cer, character_errors, total, wer, word_errors

SENTENCES = st.lists(st.sampled_from(["a", "an", "door", "the", "then"]), max_size=6).map(" ".join)


@given(st.lists(st.tuples(SENTENCES, SENTENCES), min_size=1, max_size=4))
def test_rates_of_a_corpus_are_jiwers(pairs: list[tuple[str, str]]) -> None:
    references, hypotheses = (list(column) for column in zip(*pairs, strict=True))
    assert wer(references, hypotheses) == pytest.approx(jiwer.wer(references, hypotheses))
    assert cer(references, hypotheses) == pytest.approx(jiwer.cer(references, hypotheses))


@given(SENTENCES, SENTENCES)
def test_rates_of_an_utterance_are_jiwers(reference: str, hypothesis: str) -> None:
    assert wer(reference, hypothesis) == pytest.approx(jiwer.wer(reference, hypothesis))
    assert cer(reference, hypothesis) == pytest.approx(jiwer.cer(reference, hypothesis))


def test_edits_and_lengths() -> None:
    assert word_errors("open the door", "open door now please") == Errors(3, 3)
    assert character_errors("open", "ope n") == Errors(1, 4)
    assert wer("open the door", "open") == pytest.approx(2 / 3)


def test_long_utterances_weigh_more_in_a_corpus() -> None:
    errors = [Errors(1, 1), Errors(0, 9)]
    assert total(errors) == Errors(1, 10)
    assert total(errors).rate == 0.1
    assert total([]).rate == 0.0


def test_spaces_are_characters_but_no_words() -> None:
    assert word_errors(" open  the ", "open the") == Errors(0, 2)
    assert character_errors(" open", "open") == Errors(1, 5)


def test_empty_reference_counts_edits() -> None:
    assert wer("", "") == cer("", "") == 0.0
    assert wer("", "two words") == 2.0


def test_lists_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="2 references, 1 hypotheses"):
        wer(["a", "b"], ["a"])
