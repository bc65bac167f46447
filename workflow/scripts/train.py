"""Rule train: speech becomes a model, with its learning curve and card."""

import json
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from asrtransfer.files import parquet
from asrtransfer.files.cards import write_card
from asrtransfer.hearing import neighbours
from asrtransfer.machine import compute
from asrtransfer.recognisers.deepspeech import training
from asrtransfer.recognisers.deepspeech.network import DeepSpeech, load_weights, save_weights, weight_hash
from asrtransfer.speech.utterances import Speech
from job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as progress:
    params = snakemake.params
    initial = params.initial
    settings = dict(params.recipe)
    gpus = settings.pop("gpus")
    compute.prepare(params.device, params.threads, deterministic=initial["arm"] != "native", gpus=gpus)
    model = DeepSpeech(**params.network)
    model.initialise(initial["seed"])
    if initial["arm"] == "ulp":
        model.nudge(initial["which"])
    start = weight_hash(model)
    model.to(params.device)
    recipe = training.Recipe.from_dict(settings)
    speech, dev = Speech.read(Path(snakemake.input.train)), Speech.read(Path(snakemake.input.dev))
    order = speech.digest()
    others = [params.network, params.device, params.threads, params.kept_epochs, params.code]
    checkpoint = Path(snakemake.output.weights).with_name("checkpoint.safetensors")

    def kept(epoch: int) -> Path:
        """Where the weights after an epoch wait for the end of the training."""
        return checkpoint.with_name(f"checkpoint-{epoch}.safetensors")

    last = range(max(1, recipe.epochs - params.kept_epochs + 1), recipe.epochs + 1)

    def report(epoch: training.Epoch) -> None:
        """Keep the weights of the last epochs, and say how it goes."""
        if epoch.epoch in last:
            save_weights(model, kept(epoch.epoch))
        progress(
            f"epoch {epoch.epoch}/{recipe.epochs}: loss {epoch.train_loss:.2f}, dev WER {epoch.dev_wer:.1%} (greedy)",
            last=epoch.epoch == recipe.epochs,
        )

    # What a cluster sends before it takes the machine away.
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    try:
        curve = training.train(
            model,
            speech,
            dev,
            recipe,
            seed=initial["seed"],
            checkpoint=checkpoint,
            identity=json.dumps([start, order, initial["seed"], settings, *others]),
            report=report,
            stop=asked.is_set,
            devices=[f"{params.device}:{number}" for number in range(gpus)],
        )
    except training.Interrupted:
        progress("told to stop; the next run goes on from the checkpoint", last=True)
        sys.exit(1)
    save_weights(model, Path(snakemake.output.weights))
    epochs = {epoch: load_weights(kept(epoch)).state_dict() for epoch in last}
    neighbours.save_epochs(epochs, Path(snakemake.output.epochs))
    parquet.write(pd.DataFrame(curve), Path(snakemake.output.curve))
    card = {
        "model": snakemake.wildcards.model,
        "seed": initial["seed"],
        "arm": initial["arm"],
        "units": model.units,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "recipe": params.recipe,
        "dropout": params.network["dropout"],
        "train_utterances": len(speech),
        "train_minutes": round(float(speech.table["seconds"].sum()) / 60, 2),
        "dev_wer_greedy": curve[-1].dev_wer,
        "dev_cer_greedy": curve[-1].dev_cer,
        "initial_weights_sha256": start,
        "training_data_sha256": order,
        "weights_sha256": weight_hash(model),
        "device": params.device,
        "threads": params.threads,
        "seconds": round(sum(epoch.seconds for epoch in curve), 1),
        **compute.describe(params.device),
    }
    write_card(card, Path(snakemake.output.card))
    for path in checkpoint.parent.glob("checkpoint*.safetensors"):
        path.unlink()
