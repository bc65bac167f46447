"""The CTC loss of a text, and the confidences K1, K2 and K5.

The published study does not define its "confidence > 0.9". This workflow uses K1, the probability of the text given
the audio: K1 > 0.9 means a CTC loss below -ln 0.9 = 0.1054 nats. The probabilities of all texts sum to one, so a text
with K1 > 0.5 is the most probable one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from asrtransfer.ctc import labels
from asrtransfer.text.alphabet import BLANK, encode


@lru_cache(maxsize=256)
def _encode(texts: tuple[str, ...]) -> tuple[labels.Labels, ...]:
    """Encode texts; cached for the iterations of an attack."""
    return tuple(tuple(encode(text)) for text in texts)


def ctc_loss(log_probs: Tensor, lengths: Tensor, texts: Sequence[str], *, on_cpu: bool = True) -> Tensor:
    """Compute -ln P(text | audio) for each row: the CTC negative log-likelihood, not divided by any length.

    Graves et al., ICML 2006, equation 8, by torch.nn.functional.ctc_loss, in the dtype of `log_probs`. The result is
    differentiable with respect to `log_probs`. The gradient of PyTorch is correct only through a preceding
    log_softmax: `log_probs` must be normalised over the classes.

    Args:
        log_probs: (batch, frames, 29) natural log-probabilities, float32 or float64.
        lengths: (batch,) int64, valid frames of each row.
        texts: one text per row.
        on_cpu: compute on the CPU even if `log_probs` is elsewhere, because the CUDA kernel is not deterministic.

    Returns:
        (batch,) losses in nats, on the device of `log_probs`. The loss is infinite, and its gradient NaN, where the
        text needs more frames than the row has (`alphabet.frames_needed`); exclude such rows before differentiating.

    Raises:
        InputError: if a text has a character outside the alphabet.
        ValueError: if the number of texts is not the batch size.
    """
    if len(texts) != len(log_probs):
        raise ValueError(f"{len(texts)} texts for a batch of {len(log_probs)}")
    if not texts:
        return log_probs.new_zeros(0)
    return labels.ctc_loss(log_probs, lengths, _encode(tuple(texts)), BLANK, on_cpu=on_cpu)


def k1(loss: Tensor) -> Tensor:
    """Compute K1 = P(text | audio), 0..1, from CTC losses in nats of any shape. Rounding above one is clipped."""
    return torch.exp(-loss).clamp(max=1.0)


def k2(loss: Tensor, texts: Sequence[str]) -> Tensor:
    """Compute K2 = P(text | audio) ** (1 / characters), 0..1.

    K2 does not penalise long texts, and it is lenient: K2 = 0.9 for 25 characters is K1 = 0.9 ** 25 = 0.07.

    Args:
        loss: (batch,) CTC losses in nats.
        texts: one text per row; K2 of the empty text is its K1.
    """
    characters = torch.tensor([max(len(text), 1) for text in texts], dtype=loss.dtype, device=loss.device)
    return torch.exp(-loss / characters).clamp(max=1.0)


def k5(log_probs: Tensor, lengths: Tensor) -> Tensor:
    """Compute K5, the mean over a row's frames of the largest class probability, 0..1.

    Blank frames dominate K5.

    Args:
        log_probs: (batch, frames, 29) natural log-probabilities.
        lengths: (batch,) int64, valid frames of each row.

    Returns:
        (batch,), NaN for a row without frames.
    """
    best = log_probs.amax(dim=-1).exp()
    lengths = lengths.to(log_probs.device)
    valid = torch.arange(best.shape[1], device=best.device) < lengths[:, None]
    return torch.where(valid, best, 0.0).sum(dim=1) / lengths
