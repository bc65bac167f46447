"""The margin by which a target's own path through the frames beats every other class, as an attack lowers it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from asrtransfer.ctc.best_path import says
from asrtransfer.ctc.confidence import ctc_loss
from asrtransfer.recognisers.base import Aim, Frames
from asrtransfer.text.alphabet import BLANK, encode


def aim_at_margin(
    surrogate: Frames, audio: Tensor, lengths: Tensor, texts: Sequence[str], margin: float
) -> tuple[Aim, Tensor]:
    """Tell how far audio is from being heard as texts, and what is missing of a margin at each frame.

    Source: the second loss of Carlini and Wagner, "Audio Adversarial Examples" (2018), section III.D: at each frame of
    an alignment the largest value of another class minus that of the aligned one, where it is above zero. Here zero is
    minus a margin, as their loss for images has it; values are log-probabilities; the alignment is the most probable
    path of the text at present; and all frames count alike. The CTC loss hardly changes once K1 is near one; the
    margin does.

    Args:
        surrogate: a CTC model.
        audio: as in :meth:`asrtransfer.recognisers.base.Surrogate.aim`.
        lengths: int64 (batch,), in samples.
        texts: one a row; each can be heard in as many frames as its row has.
        margin: in nats.

    Returns:
        The aim, whose loss is the CTC loss, without a graph; and float32 (batch,), in nats, with its graph: zero where
        every frame has its margin.
    """
    log_probs, counts = surrogate.log_probs(audio, lengths)
    found = log_probs.detach()
    paths = align(found, counts, texts)
    own = log_probs.gather(2, paths[:, :, None])[:, :, 0]
    others = log_probs.scatter(2, paths[:, :, None], -torch.inf).amax(dim=2)
    inside = torch.arange(log_probs.shape[1], device=counts.device) < counts[:, None]
    missing = torch.where(inside, (others - own + margin).clamp(min=0), torch.zeros(()).to(own))
    aim = Aim(ctc_loss(found, counts, texts), lambda: says(found, counts, texts))
    # Row by row: a sum over zeros behind the frames would depend on how far the batch pads.
    return aim, torch.stack([row[:count].sum() for row, count in zip(missing, counts.tolist(), strict=True)])


def align(log_probs: Tensor, counts: Tensor, texts: Sequence[str]) -> Tensor:
    """Find the most probable path of each text through the frames.

    Args:
        log_probs: float32 (batch, frames, 29).
        counts: int64 (batch,), the frames of each row that count.
        texts: one a row.

    Returns:
        Int64 (batch, frames), the class of each frame; blank after the frames that count.
    """
    from torchaudio.functional import forced_align

    paths = torch.full(log_probs.shape[:2], BLANK, dtype=torch.int64)
    for row, (found, count, text) in enumerate(zip(log_probs.cpu(), counts.tolist(), texts, strict=True)):
        target = torch.tensor([encode(text)], dtype=torch.int32)
        paths[row, :count] = forced_align(found[None, :count].contiguous(), target, blank=BLANK)[0][0]
    return paths.to(log_probs.device)
