"""The loop of every attack: gradient, test for success on the audio as stored, step."""

from __future__ import annotations

import hashlib
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asrtransfer.attacks.method import FULL_SCALE, Method
from asrtransfer.ctc import confidence, decoding
from asrtransfer.ctc.best_path import greedy
from asrtransfer.machine import compute
from asrtransfer.machine.memory import Plan
from asrtransfer.recognisers.deepspeech.front_end import frame_counts
from asrtransfer.recognisers.deepspeech.network import DeepSpeech
from asrtransfer.speech.utterances import pad
from asrtransfer.text import alphabet

Status = Literal["sample", "failed", "infeasible"]
# The loop's pass differs from one over the stored audio by noise and rounding. A high-confidence candidate may miss the
# threshold's loss by this factor there and is still worth a second pass.
CANDIDATE_SLACK = 1.25


@dataclass(frozen=True)
class Task:
    """One utterance to attack: int16 samples, and what it shall say (None: it has no such target)."""

    utterance_id: str
    samples: NDArray[np.int16]
    phrase: str | None


@dataclass(frozen=True, kw_only=True)
class Goal:
    """When an attack has succeeded, and how long it tries.

    Attributes:
        threshold: K1 that the stored audio must exceed, or None: the target need only be the top transcription.
        iterations: steps at the most.
        test_every: iterations between tests for success.
        keep: samples kept of an utterance, the last that qualify. Where the attack does not improve on a success, an
            utterance is finished when it has them.
    """

    threshold: float | None
    iterations: int
    test_every: int = 1
    keep: int = 1


@dataclass(frozen=True)
class Sample:
    """Audio that reached its target: int16 as stored, the iteration (from 1), and the surrogate's verdict on it."""

    iteration: int
    audio: NDArray[np.int16]
    ctc_loss: float
    k5: float


@dataclass
class Outcome:
    """What became of one task; samples in the order of their iterations."""

    task: Task
    status: Status
    best_loss: float = math.inf
    samples: list[Sample] = field(default_factory=list)


def attack(
    model: DeepSpeech,
    tasks: Sequence[Task],
    goal: Goal,
    build: Callable[[Tensor, list[int], list[torch.Generator]], Method],
    *,
    seed: str,
    plan: Plan | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Outcome]:
    """Attack every task.

    Utterances of similar length run as one batch; what is drawn for an utterance depends on ``seed`` and its id alone.

    Args:
        model: the surrogate, in eval mode with frozen parameters.
        build: makes the attack of (audio, lengths, generators); see :class:`Method`.
        seed: what names this job among all.
        plan: how many utterances run at once; by default what the model's device has room for.
        progress: told how many of how many utterance-iterations are done.

    Returns:
        One outcome a task, in the order given.
    """
    outcomes = [Outcome(task, "failed" if feasible(task) else "infeasible") for task in tasks]
    todo = sorted(
        (outcome for outcome in outcomes if outcome.status == "failed"),
        key=lambda outcome: (len(outcome.task.samples), outcome.task.utterance_id),
    )
    total = len(todo) * goal.iterations

    def work(part: range) -> None:
        report = partial(_report, progress, part.start * goal.iterations, total)
        _attack_batch(model, todo[part.start : part.stop], goal, build, seed, report)

    plan = plan or Plan(model.dense1.weight.device, model.units)
    compute.in_batches(
        len(todo), plan.most, work, lambda part: plan.attacks(len(part), len(todo[part[-1]].task.samples))
    )
    for outcome in todo:
        if outcome.samples:
            outcome.status = "sample"
    return outcomes


def _report(progress: Callable[[int, int], None], before: int, total: int, done: int) -> None:
    progress(before + done, total)


def feasible(task: Task) -> bool:
    """Whether CTC can emit the phrase in as many frames as the utterance has."""
    if task.phrase is None:
        return False
    frames = int(frame_counts(torch.tensor(len(task.samples))))
    return alphabet.frames_needed(task.phrase) <= frames


