"""The decoder interface, its hypotheses, and the exact score by which every decoder orders them."""

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
"""Hypotheses kept for each row; the published study keeps the ten most likely transcriptions."""

RowTask = Callable[["Decoder", Tensor, Any], Any]
"""Function of a decoder, one row, (frames, 29), and one item that belongs to the row."""


@dataclass(frozen=True)
class Hypothesis:
    """A text and its acoustic score.

    Attributes:
        text: the transcription.
        log_probability: ln P(text | audio) in nats, the sum over all CTC alignments, without any language model.
    """

    text: str
    log_probability: float


class Decoder(ABC):
    """Turn log-probabilities into texts. Rows are independent: batch order and padding change nothing."""

    by_probability: bool = True
    """Whether `top` searches for the most probable texts (True) or for the best texts by another criterion."""

    @abstractmethod
    def top(self, log_probs: Tensor, lengths: Tensor) -> list[list[Hypothesis]]:
        """Decode each row into one to ten different texts, best first, ties in alphabetical order.

        Args:
            log_probs: (batch, frames, 29) natural log-probabilities, on any device.
            lengths: (batch,) int64, valid frames of each row; a row without frames decodes to "".

        Returns:
            One list of hypotheses per row.

        Raises:
            ValueError: if a valid log-probability is NaN.
        """

    def top_of(self, row: Tensor) -> list[Hypothesis]:
        """Decode one row, (frames, 29), all of whose frames are valid; see `top`."""
        return self.top(row[None], torch.tensor([len(row)]))[0]

    def each(self, task: RowTask, rows: Iterable[Tensor], about: Iterable[Any]) -> list[Any]:
        """Call a task with this decoder, each row, and the row's item.

        Args:
            task: the function; a pool sends it to its processes.
            rows: float32 tensors (frames, 29) on the CPU, as `frames` returns them.
            about: one item per row.

        Returns:
            The results, in the order of the rows.
        """
        return [task(self, row, one) for row, one in zip(rows, about, strict=True)]

    def is_top(self, log_probs: Tensor, length: int, text: str) -> bool:
        """Tell whether `text` is the best text of one row, the one that `top` would list first.

        Most cases need no beam search. The probabilities of all texts sum to one, so a text above one half is the
        best. A text less probable than the greedy text is not. A short prefix search settles most other cases.

        Args:
            log_probs: (frames, 29) natural log-probabilities, on any device.
            length: valid frames.
            text: the candidate.

        Raises:
            ValueError: if a valid log-probability is NaN.
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
    """Cut each row to its valid frames.

    Args:
        log_probs: (batch, frames, 29) natural log-probabilities, on any device.
        lengths: (batch,) int64, valid frames of each row.

    Returns:
        One float32 tensor (length, 29) per row, on the CPU.

    Raises:
        ValueError: if a valid log-probability is NaN.
    """
    batch = log_probs.detach().to("cpu", torch.float32)
    rows = [row[:length].contiguous() for row, length in zip(batch, lengths.tolist(), strict=True)]
    for number, row in enumerate(rows):
        if row.isnan().any():
            raise ValueError(f"row {number} of the log-probabilities has NaN values")
    return rows


def log_probabilities(row: Tensor, texts: Sequence[str]) -> list[float]:
    """Compute ln P(text | audio) of each text in nats, in float64, for one row, (frames, 29)."""
    if len(row) == 0:
        return [-math.inf if text else 0.0 for text in texts]
    batch = row.double().expand(len(texts), -1, -1)
    losses = ctc_loss(batch, torch.full((len(texts),), len(row)), texts)
    return [0.0 - loss for loss in losses.tolist()]


def rank_texts(row: Tensor, texts: Iterable[str]) -> list[Hypothesis]:
    """Score texts for one row, (frames, 29), and return the ten most probable without duplicates, as `best` does."""
    different = list(dict.fromkeys(texts))
    scores = log_probabilities(row, different)
    return best(Hypothesis(*pair) for pair in zip(different, scores, strict=True))


def best(hypotheses: Iterable[Hypothesis]) -> list[Hypothesis]:
    """Return the ten most probable hypotheses, best first, ties in alphabetical order."""
    return sorted(hypotheses, key=lambda one: (-one.log_probability, one.text))[:TOP]
