"""The loop of every attack that goes step by step: gradient, test for success on the audio as stored, step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from asrtransfer.attacks.batch import Batch, Build
from asrtransfer.attacks.margin import aim_at_margin
from asrtransfer.attacks.method import FULL_SCALE
from asrtransfer.attacks.objective import find_candidates, prove
from asrtransfer.attacks.task import Goal, Outcome, Task
from asrtransfer.files.errors import InputError
from asrtransfer.machine.memory import Plan
from asrtransfer.recognisers.base import Aim, Frames, Recogniser, Surrogate
from asrtransfer.recognisers.batching import run_in_batches

Report = Callable[[int, int], None]
"""Told how many of how many utterance-iterations are done."""


def attack(
    surrogates: Sequence[Surrogate],
    tasks: Sequence[Task],
    goal: Goal,
    build: Build,
    *,
    seed: str,
    judge: Recogniser | None = None,
    plan: Plan | None = None,
    progress: Report = lambda done, total: None,
) -> list[Outcome]:
    """Attack every task.

    Utterances of similar length run as one batch; what is drawn for an utterance depends on ``seed`` and its id alone.

    Args:
        surrogates: all of which shall hear the target; mostly one.
        build: makes the attack.
        seed: what names this job among all.
        judge: must hear the target, too; nothing is learnt of it but that.
        plan: what a batch may be; by default what the surrogates' device has room for.
        progress: told how it goes.

    Returns:
        One outcome a task, in the order given.
    """
    outcomes = [Outcome(task, "failed" if is_feasible(surrogates, task) else "infeasible") for task in tasks]
    todo = sorted(
        (outcome for outcome in outcomes if outcome.status == "failed"),
        key=lambda outcome: (len(outcome.task.audio), outcome.task.utterance_id),
    )

    def work(part: range) -> None:
        for outcome in (some := todo[part.start : part.stop]):
            outcome.samples = []
        batch = Batch(some, build, goal, seed, len(surrogates), surrogates[0].device)
        before, total = part.start * goal.iterations, len(todo) * goal.iterations
        _attack_batch(surrogates, judge, batch, lambda iteration: progress(before + iteration * len(some), total))

    lengths = [len(outcome.task.audio) for outcome in todo]
    run_in_batches(surrogates, lengths, work, gradient=True, plan=plan)
    for outcome in todo:
        if outcome.samples:
            outcome.status = "sample"
    return outcomes


def is_feasible(surrogates: Sequence[Surrogate], task: Task) -> bool:
    """Whether every surrogate can hear the phrase in an utterance of this length at all."""
    phrase = task.phrase
    return phrase is not None and all(one.feasible(len(task.audio), phrase) for one in surrogates)


def _attack_batch(
    surrogates: Sequence[Surrogate], judge: Recogniser | None, batch: Batch, progress: Callable[[int], None]
) -> None:
    goal = batch.goal
    for iteration in range(1, goal.iterations + 1):
        aim, gradient = _find_direction(surrogates, batch, iteration)
        batch.note_losses(aim.loss)
        hits = _test(surrogates, judge, batch, iteration, aim) if iteration % goal.test_every == 0 else []
        batch.method.succeeded(hits)
        batch.method.step(batch.masked.add(gradient, batch.method.perturbation(), batch.method.lengths))
        progress(iteration)
        batch.drop_finished()
        if not len(batch):
            return
    batch.store()


def _test(
    surrogates: Sequence[Surrogate], judge: Recogniser | None, batch: Batch, iteration: int, aim: Aim
) -> list[int]:
    """Hear the audio as stored where its target may be reached; keep what is a sample, and return its rows."""
    hits: list[int] = []
    if rows := find_candidates(aim, batch.goal.threshold):
        audio, lengths, phrases = batch.stored(rows)
        proofs = prove(surrogates, audio, lengths, phrases, batch.goal.threshold, judge)
        hits = batch.keep_samples(iteration, rows, audio, proofs)
    batch.masked.note(hits, len(batch))
    return hits


def _find_direction(surrogates: Sequence[Surrogate], batch: Batch, iteration: int) -> tuple[Aim, Tensor]:
    """How far each utterance is from its target, and what to step against."""

    def look(delta: Tensor) -> tuple[Aim, Tensor]:
        return _average_views(surrogates, batch, iteration, delta)

    aim, gradient = look(batch.course.point(batch.method))
    return aim, batch.course.turn(batch.method, gradient, lambda delta: look(delta)[1])


def _average_views(surrogates: Sequence[Surrogate], batch: Batch, iteration: int, delta: Tensor) -> tuple[Aim, Tensor]:
    """How far each utterance is from its target in its first view, and the mean gradient of all views for ``delta``."""
    method, lengths = batch.method, batch.lengths.tolist()
    chosen = batch.combination.choose(iteration)
    delta = delta.detach().requires_grad_()
    aims: list[Aim] = []
    total = delta.new_zeros(())
    for number in range(batch.views.count):
        noise = method.noise()
        heard = delta + (method.audio if noise is None else noise.add_(method.audio))
        heard = batch.views.hear(number, heard.clamp(-FULL_SCALE, FULL_SCALE - 1), lengths)
        found, gradients = _hear_members([surrogates[place] for place in chosen], batch, heard, delta)
        aims, total = (aims, total + gradients) if number else (found, gradients)
    losses = torch.stack([aim.loss for aim in aims])
    mean = total if batch.views.count == 1 else total / batch.views.count
    loss, gradient = batch.combination.join(losses, mean, lengths)
    return Aim(loss, lambda: [all(row) for row in zip(*(aim.says() for aim in aims), strict=True)]), gradient


def _hear_members(members: Sequence[Surrogate], batch: Batch, heard: Tensor, delta: Tensor) -> tuple[list[Aim], Tensor]:
    """How far each utterance is from each member's target; and the gradients, float32 (members, batch, samples)."""
    aims: list[Aim] = []
    gradients: list[Tensor] = []
    for place, member in enumerate(members, start=1):
        aim, lowered = _aim(member, batch, heard)
        # The members' graphs share the audio. Of the last one a backward pass gives memory free as it goes.
        gradients += torch.autograd.grad(lowered.sum(), delta, retain_graph=place < len(members))
        aims.append(aim._replace(loss=aim.loss.detach()))
    return aims, torch.stack(gradients)


def _aim(member: Surrogate, batch: Batch, heard: Tensor) -> tuple[Aim, Tensor]:
    """How far each utterance is from a member's target, and what the attack lowers, with its graph."""
    if batch.goal.margin is None:
        aim = member.aim(heard, batch.lengths, batch.phrases)
        return aim, aim.loss
    if not isinstance(member, Frames):
        raise InputError("margin: a surrogate has no frames of characters; set it to null")
    return aim_at_margin(member, heard, batch.lengths, batch.phrases, batch.goal.margin)