def generator(seed: str, utterance_id: str) -> torch.Generator:
    """The stream of random numbers of one utterance in one job."""
    digest = hashlib.sha256(f"{seed}\0{utterance_id}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def _attack_batch(
    model: DeepSpeech,
    outcomes: list[Outcome],
    goal: Goal,
    build: Callable[[Tensor, list[int], list[torch.Generator]], Method],
    seed: str,
    progress: Callable[[int], None],
) -> None:
    device = model.dense1.weight.device
    audio, lengths = (tensor.to(device) for tensor in pad([outcome.task.samples for outcome in outcomes]))
    method = build(audio, lengths.tolist(), [generator(seed, outcome.task.utterance_id) for outcome in outcomes])
    active = list(outcomes)
    kept: dict[int, deque[Sample]] = {id(outcome): deque(maxlen=goal.keep) for outcome in outcomes}
    for iteration in range(1, goal.iterations + 1):
        log_probs, counts, losses, gradient = _pass(model, method, lengths, _phrases(active))
        for outcome, loss in zip(active, losses.tolist(), strict=True):
            outcome.best_loss = min(outcome.best_loss, loss)
        hits: dict[int, Sample] = {}
        if iteration % goal.test_every == 0:
            candidates = _candidates(log_probs, counts, losses, _phrases(active), goal)
            hits = _verify(model, method, lengths, active, candidates, goal, iteration)
        for row, sample in hits.items():
            kept[id(active[row])].append(sample)
        method.succeeded(sorted(hits))
        method.step(gradient)
        progress(iteration * len(outcomes))
        going = _going(method, [len(kept[id(outcome)]) for outcome in active], goal)
        if len(going) < len(active):
            rows = torch.tensor(going, dtype=torch.int64, device=device)
            method.keep(rows)
            active, lengths = [active[row] for row in going], lengths[rows]
        if not active:
            break
    for outcome in outcomes:
        outcome.samples = list(kept[id(outcome)])


def _going(method: Method, samples: list[int], goal: Goal) -> list[int]:
    """Rows that can still gain: those without all their samples, and where less is better, with room for less."""
    if not method.improves:
        return [row for row, count in enumerate(samples) if count < goal.keep]
    return [row for row, bound in enumerate(method.bounds().tolist()) if bound >= 1]


def _phrases(outcomes: list[Outcome]) -> list[str]:
    return [outcome.task.phrase or "" for outcome in outcomes]


def _pass(
    model: DeepSpeech, method: Method, lengths: Tensor, phrases: list[str]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Log-probabilities, frame counts, each utterance's CTC loss and its gradient for the perturbation."""
    delta = method.perturbation().detach().requires_grad_()
    noise = method.noise()
    heard = delta + (method.audio if noise is None else noise.add_(method.audio))
    # cuDNN computes an LSTM's gradient in training mode only; the LSTM has no dropout, so nothing else changes.
    model.lstm.train(heard.is_cuda)
    log_probs, counts = _listen(model, heard.clamp(-FULL_SCALE, FULL_SCALE - 1), lengths)
    losses = confidence.ctc_loss(log_probs, counts, phrases)
    (gradient,) = torch.autograd.grad(losses.sum(), delta)
    model.lstm.eval()
    return log_probs.detach(), counts, losses.detach(), gradient


def _listen(model: DeepSpeech, audio: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """The model's output; a single utterance runs beside its copy.

    Matrix products of one row take another path through the BLAS, which rounds differently; so an utterance's samples
    do not depend on how many others run beside it.
    """
    if len(audio) > 1:
        log_probs, counts = model(audio, lengths)
        return log_probs, counts
    log_probs, counts = model(audio.expand(2, -1), lengths.expand(2))
    return log_probs[:1], counts[:1]


def _candidates(log_probs: Tensor, counts: Tensor, losses: Tensor, phrases: list[str], goal: Goal) -> list[int]:
    """Rows that are worth a second pass, going by the pass just made."""
    limit = math.inf if goal.threshold is None else -math.log(goal.threshold) * CANDIDATE_SLACK
    near = (losses <= limit).tolist()
    if not any(near):
        return []
    texts = greedy(log_probs, counts)
    return [row for row, text in enumerate(texts) if near[row] and text == phrases[row]]


@torch.no_grad()
def _verify(
    model: DeepSpeech,
    method: Method,
    lengths: Tensor,
    active: list[Outcome],
    candidates: list[int],
    goal: Goal,
    iteration: int,
) -> dict[int, Sample]:
    """The candidates whose 16-bit audio reaches the goal, heard again without noise."""
    if not candidates:
        return {}
    rows = torch.tensor(candidates, device=method.audio.device)
    stored = as_stored(method.audio[rows], method.perturbation()[rows], method.bounds()[rows])
    log_probs, counts = _listen(model, stored, lengths[rows])
    phrases = [_phrases(active)[row] for row in candidates]
    losses = confidence.ctc_loss(log_probs, counts, phrases)
    peaks = confidence.k5(log_probs, counts)
    hits = {}
    for place, row in enumerate(candidates):
        loss = float(losses[place])
        if goal.threshold is not None and not math.exp(-loss) > goal.threshold:
            continue
        if decoding.is_top(log_probs[place], int(counts[place]), phrases[place]):
            samples = stored[place, : int(lengths[row])].to("cpu", torch.int16).numpy()
            hits[row] = Sample(iteration, samples.copy(), loss, float(peaks[place]))
    return hits


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
