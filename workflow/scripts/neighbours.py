"""Rule neighbours: a surrogate's samples, heard by models at growing distance from it."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from asrtransfer import recognisers
from asrtransfer.attacks.samples import read_audio
from asrtransfer.ctc import decoding
from asrtransfer.ctc.greedy import GreedyDecoder
from asrtransfer.ctc.pool import open_pool
from asrtransfer.files import parquet
from asrtransfer.hearing.hear import hear
from asrtransfer.machine import compute
from asrtransfer.speech.utterances import Speech
from asrtransfer.text import error_rates
from job import Job, run

KEPT = ["attack", "target", "target_kind", "confidence", "utterance_id", "phrase"]


def main(job: Job) -> None:
    """Hear the primary samples with each neighbour."""
    params = job.params
    with open_pool(decoding.build(**params.decoder), job.threads) as decoder:
        compute.prepare(params.device, params.threads)
        dev = Speech.read(job.input("dev"))
        clean = [dev.samples(index) for index in range(len(dev))]
        tables = [parquet.read(path) for path in job.inputs("samples")]
        samples = pd.concat([table[table["primary"]] for table in tables], ignore_index=True)
        audio = [read_audio(cell) for cell in samples["audio"]]
        parts = []
        for neighbour in list_neighbours(job):
            heard = hear(neighbour.recogniser, decoder, audio)
            greedy = [one.top for one in hear(neighbour.recogniser, GreedyDecoder(), clean)]
            part = samples[KEPT].assign(
                surrogate=job.wildcards["surrogate"],
                kind=neighbour.kind,
                neighbour=neighbour.name,
                distance=neighbour.distance,
                dev_wer=error_rates.wer(dev.texts, greedy),
                heard=[one.top for one in heard],
            )
            part["hit"] = part["heard"] == part["phrase"]
            job.progress(f"{neighbour.name}: {int(part['hit'].sum())} of {len(part)} samples transfer")
            parts.append(part)
    parquet.write(pd.concat(parts, ignore_index=True), job.output("transcripts"))


def list_neighbours(job: Job) -> Iterator[Any]:
    """The neighbours that the surrogate's family makes."""
    params = job.params
    return recognisers.list_neighbours(
        params.model["use"],
        weights=job.input("weights"),
        epochs=job.input("epochs"),
        last=params.epochs,
        remote=job.input("remote"),
        stranger=params.remote,
        shares=params.shares,
        device=params.device,
    )


if __name__ == "__main__":
    run(main, globals()["snakemake"])
