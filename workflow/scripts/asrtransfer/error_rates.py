"""Word and character error rates: Levenshtein edits over the length of the reference.

Texts are compared as they are; nothing is lower-cased or stripped. Words are what spaces separate, so repeated, leading
and trailing spaces do not count as words, while each of them is a character. An empty reference has rate 0 if the
hypothesis is empty too, else the number of edits, as jiwer has it.
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


def wer(reference: str, hypothesis: str) -> float:
    """Word error rate of one utterance, a fraction."""
    return word_errors(reference, hypothesis).rate


def cer(reference: str, hypothesis: str) -> float:
    """Character error rate of one utterance, a fraction."""
    return character_errors(reference, hypothesis).rate


def corpus_wer(references: Sequence[str], hypotheses: Sequence[str]) -> float:
    """Word error rate of a corpus: all edits over all reference words. ValueError if the counts of texts differ."""
    return total(map(word_errors, *_paired(references, hypotheses))).rate


def corpus_cer(references: Sequence[str], hypotheses: Sequence[str]) -> float:
    """Character error rate of a corpus: all edits over all reference characters. ValueError as for corpus_wer."""
    return total(map(character_errors, *_paired(references, hypotheses))).rate


def _paired(references: Sequence[str], hypotheses: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    if len(references) != len(hypotheses):
        raise ValueError(f"{len(references)} references, {len(hypotheses)} hypotheses")
    return references, hypotheses
