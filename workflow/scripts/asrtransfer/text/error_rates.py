"""Word and character error rates: Levenshtein edits divided by the length of the reference.

Texts are compared without normalisation. Spaces separate words, so repeated, leading and trailing spaces do not change
WER, but each of them is a character of CER. With an empty reference the rate is the number of edits, as in jiwer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein


class Errors(NamedTuple):
    """Edits of one utterance, or of a corpus.

    Attributes:
        edits: substitutions, deletions and insertions, each of cost one.
        length: words or characters of the reference.
    """

    edits: int
    length: int

    @property
    def rate(self) -> float:
        """Edits per unit of the reference, a fraction; above 1 if the hypothesis is much longer."""
        return self.edits / max(self.length, 1)


def word_errors(reference: str, hypothesis: str) -> Errors:
    """Count word edits from reference to hypothesis, and the words of the reference."""
    words = reference.split()
    return Errors(Levenshtein.distance(words, hypothesis.split()), len(words))


def character_errors(reference: str, hypothesis: str) -> Errors:
    """Count character edits from reference to hypothesis, and the characters of the reference, including spaces."""
    return Errors(Levenshtein.distance(reference, hypothesis), len(reference))


def total(errors: Iterable[Errors]) -> Errors:
    """Sum edits and lengths over the utterances of a corpus; long utterances weigh more."""
    pairs = list(errors)
    return Errors(sum(pair.edits for pair in pairs), sum(pair.length for pair in pairs))


def wer(reference: str | Sequence[str], hypothesis: str | Sequence[str]) -> float:
    """Compute the word error rate, a fraction, of one utterance or of a corpus.

    The rate of a corpus is the sum of its edits divided by the sum of its words.

    Args:
        reference: a text, or one text per utterance.
        hypothesis: a text, or one text per utterance.

    Raises:
        ValueError: if the numbers of references and hypotheses differ.
    """
    return total(map(word_errors, *_pair(reference, hypothesis))).rate


def cer(reference: str | Sequence[str], hypothesis: str | Sequence[str]) -> float:
    """Compute the character error rate, a fraction; arguments, corpus rate and errors as for `wer`."""
    return total(map(character_errors, *_pair(reference, hypothesis))).rate


def _pair(reference: str | Sequence[str], hypothesis: str | Sequence[str]) -> tuple[list[str], list[str]]:
    references = [reference] if isinstance(reference, str) else list(reference)
    hypotheses = [hypothesis] if isinstance(hypothesis, str) else list(hypothesis)
    if len(references) != len(hypotheses):
        raise ValueError(f"{len(references)} references, {len(hypotheses)} hypotheses")
    return references, hypotheses
