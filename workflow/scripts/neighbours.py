"""Rule neighbours: a surrogate's samples, heard by models at growing distance from it."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from asrtransfer.attacks.samples import sound
from asrtransfer.ctc import decoding
from asrtransfer.ctc.pool import pooled
from asrtransfer.files import parquet
from asrtransfer.hearing import neighbours
from asrtransfer.hearing.hear import hear
from asrtransfer.machine import compute
from asrtransfer.recognisers.deepspeech import network, training
from asrtransfer.speech.utterances import Speech
from job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with (
    job(snakemake) as progress,
    pooled(decoding.build(**snakemake.params.decoder), snakemake.threads) as decoder,
):
    params, surrogate_name = snakemake.params, snakemake.wildcards.surrogate
    compute.prepare(params.device, params.threads)
    surrogate = network.load_weights(Path(snakemake.input.weights), params.device)
    remote = network.load_weights(Path(snakemake.input.remote), params.device)
    dev = Speech.read(Path(snakemake.input.dev))
    tables = [parquet.read(Path(path)) for path in snakemake.input.samples]
    samples = pd.concat([table[table["primary"]] for table in tables], ignore_index=True)
    audio = [sound(cell) for cell in samples["audio"]]
    listeners = [
        ("epoch", f"epoch {epoch}", neighbours.with_weights(surrogate, weights))
        for epoch, weights in neighbours.load_epochs(Path(snakemake.input.epochs)).items()
    ]
    listeners += [
        ("line", f"{share:g} of the way to {params.remote}", neighbours.between(surrogate, remote, share))
        for share in params.shares
    ]
    parts = []
    for kind, name, listener in listeners:
        heard = hear(listener, decoder, audio)
        part = samples[["attack", "target", "confidence", "utterance_id", "phrase"]].assign(
            surrogate=surrogate_name,
            kind=kind,
            neighbour=name,
            distance=neighbours.distance(surrogate, listener),
            dev_wer=training.evaluate(listener, dev, 32)[1],
            heard=[one.texts[0] for one in heard],
        )
        part["hit"] = part["heard"] == part["phrase"]
        progress(f"{name}: {int(part['hit'].sum())} of {len(part)} samples transfer")
        parts.append(part)
    parquet.write(pd.concat(parts, ignore_index=True), Path(snakemake.output.transcripts))
