"""The loss of CTC over any labels: characters, words or pieces of words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

Labels = tuple[int, ...]


@lru_cache(maxsize=256)
def _concatenate(targets: tuple[Labels, ...]) -> tuple[Tensor, Tensor]:
    """Concatenate labels, and list their lengths; cached for the iterations of an attack."""
    return (
        torch.tensor([label for target in targets for label in target], dtype=torch.long),
        torch.tensor([len(target) for target in targets], dtype=torch.long),
    )


def ctc_loss(
    log_probs: Tensor, lengths: Tensor, targets: Sequence[Labels], blank: int, *, on_cpu: bool = True
) -> Tensor:
    """Compute -ln P(labels | audio) of each row in nats, (batch,), on the device of ``log_probs``.

    Graves et al., ICML 2006, equation 8, by torch.nn.functional.ctc_loss; infinite where the labels do not fit.

    Args:
        log_probs: (batch, frames, labels) natural log-probabilities.
        lengths: int64 (batch,), the frames of each row that count.
        targets: labels, one sequence a row.
        blank: the label that is none.
        on_cpu: compute on the CPU even if `log_probs` is elsewhere, because the CUDA kernel is not deterministic.
    """
    device = torch.device("cpu") if on_cpu else log_probs.device
    joined, counts = _concatenate(tuple(targets))
    losses = functional.ctc_loss(
        log_probs.to(device).transpose(0, 1),
        joined.to(device),
        lengths.to(device),
        counts.to(device),
        blank=blank,
        reduction="none",
    )
    return losses.to(log_probs.device)
