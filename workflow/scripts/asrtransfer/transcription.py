"""What a recogniser hears: the ten most likely texts, and how likely a given one is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from asrtransfer import compute, confidence, decoding
from asrtransfer.best_path import greedy
from asrtransfer.model import DeepSpeech
from asrtransfer.speech import pad


@dataclass(frozen=True)
class Hearing:
    """One utterance as one model hears it.

    Attributes:
        greedy: text of the best path.
        texts: at most ten, the most likely first.
        log_probabilities: of the texts, natural.
        ctc_loss: of the phrase asked about, in nats; None if none was, infinite if it does not fit.
    """

    greedy: str
    texts: list[str]
    log_probabilities: list[float]
    ctc_loss: float | None


@torch.no_grad()
def hear(
    model: DeepSpeech,
    decoder: decoding.Decoder,
    utterances: Sequence[NDArray[np.int16]],
    phrases: Sequence[str | None] | None = None,
    *,
    batch: int = 32,
) -> list[Hearing]:
    """Transcribe utterances, in the order given; those of similar length run as one batch.

    Args:
        phrases: for each utterance a text whose CTC loss is wanted, or None.
    """
    device = model.dense1.weight.device
    wanted = list(phrases) if phrases is not None else [None] * len(utterances)
    heard: dict[int, Hearing] = {}
    by_length = sorted(range(len(utterances)), key=lambda index: (len(utterances[index]), index))

    def work(part: range) -> None:
        indices = by_length[part.start : part.stop]
        audio, lengths = pad([utterances[index] for index in indices])
        log_probs, counts = model(audio.to(device), lengths.to(device))
        log_probs, counts = log_probs.cpu(), counts.cpu()
        texts = greedy(log_probs, counts)
        tops = decoder.top(log_probs, counts)
        losses = confidence.ctc_loss(log_probs, counts, [wanted[index] or "" for index in indices])
        for row, index in enumerate(indices):
            heard[index] = Hearing(
                texts[row],
                [hypothesis.text for hypothesis in tops[row]],
                [hypothesis.log_probability for hypothesis in tops[row]],
                None if wanted[index] is None else float(losses[row]),
            )

    compute.in_batches(len(utterances), batch, work)
    return [heard[index] for index in range(len(utterances))]


@torch.no_grad()
def losses(
    model: DeepSpeech, utterances: Sequence[NDArray[np.int16]], phrases: Sequence[str], *, batch: int = 32
) -> list[float]:
    """The CTC loss of a phrase in each utterance, in nats."""
    device = model.dense1.weight.device
    found: list[float] = []

    def work(part: range) -> None:
        audio, lengths = pad(utterances[part.start : part.stop])
        log_probs, counts = model(audio.to(device), lengths.to(device))
        found.extend(confidence.ctc_loss(log_probs, counts, phrases[part.start : part.stop]).tolist())

    compute.in_batches(len(utterances), batch, work)
    return found


def rank(phrase: str, texts: Sequence[str]) -> int | None:
    """Place of a phrase among the texts, from 1, or None."""
    return list(texts).index(phrase) + 1 if phrase in texts else None


def contains(phrase: str, text: str) -> bool:
    """Whether the words of a phrase stand in a text, in a row."""
    return f" {phrase} " in f" {text} "
