"""CTC over any labels, such as words or pieces of words: alignments, the frames that they take, and the loss."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise

import torch
from torch import Tensor
from torch.nn import functional

Labels = tuple[int, ...]


def collapse(path: Iterable[int], blank: int) -> Labels:
    """Collapse a CTC alignment: merge repeated labels, then drop blanks."""
    return tuple(label for label, _ in groupby(path) if label != blank)


def count_frames(labels: Sequence[int]) -> int:
    """Count the frames that CTC needs to emit labels: one each, and a blank between equal neighbours."""
    return len(labels) + sum(left == right for left, right in pairwise(labels))


def ctc_loss(log_probs: Tensor, lengths: Tensor, targets: Sequence[Sequence[int]], blank: int) -> Tensor:
    """Compute -ln P(labels | audio) of each row in nats, (batch,), on the device of ``log_probs``.

    Graves et al., ICML 2006, equation 8, by torch.nn.functional.ctc_loss; infinite where the labels do not fit.

    Args:
        log_probs: (batch, frames, labels) natural log-probabilities.
        lengths: int64 (batch,), the frames of each row that count.
        targets: labels, one sequence a row.
        blank: the label that is none.
    """
    # On the CPU: the kernel of CUDA is not deterministic.
    losses = functional.ctc_loss(
        log_probs.cpu().transpose(0, 1),
        torch.tensor([label for target in targets for label in target], dtype=torch.long),
        lengths.cpu(),
        torch.tensor([len(target) for target in targets]),
        blank=blank,
        reduction="none",
    )
    return losses.to(log_probs.device)
