"""Word error rates with a language model, as published ones are: its weights tuned on dev, then applied everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product

import torch
from torch import Tensor

from asrtransfer.ctc.base import Decoder
from asrtransfer.ctc.language_model import LanguageModelDecoder
from asrtransfer.ctc.pool import Pool
from asrtransfer.machine.memory import Plan
from asrtransfer.recognisers.base import Frames
from asrtransfer.recognisers.batching import run_in_batches
from asrtransfer.speech.utterances import Speech
from asrtransfer.text import error_rates


@dataclass(frozen=True)
class Point:
    """Weights that were tried, and the word error rate that they gave."""

    alpha: float
    beta: float
    wer: float


@torch.no_grad()
def log_probabilities(recogniser: Frames, speech: Speech, indices: Sequence[int]) -> Iterator[tuple[Tensor, Tensor]]:
    """The recogniser's output for some utterances, batch by batch: (batch, frames, 29) and frame counts, on the CPU."""
    found: list[tuple[Tensor, Tensor]] = []
    most = Plan(recogniser.device.type).most

    def work(part: range) -> None:
        audio, lengths = speech.batch([some[place] for place in part])
        log_probs, counts = recogniser.log_probs(audio.to(recogniser.device), lengths.to(recogniser.device))
        found.append((log_probs.cpu(), counts.cpu()))

    seconds = speech.table["seconds"]
    for start in range(0, len(indices), most):
        some = indices[start : start + most]
        run_in_batches([recogniser], [int(float(seconds[place]) * 16_000) + 1 for place in some], work, gradient=False)
        yield from found
        found.clear()


def tune(
    decoder: LanguageModelDecoder | Pool,
    outputs: Sequence[tuple[Tensor, Tensor]],
    truths: Sequence[str],
    alphas: Sequence[float],
    betas: Sequence[float],
) -> list[Point]:
    """The word error rate for each pair of weights; the best first, of equal ones the smaller weights."""
    points = []
    for alpha, beta in product(alphas, betas):
        decoder.weigh(alpha, beta)
        points.append(Point(alpha, beta, error_rates.wer(truths, transcribe_all(decoder, outputs))))
    return sorted(points, key=lambda point: (point.wer, point.alpha, point.beta))


def transcribe_all(decoder: Decoder, outputs: Iterable[tuple[Tensor, Tensor]]) -> list[str]:
    """The best text of each utterance."""
    tops = (top for log_probs, counts in outputs for top in decoder.top(log_probs, counts))
    return [top[0].text if top else "" for top in tops]


def spread(count: int, most: int) -> list[int]:
    """Choose at most ``most`` of the first ``count`` numbers, evenly: of utterances in order, some of every length."""
    return list(range(count)) if count <= most else [place * count // most for place in range(most)]


def unknown(phrases: Iterable[str], words: frozenset[str]) -> dict[str, list[str]]:
    """Phrases that a vocabulary does not cover, each with the words that it lacks: no decoder could name them."""
    lacking = {phrase: [word for word in phrase.split() if word not in words] for phrase in phrases}
    return {phrase: lack for phrase, lack in lacking.items() if lack}


def report(points: Sequence[Point], lacking: Mapping[str, Sequence[str]], utterances: int) -> dict[str, object]:
    """What tuning found, as plain values."""
    return {
        "alpha": points[0].alpha,
        "beta": points[0].beta,
        "dev_wer": points[0].wer,
        "dev_utterances": utterances,
        "phrases_lacking_words": {phrase: list(words) for phrase, words in lacking.items()},
        "tried": [asdict(point) for point in points],
    }
