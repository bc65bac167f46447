"""Checkpoint select: clean transcripts become the utterances to attack, and each model's near targets."""

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from asrtransfer.files import parquet
from asrtransfer.hearing import selection
from job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as progress:
    params = snakemake.params
    heard = {}
    for model, path in zip(params.models, snakemake.input.transcripts, strict=True):
        transcripts = parquet.read(Path(path))
        heard[model] = transcripts[transcripts["split"] == "test"]
    test = parquet.read(Path(snakemake.input.test))
    chosen = selection.select(test, heard, params.utterances, params.seed)
    targets = product(params.models, params.ranks)
    for (model, rank), path in zip(targets, snakemake.output.near_targets, strict=True):
        parquet.write(selection.near_targets(chosen, heard[model], [rank]), Path(path))
    parquet.write(chosen, Path(snakemake.output.selected))
    progress(f"{len(chosen)} utterances selected", last=True)
