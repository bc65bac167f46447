"""Our attacks beside those of the Adversarial Robustness Toolbox (ART) and of the package asr-attacks.

All attack the same utterances with the same phrase on the same model of a finished study:

    make benchmark ARGS="--results results --surrogate seed-1 --phrase 'open the door'"

Each contest is of one attack: its bound, steps and iterations are the same for all contestants. The confidence is low:
C&W's successes ask for less distortion, PGD ends with the first. The audio that each attack returns is rounded to 16
bits and heard again in the same way. It is a success if the phrase is then its top transcription. Seconds are
processor time, so that other programs on the machine do not count.

Both get their best case. ART's estimator computes a whole batch at once, as our attack does; its own PyTorchDeepSpeech
computes spectrograms row by row. asr-attacks takes one utterance at a time, so that it pads none, and decodes greedily.
ART steps by the gradient's sign, without Adam and without noise; its test for success runs the decoder that judges all,
with a beam search for every utterance, or decodes greedily, as PyTorchDeepSpeech does by default. asr-attacks gives
Adam the gradient itself. Both return failures, too. Our test knows the target and searches only if a greedy
transcription does not decide.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from art.attacks.evasion import CarliniWagnerASR
from art.estimators.estimator import BaseEstimator, LossGradientsMixin, NeuralNetworkMixin
from art.estimators.speech_recognition.speech_recognizer import SpeechRecognizerMixin
from asr_attacks import ASRAttacker, CTCModuleBackend
from numpy.typing import NDArray
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

from asrtransfer.attacks.loop import is_feasible
from asrtransfer.attacks.method import FULL_SCALE
from asrtransfer.attacks.run import run_attack
from asrtransfer.attacks.samples import distortion
from asrtransfer.attacks.task import Task
from asrtransfer.ctc import decoding
from asrtransfer.files.errors import InputError
from asrtransfer.machine import compute
from asrtransfer.machine.memory import Plan
from asrtransfer.recognisers.deepspeech import DeepSpeech
from asrtransfer.recognisers.deepspeech.network import load_weights
from asrtransfer.speech.utterances import Speech, pad
from asrtransfer.text.alphabet import BLANK, CHARACTERS

BOUND, LEARNING_RATE, SHRINK = 2000.0, 100.0, 0.8
# What ART's attack does by default, and the code of Carlini and Wagner.
SELDOM = 10
# Radius and step of PGD, shares of full scale.
RADIUS, STEP = 0.05, 0.0025

Audio = NDArray[np.int16]
Contestant = Callable[[DeepSpeech, Sequence[Task], argparse.Namespace], list[Audio | None]]


class Estimator(SpeechRecognizerMixin, NeuralNetworkMixin, LossGradientsMixin, BaseEstimator):
    """The least that ART's attack asks of a model: gradients and transcriptions, audio in 16-bit units.

    ART compares transcriptions with the target in capitals.
    """

    def __init__(self, recogniser: DeepSpeech, decoder: str) -> None:
        super().__init__(model=recogniser, channels_first=None, clip_values=None, preprocessing=None)
        self.decoder = decoding.build(decoder)

    def loss_gradient(self, x: NDArray[Any], y: NDArray[np.str_], **kwargs: Any) -> NDArray[Any]:
        """The CTC loss's gradient for each utterance; shape and dtype of ``x``."""
        audio, lengths = pad(list(x))
        audio.requires_grad_()
        losses = self.model.aim(audio, lengths, [str(phrase) for phrase in y]).loss
        (gradient,) = torch.autograd.grad(losses.sum(), audio)
        return stacked([row[:length].numpy() for row, length in zip(gradient, lengths.tolist(), strict=True)])

    @torch.no_grad()
    def predict(self, x: NDArray[Any], batch_size: int = 128, **kwargs: Any) -> NDArray[np.str_]:
        """Each utterance's top transcription, in capitals."""
        log_probs, counts = self.model.log_probs(*pad(list(x)))
        return np.array([texts[0].text.upper() for texts in self.decoder.top(log_probs, counts)])

    def fit(self, x: Any, y: Any, *args: Any, **kwargs: Any) -> None:
        """ART's base class demands it; the attack does not use it."""
        raise NotImplementedError

    def get_activations(self, *args: Any, **kwargs: Any) -> Any:
        """ART's base class demands it; the attack does not use it."""
        raise NotImplementedError

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Any length."""
        return (-1,)


def stacked(rows: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Rows as ART takes them: float32, or where lengths differ an array of arrays."""
    if len({len(row) for row in rows}) == 1:
        return np.stack(rows).astype(np.float32)
    ragged = np.empty(len(rows), dtype=object)
    ragged[:] = [row.astype(np.float32) for row in rows]
    return ragged


