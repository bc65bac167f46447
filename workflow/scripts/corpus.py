"""Rule corpus: a corpus becomes audio and a table for each split."""

from pathlib import Path
from typing import TYPE_CHECKING

from asrtransfer import corpora
from asrtransfer.corpora import librispeech, manifest, synthetic
from job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

PREPARE = {"librispeech": librispeech.prepare, "manifest": manifest.prepare, "synthetic": synthetic.synthesise}

with job(snakemake) as progress:
    settings = dict(snakemake.params.corpus)
    disjoint = settings.get("disjoint_speakers", False)
    folder = Path(snakemake.output.train).parent
    utterances = PREPARE[settings.pop("kind")](folder, **settings)
    corpora.write(utterances, folder, disjoint_speakers=disjoint)
    minutes = sum(utterance.seconds for utterance in utterances) / 60
    progress(f"{len(utterances)} utterances, {minutes:.1f} minutes", last=True)
