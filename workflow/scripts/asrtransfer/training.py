"""Training by the DeepSpeech 0.4.1 recipe, resumable to bit-identical weights.

Source of the recipe: ``bin/run-cluster.sh`` / ``.compute`` of mozilla/DeepSpeech v0.4.1: Adam 1e-4 (0.9, 0.999,
1e-8), dropout 0.2, batch 24, no schedule, no clipping, no weight decay, utterances ascending by length.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch

from asrtransfer import confidence, error_rates, tensors
from asrtransfer.audio import remove_parts
from asrtransfer.best_path import greedy
from asrtransfer.errors import InputError
from asrtransfer.model import DeepSpeech
from asrtransfer.speech import Speech


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a model is trained; the defaults are those of DeepSpeech 0.4.1.

    Attributes:
        epochs: passes over the training utterances.
        batch: utterances a step.
        learning_rate: Adam's step size.
        order: ``length`` (ascending, the same in every epoch) or ``shuffled`` (batches of similar length in an
            order drawn anew each epoch from ``order_seed``, the same for every model).
        order_seed: seed of the shuffled order.
        schedule: ``constant``, or ``cosine``: warm-up over the first tenth of the steps, then half a cosine to zero.
        clip: largest norm of the gradient, or None.
    """

    epochs: int = 13
    batch: int = 24
    learning_rate: float = 1e-4
    order: Literal["length", "shuffled"] = "length"
    order_seed: int = 0
    schedule: Literal["constant", "cosine"] = "constant"
    clip: float | None = None


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One line of the learning curve; losses are CTC losses in nats an utterance, error rates of greedy decoding."""

    epoch: int
    train_loss: float
    dev_loss: float
    dev_wer: float
    dev_cer: float
    seconds: float


class Diverged(InputError):
    """The loss is no number any more."""


class Interrupted(Exception):
    """Training was asked to stop; its checkpoint is written."""


# Seconds between two checkpoints within an epoch; when they are written changes no result.
CHECKPOINT_SECONDS = 300.0


@dataclass
class Progress:
    """How far training has come: epochs done, steps done in all, and the loss summed over the epoch under way."""

    curve: list[Epoch]
    steps: int = 0
    loss: float = 0.0


def train(
    model: DeepSpeech,
    speech: Speech,
    dev: Speech,
    recipe: Recipe,
    *,
    seed: int,
    checkpoint: Path,
    identity: str,
    report: Callable[[Epoch], None],
    stop: Callable[[], bool] = lambda: False,
) -> list[Epoch]:
    """Train in place, from the checkpoint if there is one.

    The order of the utterances does not depend on ``seed``; dropout does, drawn anew at each step from (seed, step),
    so that a resumed run repeats the undisturbed one bit by bit.

    Args:
        model: initialised, on the device to train on.
        checkpoint: written after each epoch and every five minutes, whole or not at all; read at the start if it is
            there.
        identity: what the run is made of; a checkpoint of another identity is left aside.
        report: called after each epoch, before its checkpoint, so that what it keeps is there where a run goes on.
        stop: asked after each step; once it is true, the checkpoint is written and training ends.

    Raises:
        Diverged: if a loss is not finite.
        Interrupted: if ``stop`` said so.
        InputError: if the checkpoint is damaged, or a batch too large for the device's memory.
    """
    optimiser = torch.optim.Adam(model.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.999), eps=1e-8)
    progress = Progress([])
    remove_parts(checkpoint)
    if checkpoint.exists():
        progress = load_checkpoint(checkpoint, model, optimiser, identity)

    def save() -> None:
        save_checkpoint(checkpoint, model, optimiser, progress, identity)

    batches = list(speech.batches(recipe.batch))
    for epoch in range(len(progress.curve) + 1, recipe.epochs + 1):
        start = saved = time.monotonic()
        done = progress.steps - (epoch - 1) * len(batches)
        for indices in list(ordered(batches, recipe, epoch))[done:]:
            rate = recipe.learning_rate * scale(recipe, progress.steps, recipe.epochs * len(batches))
            for group in optimiser.param_groups:
                group["lr"] = rate
            torch.manual_seed(step_seed(seed, progress.steps))
            try:
                loss = train_step(model, optimiser, speech, indices, recipe.clip)
            except torch.OutOfMemoryError:
                raise InputError(
                    f"training.batch: the device's memory does not hold {recipe.batch} utterances at once; "
                    "lower it, or free the device of other programs"
                ) from None
            progress.loss += loss * len(indices)
            progress.steps += 1
            if stop():
                save()
                raise Interrupted
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                save()
                saved = time.monotonic()
        dev_loss, dev_wer, dev_cer = evaluate(model, dev, recipe.batch)
        progress.curve.append(
            Epoch(
                epoch=epoch,
                train_loss=progress.loss / len(speech),
                dev_loss=dev_loss,
                dev_wer=dev_wer,
                dev_cer=dev_cer,
                seconds=time.monotonic() - start,
            )
        )
        progress.loss = 0.0
        report(progress.curve[-1])
        save()
    return progress.curve


def ordered(batches: list[list[int]], recipe: Recipe, epoch: int) -> Iterator[list[int]]:
    """The batches in the order in which this epoch sees them."""
    if recipe.order == "length":
        yield from batches
        return
    generator = torch.Generator().manual_seed(step_seed(recipe.order_seed, epoch))
    for place in torch.randperm(len(batches), generator=generator).tolist():
        yield batches[place]


def scale(recipe: Recipe, step: int, steps: int) -> float:
    """What the learning rate is multiplied with at a step (counted from 0) of so many."""
    if recipe.schedule == "constant":
        return 1.0
    warm_up = max(1, steps // 10)
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / (steps - warm_up)))


def step_seed(seed: int, step: int) -> int:
    """A seed for each (seed, step) that shares no stream with a neighbour's (splitmix64's multiplier)."""
    return ((seed + 1) * 0x9E3779B97F4A7C15 + step * 0xBF58476D1CE4E5B9) % 2**63


def train_step(
    model: DeepSpeech, optimiser: torch.optim.Optimizer, speech: Speech, indices: list[int], clip: float | None
) -> float:
    """One step of Adam on one batch; returns the mean CTC loss an utterance before it."""
    device = model.dense1.weight.device
    audio, lengths = speech.batch(indices)
    model.train()
    log_probs, counts = model(audio.to(device), lengths.to(device))
    loss = confidence.ctc_loss(log_probs, counts, [speech.texts[index] for index in indices]).mean()
    value = float(loss.detach())
    if not math.isfinite(value):
        raise Diverged(
            f"training loss is {value}: lower training.learning_rate or set training.clip; an utterance whose text "
            "is too long for its audio has the same effect"
        )
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    if clip is not None:
        torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimiser.step()
    return value


@torch.no_grad()
def evaluate(model: DeepSpeech, speech: Speech, batch: int) -> tuple[float, float, float]:
    """Mean CTC loss an utterance, WER and CER (shares, greedy decoding) over a split."""
    device = model.dense1.weight.device
    model.eval()
    loss = 0.0
    texts: list[str] = []
    for indices in speech.batches(batch):
        audio, lengths = speech.batch(indices)
        log_probs, counts = model(audio.to(device), lengths.to(device))
        loss += float(confidence.ctc_loss(log_probs, counts, [speech.texts[i] for i in indices]).sum())
        texts += greedy(log_probs, counts)
    return loss / len(speech), error_rates.wer(speech.texts, texts), error_rates.cer(speech.texts, texts)


def save_checkpoint(
    path: Path, model: DeepSpeech, optimiser: torch.optim.Adam, progress: Progress, identity: str
) -> None:
    """Write weights, optimiser state and progress, whole or not at all, with a checksum."""
    state = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for name, parameter in model.named_parameters():
        for key, value in optimiser.state[parameter].items():
            state[f"adam.{key}.{name}"] = value
    tensors.write(path, state, {"identity": identity, "progress": asdict(progress)})


def load_checkpoint(path: Path, model: DeepSpeech, optimiser: torch.optim.Adam, identity: str) -> Progress:
    """Put model and optimiser back where :func:`save_checkpoint` found them.

    Returns:
        The progress so far; none, with nothing changed, if the checkpoint is of another identity.

    Raises:
        InputError: if the file is damaged.
    """
    state, about = tensors.read(path, "a checkpoint of this model")
    if about["identity"] != identity:
        return Progress([])
    model.load_state_dict(
        {name.removeprefix("model."): tensor for name, tensor in state.items() if name.startswith("model.")}
    )
    for name, parameter in model.named_parameters():
        own = {key: state[f"adam.{key}.{name}"] for key in ("step", "exp_avg", "exp_avg_sq")}
        # Adam counts steps on the CPU, whatever the device.
        optimiser.state[parameter] = {
            key: value if key == "step" else value.to(parameter.device) for key, value in own.items()
        }
    progress = about["progress"]
    return Progress([Epoch(**epoch) for epoch in progress["curve"]], progress["steps"], progress["loss"])
