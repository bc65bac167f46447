"""Training of one DeepSpeech model from its tables of speech to its weights, curve and card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from asrtransfer.files import parquet
from asrtransfer.files.cards import write_card
from asrtransfer.files.errors import InputError
from asrtransfer.machine import compute
from asrtransfer.recognisers.deepspeech import training
from asrtransfer.recognisers.deepspeech.checkpoint import Epoch
from asrtransfer.recognisers.deepspeech.network import Network, load_weights, save_epochs, save_weights, weight_hash
from asrtransfer.recognisers.deepspeech.outputs import Output
from asrtransfer.recognisers.deepspeech.section import Recipe
from asrtransfer.recognisers.deepspeech.sizes import count_frames
from asrtransfer.recognisers.trained import Report, TrainingJob
from asrtransfer.speech.audio import SAMPLE_RATE
from asrtransfer.speech.utterances import Speech
from asrtransfer.text.vocabulary import list_words

OF_TUNING = 10**9
"""Added to a seed, it is no model's: their names have nine digits at most."""
LAST_EPOCHS = 3
"""Epochs at the end of each training whose weights are kept, for the transfer curve."""


def train_model(job: TrainingJob, report: Report, stop: Callable[[], bool]) -> None:
    """Train a model; see :func:`asrtransfer.recognisers.trained.train_model`."""
    recipe = choose_recipe(job)
    compute.prepare(job.device, job.threads, deterministic=job.arm != "native", gpus=recipe.gpus)
    network = _initialise(job)
    start = weight_hash(network)
    network.to(job.device)
    speech, dev = choose_speech(job), Speech.read(job.dev)
    check_lengths(speech, network.output)
    check_lengths(dev, network.output)
    checkpoint = job.weights.with_name("checkpoint.safetensors")
    last = range(max(1, recipe.epochs - LAST_EPOCHS + 1), recipe.epochs + 1)

    def tell(epoch: Epoch) -> None:
        if epoch.epoch in last:
            save_weights(network, _epoch_file(checkpoint, epoch.epoch))
        line = f"epoch {epoch.epoch}/{recipe.epochs}: loss {epoch.train_loss:.2f}, dev WER {epoch.dev_wer:.1%} (greedy)"
        report(line, epoch.epoch == recipe.epochs)

    curve = training.train(
        network,
        speech,
        dev,
        recipe,
        seed=draw_seed(job),
        checkpoint=checkpoint,
        identity=_identify(job, recipe, start, speech),
        report=tell,
        stop=stop,
        devices=[f"{job.device}:{number}" for number in range(recipe.gpus)],
    )
    save_weights(network, job.weights)
    epochs = {epoch: load_weights(_epoch_file(checkpoint, epoch)).state_dict() for epoch in last}
    save_epochs(epochs, job.epochs)
    parquet.write(pd.DataFrame(curve), job.curve)
    donor = None if job.donor is None else load_weights(job.donor)
    if donor is not None:
        _check_shared(job, network, donor)
    write_card(_describe(job, network, donor, start, speech, curve), job.card)
    for path in checkpoint.parent.glob("checkpoint*.safetensors"):
        path.unlink()


def check_lengths(speech: Speech, output: Output) -> None:
    """Check that CTC can emit each text in its audio; otherwise the loss would be infinite.

    Args:
        speech: utterances to train or evaluate on.
        output: classes of the network.

    Raises:
        InputError: for the first utterance whose text needs more frames than its audio has, or that no classes say.
    """
    table = speech.table
    for name, path, seconds, text in zip(
        speech.utterance_ids, table["path"], table["seconds"], speech.texts, strict=True
    ):
        try:
            needed, frames = output.count_frames(text), count_frames(round(seconds * SAMPLE_RATE))
        except InputError as error:
            raise InputError(
                f"{speech.folder / path}: utterance {name}: {error}; with network.output: words, dev and test may say "
                "no others: remove the utterance, or set network.output: characters"
            ) from None
        if needed > frames:
            raise InputError(
                f"{speech.folder / path}: utterance {name}: its {seconds:.3f} seconds hold {frames} of the {needed} "
                "frames that its text needs; correct the text or remove the utterance"
            )


