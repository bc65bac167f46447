"""The most probable text, with proof, by prefix search (Graves et al., ICML 2006, section 3.2).

No text is more probable than all texts that begin as it does are together. So the search follows a text letter by
letter, adding up what leaves it at each; what leaves with less than the best text found has needs no second look, and
whatever leaves with more is followed in turn. Where a recogniser is sure of most letters, a dozen texts settle it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asrtransfer.text.alphabet import BLANK, decode, encode

ROUNDING = 1e-9
"""Probabilities whose ratio differs from one by less are called equal, and equal ones settle nothing."""
MOST_FOLLOWED = 128
"""Texts followed before the search gives up: so many take a third of a beam search's time."""
LEAST_PROBABLE = 0.003
"""And it gives up where the first text, and all its beginnings, have less: of 73 such samples of the default study, one
was settled by so many texts."""

Labels = tuple[int, ...]


class Branch(NamedTuple):
    """Texts of one beginning that are more probable together than the best text found; some of them to follow."""

    letters: int
    texts: list[Labels]


def most_probable(row: Tensor, guess: str) -> str | None:
    """The most probable of all texts, or None where that is not settled soon.

    Args:
        row: log-probabilities, (frames, 29), float32 on the CPU.
        guess: where to begin: the more probable, the sooner it ends.
    """
    *_, (best, settled) = _rounds(row, guess)
    return best if settled else None


def is_most_probable(row: Tensor, text: str) -> bool | None:
    """Whether no other text is as probable, or None where that is not settled soon; `row` as above."""
    settled = False
    for best, settled in _rounds(row, text):  # noqa: B007
        if best != text:
            return False
    return True if settled else None


def _rounds(row: Tensor, guess: str) -> Iterator[tuple[str, bool]]:
    """After each round the most probable text known, and whether it is known to be the most probable of all."""
    probabilities = row.double().exp().numpy()
    # A frame's may add up to more than one by rounding, and all that follows a beginning to as much more.
    excess = float(np.maximum(probabilities.sum(axis=1), 1).prod())
    best: Labels = tuple(encode(guess))
    known = {best: 0.0}
    branches = [Branch(0, [best])]
    followed = 0
    while branches:
        texts = [text for branch in branches for text in branch.texts]
        followed += len(texts)
        if followed > MOST_FOLLOWED:
            yield decode(best), False
            return
        ends, leaving = _follow(probabilities, texts)
        for place, text in enumerate(texts):
            known |= {text[:letters]: float(ends[place, letters]) for letters in range(len(text) + 1)}
        best = max(known, key=lambda text: known[text])
        if known[best] < LEAST_PROBABLE:
            yield decode(best), False
            return
        enough = known[best] * (1 - ROUNDING)
        branches = list(_branches(branches, known, leaving * excess, enough))
        alone = sum(probability >= enough for probability in known.values()) == 1
        yield decode(best), alone and not branches


def _branches(
    branches: list[Branch], known: dict[Labels, float], leaving: NDArray[np.float64], enough: float
) -> Iterator[Branch]:
    """What leaves the most probable text of each branch with enough probability."""
    first = 0
    for branch in branches:
        places = range(first, first + len(branch.texts))
        first = places.stop
        place, spine = max(zip(places, branch.texts, strict=True), key=lambda pair: known[pair[1]])
        rows = leaving[place, branch.letters : len(spine) + 1]
        for row, label in np.argwhere(rows >= enough).tolist():
            letters = branch.letters + row
            yield Branch(letters + 1, _continued(spine, letters, label))


def _continued(text: Labels, letters: int, label: int) -> list[Labels]:
    """Likely texts that begin as this one does, but for another letter: one inserted, replaced, or left out."""
    beginning = (*text[:letters], label)
    rests = [text[letters:], text[letters + 1 :]]
    if text[letters + 1 : letters + 2] == (label,):
        rests.append(text[letters + 2 :])
    return [beginning + rest for rest in rests]


def _follow(probabilities: NDArray[np.float64], texts: list[Labels]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What is known of each text after all frames, by the recursion of Graves et al., algorithm 1.

    Args:
        probabilities: of classes, (frames, 29).

    Returns:
        The probability of each of its beginnings as a text, (texts, letters + 1), and of all texts together that
        begin alike and go on with another letter, (texts, letters + 1, 28): 0 for its own next letter. What stands
        after a text's end means nothing.
    """
    longest = max(map(len, texts))
    labels = np.zeros((len(texts), longest), dtype=np.int64)
    for row, text in zip(labels, texts, strict=True):
        row[: len(text)] = text
    emitted = probabilities[:, labels]
    repeated = np.zeros(labels.shape)
    repeated[:, 1:] = labels[:, 1:] == labels[:, :-1]
    # Of alignments that have spelt so many letters: all, and those whose last frame is a letter's.
    all_, letter = np.zeros((2, len(probabilities) + 1, len(texts), longest + 1))
    all_[0, :, 0] = 1
    for frame, classes in enumerate(probabilities):
        arriving = all_[frame, :, :-1] - repeated * letter[frame, :, :-1]
        letter[frame + 1, :, 1:] = (arriving + letter[frame, :, 1:]) * emitted[frame]
        all_[frame + 1] = all_[frame] * classes[BLANK] + letter[frame + 1]
    # PyTorch's product has as many threads as a job is given, NumPy's as the machine has.
    leaving = torch.tensordot(
        torch.from_numpy(all_[:-1]), torch.from_numpy(probabilities[:, :BLANK]), ([0], [0])
    ).numpy()
    # A letter right after itself is no new one.
    same = (letter[:-1, :, 1:] * emitted).sum(axis=0)
    for row, stay, text in zip(leaving, same, texts, strict=True):
        places = np.arange(len(text))
        row[places + 1, text] -= stay[: len(text)]
        row[places, text] = 0
    return all_[-1], leaving
