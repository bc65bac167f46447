"""Training by the DeepSpeech 0.4.1 recipe, resumable to bit-identical weights.

Source of the recipe: ``bin/run-cluster.sh`` / ``.compute`` of mozilla/DeepSpeech v0.4.1: Adam 1e-4 (0.9, 0.999,
1e-8), dropout 0.2, batch 24, no schedule, no clipping, no weight decay, utterances ascending by length. All other
keys of a recipe are off by default.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from asrtransfer.files.errors import InputError
from asrtransfer.files.whole import remove_parts
from asrtransfer.machine import compute
from asrtransfer.recognisers.deepspeech.augmentation import hide
from asrtransfer.recognisers.deepspeech.batches import Batch, Batches
from asrtransfer.recognisers.deepspeech.checkpoint import Epoch, Progress, load_checkpoint, save_checkpoint
from asrtransfer.recognisers.deepspeech.network import Network
from asrtransfer.recognisers.deepspeech.section import Recipe
from asrtransfer.recognisers.trained import Interrupted
from asrtransfer.speech.utterances import Speech
from asrtransfer.text import error_rates


class Diverged(InputError):
    """The loss is no number any more, or the network has learnt nothing."""


LEAST_EPOCHS = 5
"""With a dev WER of 100 % before training is given up: a network that will learn may emit nothing for as many."""
HOPELESS_CER = 0.9
"""With utterances of one word, a network that is well on its way still has every word wrong, but not every letter."""
STANDSTILL = 0.98
"""Share of the dev loss that is left in the second half of those epochs where it stands still: CTC networks emit
nothing for a while, but their loss falls."""
# Seconds between two checkpoints within an epoch; when they are written changes no result.
CHECKPOINT_SECONDS = 300.0


def train(
    network: Network,
    speech: Speech,
    dev: Speech,
    recipe: Recipe,
    *,
    seed: int,
    checkpoint: Path,
    identity: str,
    report: Callable[[Epoch], None],
    stop: Callable[[], bool] = lambda: False,
    devices: Sequence[str] = (),
) -> list[Epoch]:
    """Train in place, from the checkpoint if there is one.

    The order of the utterances does not depend on ``seed``; dropout does, drawn anew for each batch from its number
    among all, so that a resumed run repeats the undisturbed one bit by bit, on any number of equal devices.

    Args:
        network: initialised, on the device to train on.
        checkpoint: written after each epoch and every five minutes, whole or not at all; read at the start if it is
            there.
        identity: what the run is made of; a checkpoint of another identity is left aside.
        report: called after each epoch, before its checkpoint, so that what it keeps is there where a run goes on.
        stop: asked after each step; once it is true, the checkpoint is written and training ends.
        devices: share the batches of a step, the network's own first; none: its own does all.

    Raises:
        Diverged: if a loss is not finite, or the recipe gives up.
        Interrupted: if ``stop`` said so.
        InputError: if the checkpoint is damaged, or a batch too large for the device's memory.
    """
    compute.allow_tf32(recipe.precision != "fp32")
    batches, dev_batches = Batches(speech, recipe.batch), Batches(dev, recipe.batch)
    optimiser = torch.optim.Adam(network.list_trained().values(), lr=recipe.learning_rate, betas=(0.9, 0.999), eps=1e-8)
    progress = Progress([])
    remove_parts(checkpoint)
    if checkpoint.exists():
        progress = load_checkpoint(checkpoint, network, optimiser, identity)
    networks = [network, *(copy.deepcopy(network).to(device) for device in devices[1:])]

    def save() -> None:
        save_checkpoint(checkpoint, network, optimiser, progress, identity)

    run = Run(networks, optimiser, recipe, batches, seed, progress, save, stop)
    for epoch in range(len(progress.curve) + 1, recipe.epochs + 1):
        check_progress(progress.curve, recipe)
        start = time.monotonic()
        run.train_epoch(epoch)
        dev_loss, dev_wer, dev_cer = evaluate(network, dev_batches)
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
    check_progress(progress.curve, recipe)
    return progress.curve


@dataclass
class Run:
    """A training under way.

    Attributes:
        networks: of the same weights, each on a device; the optimiser's is the first.
        optimiser: of the first network.
        recipe: of the training.
        batches: to train on.
        seed: draws dropout and masks.
        progress: how far it has come.
        save: writes the checkpoint.
        stop: asked after each step; once it is true, training ends.
    """

    networks: list[Network]
    optimiser: torch.optim.Adam
    recipe: Recipe
    batches: Batches
    seed: int
    progress: Progress
    save: Callable[[], None]
    stop: Callable[[], bool]

    def train_epoch(self, epoch: int) -> None:
        """Take the steps of an epoch that are left.

        Raises:
            Interrupted: if ``stop`` said so; the checkpoint is written.
        """
        recipe, progress = self.recipe, self.progress
        saved = time.monotonic()
        steps = math.ceil(len(self.batches) / recipe.accumulate)
        done = progress.steps - (epoch - 1) * steps
        todo = draw_order(len(self.batches), recipe, epoch)[done * recipe.accumulate :]
        with closing(self.batches.read(todo)) as reading:
            while group := list(islice(reading, recipe.accumulate)):
                self._take_step(group, scale(recipe, progress.steps, recipe.epochs * steps))
                if self.stop():
                    self.save()
                    raise Interrupted
                if time.monotonic() - saved > CHECKPOINT_SECONDS:
                    self.save()
                    saved = time.monotonic()

    def _take_step(self, group: list[Batch], factor: float) -> None:
        recipe, progress = self.recipe, self.progress
        for settings in self.optimiser.param_groups:
            settings["lr"] = recipe.learning_rate * factor
        first = progress.steps * recipe.accumulate
        seeds = [step_seed(self.seed, first + number) for number in range(len(group))]
        try:
            loss = train_step(self.networks, self.optimiser, group, recipe, seeds)
        except torch.OutOfMemoryError:
            raise InputError(
                f"training.batch: the device's memory does not hold {recipe.batch} utterances at once; "
                "lower it (training.accumulate makes up for that), or free the device of other programs"
            ) from None
        progress.loss += loss * sum(len(batch.texts) for batch in group)
        progress.steps += 1


def check_progress(curve: Sequence[Epoch], recipe: Recipe) -> None:
    """Give up on a network that has stopped learning before it got any word of the dev split right.

    Raises:
        Diverged: after as many of them as the recipe says.
    """
    if recipe.give_up is None:
        return
    patience = max(LEAST_EPOCHS, math.ceil(recipe.give_up * recipe.epochs))
    last = curve[-patience:]
    if len(last) < patience or any(epoch.dev_wer < 1 or epoch.dev_cer < HOPELESS_CER for epoch in last):
        return
    before, since = (min(epoch.dev_loss for epoch in half) for half in (last[: patience // 2], last[patience // 2 :]))
    if since > STANDSTILL * before:
        raise Diverged(
            f"training: the dev WER was 100 % in the last {patience} epochs (loss {last[-1].train_loss:.1f}): try "
            "another training.learning_rate, training.order: shuffled, training.clip, or more speech; "
            "training.give_up: null goes on"
        )


def draw_order(batches: int, recipe: Recipe, epoch: int) -> list[int]:
    """Draw the order in which an epoch sees the batches, by their places."""
    if recipe.order == "length":
        return list(range(batches))
    generator = torch.Generator().manual_seed(step_seed(recipe.order_seed, epoch))
    return torch.randperm(batches, generator=generator).tolist()


def scale(recipe: Recipe, step: int, steps: int) -> float:
    """The factor of the learning rate at a step, counted from 0, of ``steps`` in all."""
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
    networks: Sequence[Network],
    optimiser: torch.optim.Optimizer,
    batches: Sequence[Batch],
    recipe: Recipe,
    seeds: Sequence[int],
) -> float:
    """One step of Adam on some batches; returns the mean CTC loss an utterance before it.

    The networks take the batches in turn, and the gradients are added up in the order of the batches, so that the sum
    is the same, bit by bit, for any number of networks on equal devices.

    Args:
        networks: of the same weights, each on a device; the optimiser's is the first, and the others follow it.
        seeds: one a batch; draws dropout and masks.
    """
    utterances = sum(len(batch.texts) for batch in batches)
    for network in networks:
        network.train()
    optimiser.zero_grad(set_to_none=True)
    total = 0.0
    for start in range(0, len(batches), len(networks)):
        turn = batches[start : start + len(networks)]
        # An accelerator is not waited for before something is read from it: so all of them work at once.
        outputs = [
            _recognised(network, batch, recipe, seed)
            for network, batch, seed in zip(networks, turn, seeds[start:], strict=False)
        ]
        for batch, (log_probs, counts) in zip(turn, outputs, strict=True):
            share = len(batch.texts) / utterances
            loss = networks[0].output.compute_loss(log_probs, counts, batch.texts).mean()
            value = float(loss.detach())
            if not math.isfinite(value):
                raise Diverged(
                    f"training loss is {value}: lower training.learning_rate, set training.clip, or training.precision:"
                    " fp32 where it is another; an utterance whose text is too long for its audio has the same effect"
                )
            (loss * share).backward()
            total += value * share
        _gather(networks)
    if recipe.clip is not None:
        torch.nn.utils.clip_grad_norm_(networks[0].parameters(), recipe.clip)
    optimiser.step()
    _spread(networks)
    return total


def _gather(networks: Sequence[Network]) -> None:
    """Move the gradients of the others to the first network, which adds them up one after the other."""
    for network in networks[1:]:
        for sum_, part in zip(networks[0].parameters(), network.parameters(), strict=True):
            if sum_.grad is not None and part.grad is not None:
                sum_.grad += part.grad.to(sum_.device)
                part.grad = None


@torch.no_grad()
def _spread(networks: Sequence[Network]) -> None:
    """Give the others the first network's weights."""
    for network in networks[1:]:
        for weights, moved in zip(network.parameters(), networks[0].parameters(), strict=True):
            weights.copy_(moved)


def _recognised(network: Network, batch: Batch, recipe: Recipe, seed: int) -> tuple[Tensor, Tensor]:
    device = network.device
    masks = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    spectrum = batch.analyse(network.front_end)
    if recipe.spec_augment is not None:
        spectrum = hide(recipe.spec_augment, spectrum, masks)
    inputs = network.front_end.stack(spectrum)
    with torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bf16"):
        return network.recognise(inputs, spectrum.counts), spectrum.counts


@torch.no_grad()
def evaluate(network: Network, batches: Batches) -> tuple[float, float, float]:
    """Mean CTC loss an utterance, WER and CER (shares, greedy decoding) over a split."""
    network.eval()
    loss = 0.0
    meant: list[str] = []
    heard: list[str] = []
    for batch in batches.read(range(len(batches))):
        spectrum = batch.analyse(network.front_end)
        log_probs = network.recognise(network.front_end.stack(spectrum), spectrum.counts)
        loss += float(network.output.compute_loss(log_probs, spectrum.counts, batch.texts).sum())
        meant += batch.texts
        heard += network.output.read(log_probs, spectrum.counts)
    return loss / len(meant), error_rates.wer(meant, heard), error_rates.cer(meant, heard)
