"""When an attack has succeeded: every surrogate hears the target in the audio as stored."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asrtransfer.attacks.method import FULL_SCALE
from asrtransfer.ctc import confidence, decoding
from asrtransfer.recognisers.base import Aim, Frames, Recogniser, Surrogate

# The loop's pass differs from one over the stored audio by noise and rounding. A high-confidence candidate may miss the
# threshold's loss by this factor there and is still worth a second pass.
CANDIDATE_SLACK = 1.25


@dataclass(frozen=True)
class Proof:
    """What surrogates say of stored audio that reached its target; see :class:`asrtransfer.attacks.task.Sample`."""

    loss: float
    k5: float | None


def find_candidates(aim: Aim, threshold: float | None) -> list[int]:
    """Find the rows that are worth a second pass, going by the pass just made."""
    limit = math.inf if threshold is None else -math.log(threshold) * CANDIDATE_SLACK
    near = (aim.loss.detach() <= limit).tolist()
    if not any(near):
        return []
    return [row for row, says in enumerate(aim.says()) if near[row] and says]


@torch.no_grad()
def prove(
    surrogates: Sequence[Surrogate],
    stored: Tensor,
    lengths: Tensor,
    texts: Sequence[str],
    threshold: float | None,
    judge: Recogniser | None = None,
) -> list[Proof | None]:
    """Hear stored audio with every surrogate, and tell which rows reach their target.

    Args:
        stored: float32 (batch, samples), whole numbers, as a 16-bit file holds them.
        lengths: int64 (batch,), in samples.
        texts: one a row.
        threshold: K1 that every surrogate must exceed, or None: the target need only be its top transcription.
        judge: whose top transcription the target must be, too.

    Returns:
        For each row its proof, or None.
    """
    each = [
        _prove_frames(surrogate, stored, lengths, texts, threshold)
        if isinstance(surrogate, Frames)
        else _prove_other(surrogate, stored, lengths, texts, threshold)
        for surrogate in surrogates
    ]
    found = [_join(proofs) for proofs in zip(*each, strict=True)]
    rows = [row for row, proof in enumerate(found) if proof is not None]
    if judge is not None and rows:
        refused = _find_unheard(judge, stored, lengths, texts, rows)
        found = [None if row in refused else proof for row, proof in enumerate(found)]
    return found


def _find_unheard(
    judge: Recogniser, stored: Tensor, lengths: Tensor, texts: Sequence[str], rows: list[int]
) -> set[int]:
    """The rows, of some, that a judge does not hear as their target."""
    if isinstance(judge, Frames):
        log_probs, counts = judge.log_probs(stored[rows], lengths[rows])
        return {
            row
            for place, row in enumerate(rows)
            if not decoding.is_top(log_probs[place], int(counts[place]), texts[row])
        }
    heard = judge.hear([as_int16(stored[row], int(lengths[row])) for row in rows])
    return {row for row, one in zip(rows, heard, strict=True) if one.texts[0] != texts[row]}


def _join(proofs: Sequence[Proof | None]) -> Proof | None:
    """The worst of the proofs of all surrogates, or None where one has none."""
    found = [proof for proof in proofs if proof is not None]
    if len(found) < len(proofs):
        return None
    peaks = [proof.k5 for proof in found if proof.k5 is not None]
    return Proof(max(proof.loss for proof in found), min(peaks) if len(peaks) == len(found) else None)


def _prove_frames(
    surrogate: Frames, stored: Tensor, lengths: Tensor, texts: Sequence[str], threshold: float | None
) -> list[Proof | None]:
    log_probs, counts = surrogate.log_probs(stored, lengths)
    losses = confidence.ctc_loss(log_probs, counts, texts).tolist()
    peaks = confidence.k5(log_probs, counts).tolist()
    return [
        Proof(loss, peaks[row])
        if exceeds(loss, threshold) and decoding.is_top(log_probs[row], int(counts[row]), texts[row])
        else None
        for row, loss in enumerate(losses)
    ]


def _prove_other(
    surrogate: Surrogate, stored: Tensor, lengths: Tensor, texts: Sequence[str], threshold: float | None
) -> list[Proof | None]:
    losses = surrogate.aim(stored, lengths, texts).loss.tolist()
    heard = surrogate.hear([as_int16(row, int(length)) for row, length in zip(stored, lengths, strict=True)])
    return [
        Proof(loss, None) if exceeds(loss, threshold) and one.texts[0] == text else None
        for loss, one, text in zip(losses, heard, texts, strict=True)
    ]


def exceeds(loss: float, threshold: float | None) -> bool:
    """Whether K1 = exp(-loss) exceeds a threshold, if there is one."""
    return threshold is None or math.exp(-loss) > threshold


def as_int16(row: Tensor, length: int) -> NDArray[np.int16]:
    """One row of stored audio as int16 (length,)."""
    samples: NDArray[np.int16] = row[:length].to("cpu", torch.int16).numpy().copy()
    return samples


def as_stored(audio: Tensor, perturbation: Tensor, bounds: Tensor) -> Tensor:
    """Adversarial audio as a 16-bit file holds it.

    Rounding never takes a perturbation over its bound.

    Args:
        audio: float32 (batch, samples), whole numbers.
        perturbation: float32 (batch, samples).
        bounds: float32 (batch,), 16-bit units.

    Returns:
        float32 (batch, samples), whole numbers from -32768 to 32767.
    """
    whole = bounds.floor()[:, None]
    rounded = torch.clamp(perturbation.round(), -whole, whole)
    return (audio + rounded).clamp(-FULL_SCALE, FULL_SCALE - 1)
