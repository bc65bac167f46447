"""Rule attack: one surrogate turns the selected utterances into samples for one target at one confidence."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from asrtransfer import attacks
from asrtransfer.attacks import samples
from asrtransfer.attacks.loop import Goal, Task, attack
from asrtransfer.files import parquet
from asrtransfer.machine import compute
from asrtransfer.recognisers.deepspeech import network
from asrtransfer.speech.utterances import Speech
from job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as progress:
    wildcards, device = snakemake.wildcards, snakemake.params.device
    settings = snakemake.params.job
    compute.prepare(device, snakemake.params.threads)
    surrogate = network.load_weights(Path(snakemake.input.weights), device)
    speech = Speech.read(Path(snakemake.input.selected), Path(snakemake.input.audio).parent)
    if settings["phrase"] is None:
        near = parquet.read(Path(snakemake.input.near_targets))
        near = near[near["rank"] == settings["rank"]].set_index("utterance_id")["target"]
        phrases = [near[name] for name in speech.utterance_ids]
    else:
        phrases = [settings["phrase"]] * len(speech)
    tasks = [Task(name, speech.samples(index), phrases[index]) for index, name in enumerate(speech.utterance_ids)]
    name = "/".join([*wildcards, str(settings["seed"])])
    outcomes = attack(
        surrogate,
        tasks,
        Goal(**settings["goal"]),
        partial(attacks.method(wildcards.attack), shrinks=wildcards.confidence == "low", **settings["settings"]),
        seed=name,
        progress=lambda done, total: progress(f"{done / total:.0%}") if done % 50 == 0 else None,
    )
    kept = samples.capped(outcomes, settings["cap"], name)
    parquet.write(samples.table(outcomes, kept, speech.texts, dict(wildcards)), Path(snakemake.output.samples))
    reached = sum(outcome.status == "sample" for outcome in outcomes)
    progress(f"{reached} of {len(outcomes)} utterances reached the target", last=True)