def choose_speech(job: TrainingJob) -> Speech:
    """Return the utterances to train on: for ``data``, those of its part.

    The parts are disjoint, are the whole together, and differ by one utterance at the most. Who is in which follows
    from the order's seed and the utterance's name.
    """
    speech = Speech.read(job.train)
    if job.arm != "data":
        return speech
    seed = job.keys.training.order_seed
    drawn = sorted(speech.utterance_ids, key=lambda name: hashlib.sha256(f"{seed}\0{name}".encode()).digest())
    return speech.part(set(drawn[job.which - 1 :: job.keys.parts]))


def choose_recipe(job: TrainingJob) -> Recipe:
    """Return the recipe.

    For ``tuned``, as many epochs as its name says, at one rate, in another order; for ``data``, as many steps as on the
    whole.
    """
    recipe: Recipe = job.keys.training
    if job.arm == "data":
        return recipe.model_copy(update={"epochs": recipe.epochs * job.keys.parts})
    if job.arm != "tuned":
        return recipe
    tuned = {
        "epochs": job.which,
        "learning_rate": job.keys.tuning.learning_rate,
        "schedule": "constant",
        "order_seed": recipe.order_seed + OF_TUNING,
        "give_up": None,
    }
    return recipe.model_copy(update=tuned)


def draw_seed(job: TrainingJob) -> int:
    """Return the seed of dropout and masks: of ``tuned`` another one than its base had."""
    return job.seed + OF_TUNING if job.arm == "tuned" else job.seed


def _initialise(job: TrainingJob) -> Network:
    keys = job.keys.network
    # Of the whole split for every model, also for one that trains on a part of it.
    words = list_words(Speech.read(job.train).texts) if keys.output == "words" else []
    network = Network(**keys.shape, words=words)
    network.initialise(job.seed)
    if job.arm == "ulp":
        network.nudge(job.which)
    if job.donor is not None:
        network.take(load_weights(job.donor), job.shared or None)
    for layer in job.shared:
        network.get_submodule(layer).requires_grad_(False)
    return network


def _check_shared(job: TrainingJob, network: Network, donor: Network) -> None:
    """Make sure that layers which are shared have stayed the donor's.

    Raises:
        InputError: if one has not.
    """
    for name in job.shared:
        if weight_hash(network.get_submodule(name)) != weight_hash(donor.get_submodule(name)):
            raise InputError(f"{job.donor}: its {name} has changed since the training of {job.model}; run again")


def _identify(job: TrainingJob, recipe: Recipe, start: str, speech: Speech) -> str:
    """What a training is made of; the number of GPUs changes no weight."""
    kept = recipe.model_dump(exclude={"gpus"})
    network = job.keys.network.model_dump()
    made = [start, speech.digest(), draw_seed(job), kept, network, job.device, job.threads, job.code]
    return json.dumps([*made, list(job.shared)])


def _epoch_file(checkpoint: Path, epoch: int) -> Path:
    """Where the weights after an epoch wait for the end of the training."""
    return checkpoint.with_name(f"checkpoint-{epoch}.safetensors")


def _describe(
    job: TrainingJob, network: Network, donor: Network | None, start: str, speech: Speech, curve: list[Epoch]
) -> dict[str, Any]:
    """What the model's card says."""
    rung: dict[str, Any] = {}
    if donor is not None:
        rung["donor_weights_sha256"] = weight_hash(donor)
    if job.shared:
        rung["shared_layers"] = list(job.shared)
    if job.arm == "data":
        rung["part"] = {"number": job.which, "of": job.keys.parts}
    if job.arm == "tuned":
        rung["tuning"] = {"epochs": job.which, **job.keys.tuning.model_dump()}
    return {
        "model": job.model,
        "family": job.family,
        "seed": job.seed,
        "arm": job.arm,
        **rung,
        **{key: value for key, value in network.shape.items() if key != "words"},
        "output": job.keys.network.output,
        "classes": network.output.size,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "recipe": job.keys.training.model_dump(),
        "dropout": job.keys.network.dropout,
        "train_utterances": len(speech),
        "train_minutes": round(float(speech.table["seconds"].sum()) / 60, 2),
        "dev_wer_greedy": curve[-1].dev_wer,
        "dev_cer_greedy": curve[-1].dev_cer,
        "initial_weights_sha256": start,
        "training_data_sha256": speech.digest(),
        "weights_sha256": weight_hash(network),
        "device": job.device,
        "threads": job.threads,
        "seconds": round(sum(epoch.seconds for epoch in curve), 1),
        **compute.describe(job.device),
    }
