"""Word and character error rates: Levenshtein edits over the length of the reference.

Texts are compared as they are; nothing is lower-cased or stripped. Words are what spaces separate, so
repeated, leading and trailing spaces do not count as words, while each of them is a character. An empty
reference has rate 0 if the hypothesis is empty too, else the number of edits, as jiwer has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein


class Errors(NamedTuple):
    """Edits (substitutions, deletions and insertions, each costing one) and the length of the reference."""

    edits: int
    length: int

    @property
    def rate(self) -> float:
        """Edits per unit of the reference; above 1 where the hypothesis is much longer."""
        return self.edits / max(self.length, 1)


def word_errors(reference: str, hypothesis: str) -> Errors:
    """Word edits from reference to hypothesis, and the words of the reference."""
    words = reference.split()
    return Errors(Levenshtein.distance(words, hypothesis.split()), len(words))


def character_errors(reference: str, hypothesis: str) -> Errors:
    """Character edits from reference to hypothesis, and the characters of the reference, spaces included."""
    return Errors(Levenshtein.distance(reference, hypothesis), len(reference))


def total(errors: Iterable[Errors]) -> Errors:
    """The errors of a corpus: edits and lengths summed, so that long utterances weigh more."""
    pairs = list(errors)
    return Errors(sum(pair.edits for pair in pairs), sum(pair.length for pair in pairs))


def wer(reference: str | Sequence[str], hypothesis: str | Sequence[str]) -> float:
    """Word error rate, a fraction: of one utterance, or of a corpus given as two lists of equal length.

    A corpus' rate is the sum of its edits over the sum of its words. ValueError for lists of different
    lengths.
    """
    return total(map(word_errors, *_paired(reference, hypothesis))).rate


def cer(reference: str | Sequence[str], hypothesis: str | Sequence[str]) -> float:
    """Character error rate, a fraction; arguments, corpus rate and errors as for `wer`."""
    return total(map(character_errors, *_paired(reference, hypothesis))).rate


def _paired(reference: str | Sequence[str], hypothesis: str | Sequence[str]) -> tuple[list[str], list[str]]:
    references = [reference] if isinstance(reference, str) else list(reference)
    hypotheses = [hypothesis] if isinstance(hypothesis, str) else list(hypothesis)
    if len(references) != len(hypotheses):
        raise ValueError(f"{len(references)} references, {len(hypotheses)} hypotheses")
    return references, hypotheses
