"""What the ten most probable texts are known to be without a search for them.

Most samples are nowhere near their target on another model. Ten texts that are each more probable than the target
prove that it is not among the ten most probable, and cheap ones do: those that the best alignment and its cheapest
changes of one frame spell. An alignment is one of those that add up to its text's probability (Graves et al., ICML
2006, equation 3), so that it bounds it from below. The best text itself is found by prefix search.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from asrtransfer.ctc.base import TOP, Hypothesis, log_probabilities
from asrtransfer.ctc.best_path import spelt
from asrtransfer.ctc.prefix_search import is_most_probable, most_probable

MARGIN = 0.5
"""Nats by which a proof must hold: a hundred times what float32 loses over a loss of some hundred frames."""
CHANGES = 32
"""Changes of one frame that are looked at. Of a frame's, three at most spell no new text: the blank and the two
neighbours; so they are ten texts, or near it."""


def proven(row: Tensor, phrase: str, loss: float, *, with_best: bool) -> list[Hypothesis] | None:
    """The part of the ten most probable texts that settles where a phrase stands among them.

    Args:
        row: log-probabilities, (frames, 29), float32 on the CPU.
        phrase: the text in question.
        loss: its CTC loss in nats.
        with_best: whether the most probable text must be known as well.

    Returns:
        The best text, where the phrase is that or not among the ten; no text, if all that is known, and asked for, is
        that the phrase is not among the ten; None, if it takes a beam search.
    """
    if len(row) == 0:
        return None
    if -loss > math.log(0.5) + MARGIN / 100:
        return [Hypothesis(phrase, *log_probabilities(row, [phrase]))]
    scores = row.numpy().astype(np.float64)
    if is_out_of_reach(scores, loss):
        if not with_best:
            return []
        best = most_probable(row, spelt(scores.argmax(axis=1)))
    else:
        best = phrase if is_most_probable(row, phrase) else None
    return None if best is None else [Hypothesis(best, *log_probabilities(row, [best]))]


def is_out_of_reach(scores: NDArray[np.float64], loss: float) -> bool:
    """Whether ten texts are each more probable than one of this CTC loss: true only where that is proven.

    Args:
        scores: log-probabilities, (frames, 29).
        loss: in nats.
    """
    path = scores.argmax(axis=1)
    largest = scores[np.arange(len(path)), path]
    costs = largest[:, None] - scores
    # No change at all is the best alignment itself.
    costs[np.arange(len(path)), path] = math.inf
    affordable = largest.sum() + loss - MARGIN
    if affordable < 0:
        return False
    flat = costs.ravel()
    cheapest = np.argpartition(flat, min(CHANGES, flat.size) - 1)[:CHANGES]
    found = {spelt(path)}
    for place in cheapest[flat[cheapest] <= affordable]:
        frame, label = divmod(int(place), scores.shape[1])
        changed = path.copy()
        changed[frame] = label
        found.add(spelt(changed))
        if len(found) == TOP:
            return True
    return False
