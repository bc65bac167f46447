"""What a recogniser hears: the ten most likely texts, and how likely a given one is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asrtransfer.ctc import confidence
from asrtransfer.ctc.base import Decoder, Hypothesis, frames
from asrtransfer.ctc.best_path import greedy
from asrtransfer.ctc.proof import prove_rank
from asrtransfer.machine.memory import Plan
from asrtransfer.recognisers.base import Frames, Recogniser, Surrogate
from asrtransfer.recognisers.batching import run_in_batches
from asrtransfer.speech.utterances import pad

Audio = NDArray[np.int16]
Need = Literal["list", "best", "place"]
"""What must be known of an utterance: its ten most likely texts; or the phrase's place among them, and the best one;
or that place alone."""


@dataclass(frozen=True)
class Hearing:
    """One utterance as one recogniser hears it.

    Attributes:
        texts: at most ten, the most likely first.
        log_probabilities: of the texts, natural; None where the recogniser tells none.
        greedy: text of the best path; None where the recogniser has no frames.
        loss: -ln P(phrase | audio) in nats of the phrase asked about, infinite if it does not fit; None if none was
            asked about, or the recogniser only hears.
        searched: whether the texts are all that there are to know. If not, they are those of
            :func:`asrtransfer.ctc.proof.prove_rank`: a part of the list that settles the phrase's rank.
        raw: the best text as the recogniser wrote it; None where it is the same.
    """

    texts: list[str]
    log_probabilities: list[float] | None
    greedy: str | None
    loss: float | None
    searched: bool = True
    raw: str | None = None

    @property
    def top(self) -> str:
        """The most likely text; empty where none is known."""
        return self.texts[0] if self.texts else ""


@torch.no_grad()
def hear(
    recogniser: Recogniser,
    decoder: Decoder,
    utterances: Sequence[Audio],
    phrases: Sequence[str | None] | None = None,
    needs: Sequence[Need] | None = None,
    *,
    plan: Plan | None = None,
) -> list[Hearing]:
    """Transcribe utterances, in the order given; those of similar length run as one batch.

    Args:
        decoder: makes texts of frames; a recogniser without frames has its own.
        phrases: for each utterance a text whose loss is wanted, or None.
        needs: what must be known of each utterance, by default the list; less may need no search.
        plan: what a batch may be; by default what the recogniser's device has room for.
    """
    wanted = list(phrases) if phrases is not None else [None] * len(utterances)
    if isinstance(recogniser, Frames):
        needed: list[Need] = list(needs) if needs is not None else ["list"] * len(utterances)
        return _hear_frames(recogniser, decoder, utterances, wanted, needed, plan)
    losses = compute_losses(recogniser, utterances, wanted)
    heard = recogniser.hear(utterances)
    return [Hearing(one.texts, one.scores, None, loss, raw=one.raw) for one, loss in zip(heard, losses, strict=True)]


def _hear_frames(
    recogniser: Frames,
    decoder: Decoder,
    utterances: Sequence[Audio],
    wanted: Sequence[str | None],
    needed: Sequence[Need],
    plan: Plan | None,
) -> list[Hearing]:
    heard: dict[int, Hearing] = {}
    by_length = order_by_length(utterances)

    def work(part: range) -> None:
        indices = by_length[part.start : part.stop]
        audio, lengths = pad([utterances[index] for index in indices])
        log_probs, counts = recogniser.log_probs(audio.to(recogniser.device), lengths.to(recogniser.device))
        log_probs, counts = log_probs.cpu(), counts.cpu()
        texts = greedy(log_probs, counts)
        losses = confidence.ctc_loss(log_probs, counts, [wanted[index] or "" for index in indices]).tolist()
        questions = [(wanted[index], losses[row], needed[index]) for row, index in enumerate(indices)]
        answers = decoder.each(_find_texts, frames(log_probs, counts), questions)
        for row, (index, (top, searched)) in enumerate(zip(indices, answers, strict=True)):
            heard[index] = Hearing(
                [hypothesis.text for hypothesis in top],
                [hypothesis.log_probability for hypothesis in top],
                texts[row],
                None if wanted[index] is None else losses[row],
                searched,
            )

    lengths = [len(utterances[index]) for index in by_length]
    run_in_batches([recogniser], lengths, work, gradient=False, plan=plan)
    return [heard[index] for index in range(len(utterances))]


def _find_texts(
    decoder: Decoder, row: Tensor, question: tuple[str | None, float, Need]
) -> tuple[list[Hypothesis], bool]:
    """Of a row's most likely texts those that are needed of a phrase with this loss; and whether it took a search."""
    phrase, loss, need = question
    if phrase is not None and need != "list" and decoder.by_probability:
        known = prove_rank(row, phrase, loss, with_best=need == "best")
        if known is not None:
            return known, False
    return decoder.top_of(row), True


@torch.no_grad()
def compute_losses(
    recogniser: Recogniser, utterances: Sequence[Audio], phrases: Sequence[str | None]
) -> list[float | None]:
    """The loss of a phrase in each utterance, in nats; None without a phrase, and of a recogniser that only hears."""
    found: list[float | None] = [None] * len(utterances)
    if not isinstance(recogniser, Surrogate):
        return found
    asked = [index for index in order_by_length(utterances) if phrases[index] is not None]

    def work(part: range) -> None:
        indices = asked[part.start : part.stop]
        audio, lengths = (tensor.to(recogniser.device) for tensor in pad([utterances[index] for index in indices]))
        texts = [phrases[index] or "" for index in indices]
        for index, loss in zip(indices, recogniser.aim(audio, lengths, texts).loss.tolist(), strict=True):
            found[index] = loss

    run_in_batches([recogniser], [len(utterances[index]) for index in asked], work, gradient=False)
    return found


def order_by_length(utterances: Sequence[Audio]) -> list[int]:
    """Indices of utterances, ascending by length, so that a batch pads little."""
    return sorted(range(len(utterances)), key=lambda index: (len(utterances[index]), index))


def rank(phrase: str, texts: Sequence[str]) -> int | None:
    """Place of a phrase among the texts, from 1, or None."""
    return list(texts).index(phrase) + 1 if phrase in texts else None


def contains(phrase: str, text: str) -> bool:
    """Whether the words of a phrase stand in a text, in a row."""
    return f" {phrase} " in f" {text} "
