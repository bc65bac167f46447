"""What a decoder gives, the exact score every decoder's list is ordered by, and the base of all decoders."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from asrtransfer.ctc.best_path import greedy
from asrtransfer.ctc.confidence import ctc_loss
from asrtransfer.ctc.prefix_search import is_most_probable

TOP = 10
"""The published study keeps the ten most likely transcriptions."""


RowTask = Callable[["Decoder", Tensor, Any], Any]
"""What is done with a decoder, a row, and something about it."""


@dataclass(frozen=True)
class Hypothesis:
    """A text and ln P(text | audio), in nats: the sum over all CTC alignments, without any language model."""

    text: str
    log_probability: float


class Decoder(ABC):
    """Turns log-probabilities into texts, each row on its own: batch order and padding do not matter."""

    by_probability: bool = True
    """Whether `top` looks for the most probable texts, or for the best by another criterion."""

    @abstractmethod
    def top(self, log_probs: Tensor, lengths: Tensor) -> list[list[Hypothesis]]:
        """For each row one to ten different texts, best first, equally good ones in alphabetical order.

        :param log_probs: (batch, frames, 29) natural log-probabilities, on any device.
        :param lengths: (batch,) int64, the frames of each row that count; of none the only text is "".
        :raises ValueError: if a log-probability that counts is not a number.
        """

    def top_of(self, row: Tensor) -> list[Hypothesis]:
        """What `top` gives for one row, (frames, 29), all of which counts."""
        return self.top(row[None], torch.tensor([len(row)]))[0]

    def each(self, task: RowTask, rows: Iterable[Tensor], about: Iterable[Any]) -> list[Any]:
        """What a task makes of this decoder, each row of `frames`, and something about it."""
        return [task(self, row, one) for row, one in zip(rows, about, strict=True)]

    def is_top(self, log_probs: Tensor, length: int, text: str) -> bool:
        """Whether `text` is the best text of one row, (frames, 29): what `top` would list first.

        Most cases need no beam search: the probabilities of all texts sum to one, so that a text above one half is
        the best, a text less probable than the greedy one is not, and others are known after a few more.
        """
        (row,) = frames(log_probs[None], torch.tensor([length]))
        if self.by_probability:
            (rival,) = greedy(row[None], torch.tensor([length]))
            probability, best = log_probabilities(row, [text, rival])
            if probability > math.log(0.5):
                return True
            if probability < best:
                return False
            known = is_most_probable(row, text)
            if known is not None:
                return known
        return self.top_of(row)[0].text == text


def frames(log_probs: Tensor, lengths: Tensor) -> list[Tensor]:
    """The frames of each row that count, (length, 29) float32 on the CPU; ValueError for not-a-number."""
    batch = log_probs.detach().to("cpu", torch.float32)
    rows = [row[:length].contiguous() for row, length in zip(batch, lengths.tolist(), strict=True)]
    for number, row in enumerate(rows):
        if row.isnan().any():
            raise ValueError(f"row {number} of the log-probabilities has values that are not numbers")
    return rows


def log_probabilities(row: Tensor, texts: Sequence[str]) -> list[float]:
    """ln P(text | audio) of each text, in nats, computed in float64, for one row, (frames, 29)."""
    if len(row) == 0:
        return [-math.inf if text else 0.0 for text in texts]
    batch = row.double().expand(len(texts), -1, -1)
    losses = ctc_loss(batch, torch.full((len(texts),), len(row)), texts)
    return [0.0 - loss for loss in losses.tolist()]


def ranked(row: Tensor, texts: Iterable[str]) -> list[Hypothesis]:
    """The ten most probable of the texts, repeated ones once, in the order of `best`."""
    different = list(dict.fromkeys(texts))
    scores = log_probabilities(row, different)
    return best(Hypothesis(*pair) for pair in zip(different, scores, strict=True))


def best(hypotheses: Iterable[Hypothesis]) -> list[Hypothesis]:
    """The ten most probable hypotheses, best first, equal ones in alphabetical order."""
    return sorted(hypotheses, key=lambda one: (-one.log_probability, one.text))[:TOP]
