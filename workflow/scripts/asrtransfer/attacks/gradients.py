"""Gradients of utterances of different lengths in one batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def divide_by_mean(gradients: Tensor, lengths: Sequence[int]) -> Tensor:
    """Divide each utterance's gradient by its mean magnitude.

    The mean is over an utterance's own samples: one over the zeros behind them would depend on how far a batch pads.

    Args:
        gradients: float32 (..., batch, samples), zero after each utterance's end.
        lengths: of the utterances, in samples.

    Returns:
        As ``gradients``.
    """
    divided = torch.zeros_like(gradients)
    for row, length in enumerate(lengths):
        own = gradients[..., row, :length]
        size = own.abs().mean(dim=-1, keepdim=True).clamp(min=torch.finfo(own.dtype).tiny)
        divided[..., row, :length] = own / size
    return divided
