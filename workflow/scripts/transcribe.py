"""Rule transcribe: one remote hears every sample of one surrogate, and their negative controls."""

from pathlib import Path
from typing import TYPE_CHECKING

from asrtransfer.ctc import decoding
from asrtransfer.ctc.pool import pooled
from asrtransfer.files import parquet
from asrtransfer.hearing import transfer
from asrtransfer.machine import compute
from asrtransfer.recognisers.deepspeech import network
from asrtransfer.speech.utterances import Speech
from job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with (
    job(snakemake) as progress,
    pooled(decoding.build(**snakemake.params.decoder), snakemake.threads) as decoder,
):
    params, wildcards = snakemake.params, snakemake.wildcards
    compute.prepare(params.device, params.threads)
    remote = network.load_weights(Path(snakemake.input.weights), params.device)
    speech = Speech.read(Path(snakemake.input.selected), Path(snakemake.input.audio).parent)
    clean = {name: speech.samples(index) for index, name in enumerate(speech.utterance_ids)}
    texts = dict(zip(speech.utterance_ids, speech.texts, strict=True))
    listener = transfer.Listener(remote, decoder, clean, texts, certify=params.certify)
    rows: list[dict[str, object]] = []
    for count, path in enumerate(snakemake.input.samples, start=1):
        samples = parquet.read(Path(path))
        rows += listener.transcripts(samples[samples["status"] == "sample"])
        progress(f"{count} of {len(snakemake.input.samples)} attack jobs heard")
    table = transfer.as_table(rows, wildcards.remote, network.weight_hash(remote), params.arm)
    parquet.write(table, Path(snakemake.output.transcripts))
    hits = [bool(row["hit"]) for row in rows if row["kind"] == "adversarial"]
    searched = sum(bool(row["searched"]) for row in rows)
    progress(f"{sum(hits)} of {len(hits)} samples transfer; {searched} of {len(rows)} hearings searched", last=True)