class Waveforms(nn.Module):
    """A recogniser in the shape of torchaudio's models: audio of full scale 1 to log-probabilities and lengths."""

    def __init__(self, recogniser: DeepSpeech) -> None:
        super().__init__()
        self.network = recogniser.network
        self.recogniser = recogniser

    def forward(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities (utterances, frames, 29) of audio (utterances, samples), and numbers of frames."""
        lengths = torch.full((len(waveforms),), waveforms.shape[1])
        return self.recogniser.log_probs(waveforms * FULL_SCALE, lengths)


def ours(
    recogniser: DeepSpeech, tasks: Sequence[Task], settings: argparse.Namespace, *, attack: str, **keys: Any
) -> list[Audio | None]:
    """One of our attacks; None where it says that it failed."""
    keys |= {"iterations": settings.iterations, "threshold": None}
    plan = Plan("cpu", most=settings.batch)
    outcomes = run_attack([recogniser], tasks, attack, keys, seed="benchmark", plan=plan)
    return [outcome.samples[-1].audio if outcome.samples else None for outcome in outcomes]


def arts(
    recogniser: DeepSpeech, tasks: Sequence[Task], settings: argparse.Namespace, *, decoder: str
) -> list[Audio | None]:
    """ART's attack, in the batches that ours forms; ``decoder`` hears what its test for success is told."""
    found: list[Audio | None] = []
    for start in range(0, len(tasks), settings.batch):
        part = tasks[start : start + settings.batch]
        method = CarliniWagnerASR(
            Estimator(recogniser, decoder),
            eps=BOUND,
            learning_rate=LEARNING_RATE,
            max_iter=settings.iterations,
            decrease_factor_eps=SHRINK,
            num_iter_decrease_eps=SELDOM,
            batch_size=len(part),
        )
        audio = stacked([task.audio for task in part])
        found += map(to_stored, method.generate(audio, np.array([task.phrase for task in part])))
    return found


def theirs(
    recogniser: DeepSpeech, tasks: Sequence[Task], settings: argparse.Namespace, *, attack: str, **keys: Any
) -> list[Audio | None]:
    """One of the attacks of asr-attacks, an utterance at a time."""
    backend = CTCModuleBackend(Waveforms(recogniser), [*CHARACTERS, "-"], blank_id=BLANK)
    run = getattr(ASRAttacker(backend, verbose=False), attack)
    keys |= {"targeted": True, "num_iter": settings.iterations}
    rows = [run(task.audio.astype(np.float32) / FULL_SCALE, target=task.phrase, **keys) for task in tasks]
    return [to_stored(FULL_SCALE * row[0]) for row in rows]


def to_stored(row: NDArray[Any]) -> Audio:
    """Audio in 16-bit units as a file has it."""
    return np.clip(np.round(row.astype(np.float64)), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


CW: dict[str, Any] = {"attack": "cw", "bound": BOUND, "learning_rate": LEARNING_RATE, "shrink": SHRINK}
PGD: dict[str, Any] = {"attack": "pgd", "bound": RADIUS, "step": STEP / RADIUS}
THEIR_CW: dict[str, Any] = {"attack": "cw", "epsilon": BOUND / FULL_SCALE, "decrease_factor_eps": SHRINK}
CONTESTS: dict[str, dict[str, Contestant]] = {
    "C&W": {
        "ART, tests every tenth": partial(arts, decoder="flashlight"),
        "ART, tests greedily": partial(arts, decoder="greedy"),
        "ours, tests every iteration": partial(ours, **CW),
        "ours, tests every tenth": partial(ours, **CW, test_every=SELDOM),
    },
    "C&W with the whole gradient": {
        "asr-attacks": partial(theirs, **THEIR_CW, learning_rate=LEARNING_RATE / FULL_SCALE),
        "asr-attacks, rate of 10": partial(theirs, **THEIR_CW),
        "ours, tests every iteration": partial(ours, **CW, gradient="whole"),
        "ours, tests every tenth": partial(ours, **CW, gradient="whole", test_every=SELDOM),
    },
    "PGD": {
        "asr-attacks": partial(theirs, attack="pgd", epsilon=RADIUS, alpha=STEP, random_start=False, early_stop=True),
        "ours": partial(ours, **PGD, keep=1),
    },
}
"""By attack, who runs it; the others are compared with the first."""


@dataclass
class Score:
    """What a contestant reached, by utterance, and the processor's seconds for each repeat."""

    distortions: dict[str, dict[str, float | None]]
    seconds: list[float]


@torch.no_grad()
def heard(recogniser: DeepSpeech, tasks: Sequence[Task], found: Sequence[Audio | None]) -> dict[str, Audio]:
    """The audio, by utterance, whose top transcription is the phrase."""
    reached = {}
    for task, audio in zip(tasks, found, strict=True):
        if audio is None or task.phrase is None:
            continue
        log_probs, counts = recogniser.log_probs(*pad([audio]))
        if decoding.is_top(log_probs[0], int(counts[0]), task.phrase):
            reached[task.utterance_id] = audio
    return reached


def compete(
    contestants: dict[str, Contestant], recogniser: DeepSpeech, tasks: Sequence[Task], settings: argparse.Namespace
) -> dict[str, Score]:
    """Run the contestants in turn, as often as asked; all repeats give the same audio."""
    scores = {name: Score({}, []) for name in contestants}
    clean = {task.utterance_id: task.audio for task in tasks}
    for repeat in range(settings.repeats):
        for name, contestant in contestants.items():
            start = time.process_time()
            found = contestant(recogniser, tasks, settings)
            scores[name].seconds.append(time.process_time() - start)
            reached = heard(recogniser, tasks, found)
            distortions = {key: distortion(clean[key], audio) for key, audio in reached.items()}
            if repeat and distortions != scores[name].distortions:
                raise RuntimeError(f"{name}: repeat {repeat + 1} gives other samples than the first")
            scores[name].distortions = distortions
            print(f"{name}: {scores[name].seconds[-1]:.1f} s", file=sys.stderr)
    return scores


def report(attack: str, scores: dict[str, Score], utterances: int, iterations: int) -> None:
    """Print the table: distortions are medians over the utterances that every contestant reached."""
    common = set.intersection(*(set(score.distortions) for score in scores.values()))
    reference = next(iter(scores.values())).seconds
    print(f"{attack}; medians of the distortion over the {len(common)} utterances that all reached")
    print(f"{'attack':28} {'success':>8} {'L-inf':>7} {'SNR dB':>7} {'seconds':>8} {'it./s':>7} {'ratio':>6}  spread")
    for name, score in scores.items():
        seconds = statistics.median(score.seconds)
        ratios = [theirs / own for theirs, own in zip(reference, score.seconds, strict=True)]
        print(
            f"{name:28} {f'{len(score.distortions)}/{utterances}':>8} {median(score, common, 'linf'):>7} "
            f"{median(score, common, 'snr_db'):>7} {seconds:8.1f} {utterances * iterations / seconds:7.1f} "
            f"{statistics.median(ratios):6.2f}  {min(ratios):.2f} to {max(ratios):.2f}"
        )


def median(score: Score, utterances: set[str], column: str) -> str:
    """The median of one measure of distortion, or a dash where there is none."""
    values = [score.distortions[key][column] for key in utterances]
    known = [value for value in values if value is not None]
    return f"{statistics.median(known):.1f}" if known else "-"


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of a finished study")
    parser.add_argument("--surrogate", default="seed-1", help="model to attack")
    parser.add_argument("--phrase", default="open the door")
    parser.add_argument("--iterations", type=int, default=300)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=5, help="runs of each attack; their median time counts")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def main() -> None:
    """Run the comparison and print its table."""
    settings = arguments()
    logging.getLogger("art").setLevel(logging.CRITICAL + 1)
    compute.prepare("cpu", settings.threads)
    results = settings.results
    recogniser = DeepSpeech(load_weights(results / "models" / settings.surrogate / "weights.safetensors"))
    speech = Speech.read(results / "selected.parquet", results / "corpus")
    tasks = [Task(name, speech.samples(index), settings.phrase) for index, name in enumerate(speech.utterance_ids)]
    tasks = [task for task in tasks if is_feasible([recogniser], task)]
    if not tasks:
        raise InputError(f"--phrase: {settings.phrase!r} is too long for every utterance; give a shorter one")
    facts = compute.describe("cpu")
    print(
        f"{settings.phrase!r} on {settings.surrogate} ({recogniser.network.units} units), "
        f"{settings.iterations} iterations, {settings.repeats} repeats"
    )
    for attack, contestants in CONTESTS.items():
        scores = compete(contestants, recogniser, tasks, settings)
        report(attack, scores, len(tasks), settings.iterations)
    print(
        f"{facts['processor']}, {settings.threads} thread; Python {facts['python']}, torch {facts['torch']}, "
        f"numpy {np.__version__}, ART {version('adversarial-robustness-toolbox')}, asr-attacks {version('asr-attacks')}"
    )


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"error: {error}")
