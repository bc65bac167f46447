"""What a recogniser hears: the ten most likely texts, and how likely a given one is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asrtransfer.ctc import confidence, decoding
from asrtransfer.ctc.best_path import greedy
from asrtransfer.machine import compute
from asrtransfer.machine.memory import Plan
from asrtransfer.recognisers.deepspeech.network import DeepSpeech
from asrtransfer.speech.utterances import pad

Need = Literal["list", "best", "place"]
"""What must be known of an utterance: its ten most likely texts; or the phrase's place among them, and the best one;
or that place alone."""


@dataclass(frozen=True)
class Hearing:
    """One utterance as one model hears it.

    Attributes:
        greedy: text of the best path.
        texts: at most ten, the most likely first.
        log_probabilities: of the texts, natural.
        ctc_loss: of the phrase asked about, in nats; None if none was, infinite if it does not fit.
        searched: whether the texts are all that there are to know; else what :func:`asrtransfer.ctc.decoding.proven`
            says, which leaves no other place for the phrase than the one that it has among them, or none.
    """

    greedy: str
    texts: list[str]
    log_probabilities: list[float]
    ctc_loss: float | None
    searched: bool = True


@torch.no_grad()
def hear(
    model: DeepSpeech,
    decoder: decoding.Decoder,
    utterances: Sequence[NDArray[np.int16]],
    phrases: Sequence[str | None] | None = None,
    needs: Sequence[Need] | None = None,
    *,
    plan: Plan | None = None,
) -> list[Hearing]:
    """Transcribe utterances, in the order given; those of similar length run as one batch.

    Args:
        phrases: for each utterance a text whose CTC loss is wanted, or None.
        needs: what must be known of each utterance, by default the list; less may spare it the search.
        plan: how many utterances run at once; by default what the model's device has room for.
    """
    device = model.dense1.weight.device
    wanted = list(phrases) if phrases is not None else [None] * len(utterances)
    needed = list(needs) if needs is not None else ["list"] * len(utterances)
    heard: dict[int, Hearing] = {}
    by_length = sorted(range(len(utterances)), key=lambda index: (len(utterances[index]), index))

    def work(part: range) -> None:
        indices = by_length[part.start : part.stop]
        audio, lengths = pad([utterances[index] for index in indices])
        log_probs, counts = model(audio.to(device), lengths.to(device))
        log_probs, counts = log_probs.cpu(), counts.cpu()
        texts = greedy(log_probs, counts)
        losses = confidence.ctc_loss(log_probs, counts, [wanted[index] or "" for index in indices]).tolist()
        questions = [(wanted[index], losses[row], needed[index]) for row, index in enumerate(indices)]
        answers = decoder.each(_likeliest, decoding.frames(log_probs, counts), questions)
        for row, (index, (top, searched)) in enumerate(zip(indices, answers, strict=True)):
            heard[index] = Hearing(
                texts[row],
                [hypothesis.text for hypothesis in top],
                [hypothesis.log_probability for hypothesis in top],
                None if wanted[index] is None else losses[row],
                searched,
            )

    plan = plan or Plan(device, model.units)
    compute.in_batches(
        len(utterances), plan.most, work, lambda part: plan.hears(len(part), len(utterances[by_length[part[-1]]]))
    )
    return [heard[index] for index in range(len(utterances))]


def _likeliest(
    decoder: decoding.Decoder, row: Tensor, question: tuple[str | None, float, Need]
) -> tuple[list[decoding.Hypothesis], bool]:
    """Of a row's most likely texts those that are needed of a phrase with this loss; and whether it took a search."""
    phrase, loss, need = question
    if phrase is not None and need != "list" and decoder.by_probability:
        known = decoding.proven(row, phrase, loss, with_best=need == "best")
        if known is not None:
            return known, False
    return decoder.top_of(row), True


@torch.no_grad()
def losses(model: DeepSpeech, utterances: Sequence[NDArray[np.int16]], phrases: Sequence[str]) -> list[float]:
    """The CTC loss of a phrase in each utterance, in nats."""
    device = model.dense1.weight.device
    found: list[float] = []

    def work(part: range) -> None:
        audio, lengths = pad(utterances[part.start : part.stop])
        log_probs, counts = model(audio.to(device), lengths.to(device))
        found.extend(confidence.ctc_loss(log_probs, counts, phrases[part.start : part.stop]).tolist())

    plan = Plan(device, model.units)
    longest = max(map(len, utterances), default=0)
    compute.in_batches(len(utterances), plan.most, work, lambda part: plan.hears(len(part), longest))
    return found


def rank(phrase: str, texts: Sequence[str]) -> int | None:
    """Place of a phrase among the texts, from 1, or None."""
    return list(texts).index(phrase) + 1 if phrase in texts else None


def contains(phrase: str, text: str) -> bool:
    """Whether the words of a phrase stand in a text, in a row."""
    return f" {phrase} " in f" {text} "
