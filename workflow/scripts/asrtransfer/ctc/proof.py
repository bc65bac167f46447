"""Proofs about the ten most probable texts that replace a beam search.

On a remote, most samples are far from their target. Ten texts that are each more probable than the target prove that it
is not among the ten most probable. Cheap texts suffice: the text of the best alignment, and those of its cheapest
changes of one frame. The probability of a text is the sum over its alignments (Graves et al., ICML 2006, equation 3),
so each alignment is a lower bound. Prefix search finds the best text.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from asrtransfer.ctc.base import TOP, Hypothesis, log_probabilities
from asrtransfer.ctc.best_path import collapse_path
from asrtransfer.ctc.prefix_search import is_most_probable, most_probable

MARGIN = 0.5
"""Nats by which a bound must hold: a hundred times the rounding error of a float32 loss over some hundred frames."""
CHANGES = 32
"""Changes of one frame that are tried. At most three changes of a frame give no new text (blank, both neighbours), so
32 changes usually give ten texts."""


def prove_rank(row: Tensor, phrase: str, loss: float, *, with_best: bool) -> list[Hypothesis] | None:
    """Prove the rank of a phrase among the ten most probable texts, if that is possible without a beam search.

    Args:
        row: (frames, 29) natural log-probabilities, float32 on the CPU.
        phrase: the text to rank.
        loss: CTC loss of the phrase in nats.
        with_best: whether the most probable text is needed as well.

    Returns:
        One hypothesis, the most probable text, if it is the phrase or the phrase is not among the ten. An empty list
        if the phrase is not among the ten and `with_best` is false. None if a beam search is necessary.
    """
    if len(row) == 0:
        return None
    if -loss > math.log(0.5) + MARGIN / 100:
        return [Hypothesis(phrase, *log_probabilities(row, [phrase]))]
    scores = row.numpy().astype(np.float64)
    if is_out_of_reach(scores, loss):
        if not with_best:
            return []
        best = most_probable(row, collapse_path(scores.argmax(axis=1)))
    else:
        best = phrase if is_most_probable(row, phrase) else None
    return None if best is None else [Hypothesis(best, *log_probabilities(row, [best]))]


def is_out_of_reach(scores: NDArray[np.float64], loss: float) -> bool:
    """Tell whether ten texts are proven to be more probable than a text with the given CTC loss.

    Args:
        scores: (frames, 29) natural log-probabilities, float64.
        loss: in nats.

    Returns:
        True if proven; False if not, which does not mean that the text is among the ten.
    """
    path = scores.argmax(axis=1)
    largest = scores[np.arange(len(path)), path]
    costs = largest[:, None] - scores
    # Exclude the best class of each frame, which changes nothing.
    costs[np.arange(len(path)), path] = math.inf
    affordable = largest.sum() + loss - MARGIN
    if affordable < 0:
        return False
    flat = costs.ravel()
    cheapest = np.argpartition(flat, min(CHANGES, flat.size) - 1)[:CHANGES]
    found = {collapse_path(path)}
    for place in cheapest[flat[cheapest] <= affordable]:
        frame, label = divmod(int(place), scores.shape[1])
        changed = path.copy()
        changed[frame] = label
        found.add(collapse_path(changed))
        if len(found) == TOP:
            return True
    return False
