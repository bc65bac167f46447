"""How probable a model finds a text: the CTC loss and the confidences K1, K2 and K5 derived from it.

"Confidence > 0.9" is not defined in the published study. The rule here is K1, the probability of the text
given the audio: K1 > 0.9 is a CTC loss below -ln 0.9 = 0.1054 nats. Since the probabilities of all texts sum
to one, a text with K1 > 0.5 is the most probable one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from asrtransfer.text.alphabet import BLANK, encode


@lru_cache(maxsize=256)
def _targets(texts: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """The texts' class indices, one after the other, and lengths; cached for the iterations of an attack."""
    encoded = [encode(text) for text in texts]
    return (
        torch.tensor([index for indices in encoded for index in indices], dtype=torch.long),
        torch.tensor([len(indices) for indices in encoded], dtype=torch.long),
    )


def ctc_loss(log_probs: Tensor, lengths: Tensor, texts: Sequence[str], *, on_cpu: bool = True) -> Tensor:
    """-ln P(text | audio) in nats for each row: the CTC negative log-likelihood, not divided by any length.

    Graves et al., ICML 2006, equation 8, as torch.nn.functional.ctc_loss computes it, in the dtype of
    `log_probs`. The result is on the device of `log_probs` and differentiable down to it. torch's gradient
    holds only through a preceding log_softmax: `log_probs` must be normalised over the classes.

    :param log_probs: (batch, frames, 29) natural log-probabilities, float32 or float64.
    :param lengths: (batch,) int64, the frames of each row that count.
    :param texts: one text per row; InputError for a character outside the alphabet.
    :param on_cpu: compute on the CPU wherever `log_probs` are, because the CUDA kernel is not deterministic.
    :returns: (batch,). Infinite where the text needs more frames than there are (alphabet.frames_needed):
        keep such rows out of a sum to be differentiated, their gradient is not a number.
    """
    if len(texts) != len(log_probs):
        raise ValueError(f"{len(texts)} texts for a batch of {len(log_probs)}")
    if not texts:
        return log_probs.new_zeros(0)
    device = torch.device("cpu") if on_cpu else log_probs.device
    targets, target_lengths = _targets(tuple(texts))
    losses = functional.ctc_loss(
        log_probs.to(device).transpose(0, 1),
        targets.to(device),
        lengths.to(device),
        target_lengths.to(device),
        blank=BLANK,
        reduction="none",
    )
    return losses.to(log_probs.device)


def k1(loss: Tensor) -> Tensor:
    """K1 = P(text | audio), 0..1, from the CTC loss in nats; any shape. Rounding above one is cut off."""
    return torch.exp(-loss).clamp(max=1.0)


def k2(loss: Tensor, texts: Sequence[str]) -> Tensor:
    """K2 = P(text | audio) ** (1 / characters), 0..1: fair to long texts, and lenient (0.9 ** 25 = 0.07).

    `loss` is (batch,), in nats; for the empty text, which has no characters, K2 is K1.
    """
    characters = torch.tensor([max(len(text), 1) for text in texts], dtype=loss.dtype, device=loss.device)
    return torch.exp(-loss / characters).clamp(max=1.0)


def k5(log_probs: Tensor, lengths: Tensor) -> Tensor:
    """K5 = mean over a row's frames of the largest class probability, 0..1; not a number without frames.

    `log_probs` is (batch, frames, 29), `lengths` (batch,) int64; the result is (batch,). Blank frames
    dominate it.
    """
    best = log_probs.amax(dim=-1).exp()
    lengths = lengths.to(log_probs.device)
    counts = torch.arange(best.shape[1], device=best.device) < lengths[:, None]
    return torch.where(counts, best, 0.0).sum(dim=1) / lengths
