"""Rule language: one of LibriSpeech's language models, downloaded, in lower case."""

from pathlib import Path
from typing import TYPE_CHECKING

from asrtransfer.ctc import librispeech_models
from job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as progress:
    path = Path(snakemake.output.language_model)
    librispeech_models.fetch(snakemake.params.name, path, snakemake.params.mirror)
    progress(f"{snakemake.params.name}: {path.stat().st_size / 1e6:.0f} MB", last=True)
