"""Prefix search (Graves et al., ICML 2006, section 3.2): find the most probable text and prove it.

A text is at most as probable as all texts with the same prefix together. The search follows a text letter by letter and
computes the total probability of the texts that diverge at each letter. It prunes every prefix less probable than the
best text, and follows the other prefixes in turn. If the recogniser is certain of most letters, a dozen texts suffice.
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
"""Probabilities whose ratio differs from one by less count as equal; a tie proves nothing."""
MOST_FOLLOWED = 128
"""Texts followed before the search gives up, after a third of the time of a beam search."""
LEAST_PROBABLE = 0.003
"""The search gives up where the first text and all its prefixes are less probable. Of 73 such samples of the default
study, MOST_FOLLOWED texts settled one."""

Labels = tuple[int, ...]


class Branch(NamedTuple):
    """A prefix whose texts together are more probable than the best text found.

    Attributes:
        letters: length of the prefix.
        texts: likely texts with this prefix, to be followed.
    """

    letters: int
    texts: list[Labels]


def most_probable(row: Tensor, guess: str) -> str | None:
    """Find the most probable of all texts.

    Args:
        row: (frames, 29) natural log-probabilities, float32 on the CPU.
        guess: the first text to follow; the more probable it is, the sooner the search ends.

    Returns:
        The text, or None if the search gave up.
    """
    *_, (best, settled) = _search(row, guess)
    return best if settled else None


def is_most_probable(row: Tensor, text: str) -> bool | None:
    """Tell whether every other text is less probable.

    Args:
        row: (frames, 29) natural log-probabilities, float32 on the CPU.
        text: the candidate.

    Returns:
        The answer, or None if the search gave up.
    """
    settled = False
    for best, settled in _search(row, text):  # noqa: B007
        if best != text:
            return False
    return True if settled else None


def _search(row: Tensor, guess: str) -> Iterator[tuple[str, bool]]:
    """Yield after each round the most probable text known, and whether it is proven to be the most probable of all."""
    probabilities = row.double().exp().numpy()
    # By rounding, the classes of a frame may sum to more than one; the bound of a prefix exceeds one by the product.
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
        exact, diverging = _follow(probabilities, texts)
        for place, text in enumerate(texts):
            known |= {text[:letters]: float(exact[place, letters]) for letters in range(len(text) + 1)}
        best = max(known, key=lambda text: known[text])
        if known[best] < LEAST_PROBABLE:
            yield decode(best), False
            return
        enough = known[best] * (1 - ROUNDING)
        branches = list(_open_branches(branches, known, diverging * excess, enough))
        alone = sum(probability >= enough for probability in known.values()) == 1
        yield decode(best), alone and not branches


def _open_branches(
    branches: list[Branch], known: dict[Labels, float], diverging: NDArray[np.float64], enough: float
) -> Iterator[Branch]:
    """Yield the prefixes that diverge from the most probable text of each branch and are probable enough."""
    first = 0
    for branch in branches:
        places = range(first, first + len(branch.texts))
        first = places.stop
        place, spine = max(zip(places, branch.texts, strict=True), key=lambda pair: known[pair[1]])
        rows = diverging[place, branch.letters : len(spine) + 1]
        for row, label in np.argwhere(rows >= enough).tolist():
            letters = branch.letters + row
            yield Branch(letters + 1, _continue_prefix(spine, letters, label))


def _continue_prefix(text: Labels, letters: int, label: int) -> list[Labels]:
    """Insert, replace or omit a letter after the first `letters` of a text, so that the class `label` follows them."""
    prefix = (*text[:letters], label)
    remainders = [text[letters:], text[letters + 1 :]]
    if text[letters + 1 : letters + 2] == (label,):
        remainders.append(text[letters + 2 :])
    return [prefix + remainder for remainder in remainders]


def _follow(probabilities: NDArray[np.float64], texts: list[Labels]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the probabilities of the prefixes of each text, by the recursion of Graves et al., algorithm 1.

    Args:
        probabilities: (frames, 29) class probabilities.
        texts: class indices, without blanks.

    Returns:
        Exact and diverging probabilities: of each prefix as a whole text, (texts, letters + 1), and of all texts with
        this prefix and another next letter, (texts, letters + 1, 28), 0 for the text's own next letter. Values after
        a text's end are undefined.
    """
    longest = max(map(len, texts))
    labels = np.zeros((len(texts), longest), dtype=np.int64)
    for row, text in zip(labels, texts, strict=True):
        row[: len(text)] = text
    emitted = probabilities[:, labels]
    repeated = np.zeros(labels.shape)
    repeated[:, 1:] = labels[:, 1:] == labels[:, :-1]
    # Forward probabilities by number of emitted letters: of all alignments, and of those whose last frame is no blank.
    all_, letter = np.zeros((2, len(probabilities) + 1, len(texts), longest + 1))
    all_[0, :, 0] = 1
    for frame, classes in enumerate(probabilities):
        arriving = all_[frame, :, :-1] - repeated * letter[frame, :, :-1]
        letter[frame + 1, :, 1:] = (arriving + letter[frame, :, 1:]) * emitted[frame]
        all_[frame + 1] = all_[frame] * classes[BLANK] + letter[frame + 1]
    # PyTorch respects the threads of the job; the product of NumPy would use every core.
    diverging = torch.tensordot(
        torch.from_numpy(all_[:-1]), torch.from_numpy(probabilities[:, :BLANK]), ([0], [0])
    ).numpy()
    # A class that repeats without a blank adds no letter.
    repeats = (letter[:-1, :, 1:] * emitted).sum(axis=0)
    for row, stay, text in zip(diverging, repeats, texts, strict=True):
        places = np.arange(len(text))
        row[places + 1, text] -= stay[: len(text)]
        row[places, text] = 0
    return all_[-1], diverging
