"""Attacks that come as a whole: each utterance is handed over, and the audio that comes back is judged here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from asrtransfer.attacks.loop import Report, is_feasible
from asrtransfer.attacks.method import Whole
from asrtransfer.attacks.objective import Proof, prove
from asrtransfer.attacks.task import Goal, Outcome, Sample, Task
from asrtransfer.files.errors import InputError
from asrtransfer.machine.random import numpy_stream
from asrtransfer.recognisers.base import Recogniser, Surrogate
from asrtransfer.speech.audio import to_int16
from asrtransfer.speech.utterances import pad

Run = Callable[[Callable[[], Any]], Any]
"""Runs code of the attack's; the caller decides what becomes of its errors."""


def attack_whole(
    surrogates: Sequence[Surrogate],
    tasks: Sequence[Task],
    goal: Goal,
    method: Whole,
    *,
    seed: str,
    judge: Recogniser | None = None,
    run: Run = lambda work: work(),
    progress: Report = lambda done, total: None,
) -> list[Outcome]:
    """Attack every task, one after the other.

    Args:
        surrogates: all of which shall hear the target; mostly one.
        method: makes the audio.
        seed: what names this job among all; an utterance draws from it and its id alone.
        judge: must hear the target, too.
        run: runs the method's code.
        progress: told how it goes.

    Returns:
        One outcome a task, in the order given: a sample if every surrogate hears the target in the 16-bit audio, and
        the perturbation keeps to the bound that the attack promised; else failed.
    """
    outcomes = []
    for place, task in enumerate(tasks):
        outcome = Outcome(task, "failed" if is_feasible(surrogates, task) else "infeasible")
        if outcome.status == "failed":
            _attack_one(surrogates, judge, outcome, goal, method, f"{seed}\0{task.utterance_id}", run)
        outcomes.append(outcome)
        progress((place + 1) * goal.iterations, len(tasks) * goal.iterations)
    return outcomes


def _attack_one(
    surrogates: Sequence[Surrogate],
    judge: Recogniser | None,
    outcome: Outcome,
    goal: Goal,
    method: Whole,
    seed: str,
    run: Run,
) -> None:
    clean, phrase = outcome.task.audio, outcome.task.phrase
    assert phrase is not None
    crafted = run(lambda: method.craft(list(surrogates), clean.copy(), phrase, numpy_stream(seed)))
    stored = as_samples(crafted, clean)
    bound = run(lambda: method.bound(clean.copy()))
    audio, lengths = (tensor.to(surrogates[0].device) for tensor in pad([stored]))
    with torch.no_grad():
        outcome.best_loss = max(float(one.aim(audio, lengths, [phrase]).loss[0]) for one in surrogates)
    proof: Proof | None = prove(surrogates, audio, lengths, [phrase], goal.threshold, judge)[0]
    change = np.abs(stored.astype(np.int64) - clean).max()
    if proof is not None and (bound is None or change <= bound):
        outcome.status = "sample"
        outcome.samples = [Sample(goal.iterations, stored, proof.loss, proof.k5, bound)]


def as_samples(crafted: Any, clean: NDArray[np.int16]) -> NDArray[np.int16]:
    """Bring audio that an attack made to 16 bit.

    Raises:
        InputError: if it is no audio of the utterance's length.
    """
    audio = np.asarray(crafted)
    if audio.shape != clean.shape or audio.dtype.kind not in "iuf":
        raise InputError(
            f"craft returned {audio.dtype} of shape {audio.shape} for an utterance of shape {clean.shape}; return as "
            "many samples, in 16-bit units"
        )
    if not np.isfinite(audio).all():
        raise InputError("craft returned samples that are not finite numbers; return samples in 16-bit units")
    return to_int16(audio)
