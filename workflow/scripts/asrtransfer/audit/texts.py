"""Edits between texts, by the table of Wagner and Fischer (1974)."""

from __future__ import annotations

from collections.abc import Sequence


def count_edits(one: Sequence[str], other: Sequence[str]) -> int:
    """Count the substitutions, deletions and insertions that make one sequence of the other."""
    row = list(range(len(other) + 1))
    for place, left in enumerate(one, 1):
        before, row[0] = row[0], place
        for column, right in enumerate(other, 1):
            kept = before + (left != right)
            before, row[column] = row[column], min(kept, row[column] + 1, row[column - 1] + 1)
    return row[-1]


def rate_words(truths: Sequence[str], texts: Sequence[str]) -> float:
    """Compute the word error rate of a corpus: edits over words."""
    pairs = [(truth.split(), text.split()) for truth, text in zip(truths, texts, strict=True)]
    return sum(count_edits(*pair) for pair in pairs) / max(1, sum(len(truth) for truth, _ in pairs))


def rate_characters(truth: str, text: str) -> float:
    """Compute the character error rate of a text."""
    return count_edits(truth, text) / max(1, len(truth))
