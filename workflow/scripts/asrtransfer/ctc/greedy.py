"""The greedy decoder: the text of the most probable alignment, which need not be the most probable text."""

from __future__ import annotations

from torch import Tensor

from asrtransfer.ctc.base import Decoder, Hypothesis, frames, rank_texts
from asrtransfer.ctc.best_path import greedy


class GreedyDecoder(Decoder):
    """Lists one text for each row: that of its most probable alignment."""

    by_probability = False

    def top(self, log_probs: Tensor, lengths: Tensor) -> list[list[Hypothesis]]:
        """See `Decoder.top`; each list has one hypothesis."""
        rows = frames(log_probs, lengths)
        return [rank_texts(row, [text]) for row, text in zip(rows, greedy(log_probs, lengths), strict=True)]


DECODER = GreedyDecoder
