"""Rule score: one model's transcripts of dev and test with the language model, as tuned."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from asrtransfer.ctc.language_model import LanguageModelDecoder
from asrtransfer.ctc.pool import pooled
from asrtransfer.files import parquet
from asrtransfer.hearing import scoring
from asrtransfer.machine import compute
from asrtransfer.recognisers.deepspeech import network
from asrtransfer.speech.utterances import Speech
from asrtransfer.text import error_rates
from job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as progress:
    params = snakemake.params
    tuned = json.loads(Path(snakemake.input.tuned).read_text())
    decoder = LanguageModelDecoder(**params.decoder, alpha=tuned["alpha"], beta=tuned["beta"])
    with pooled(decoder, snakemake.threads) as workers:
        compute.prepare(params.device, params.threads)
        listener = network.load_weights(Path(snakemake.input.weights), params.device)
        parts = []
        for split in ("dev", "test"):
            speech = Speech.read(Path(snakemake.input[split]))
            heard = scoring.transcribed(workers, scoring.log_probabilities(listener, speech, range(len(speech))))
            part = speech.table[["utterance_id", "text"]].assign(split=split, transcription=heard)
            progress(f"{split}: WER {error_rates.wer(speech.texts, heard):.1%} with the language model", last=True)
            parts.append(part)
    parquet.write(pd.concat(parts, ignore_index=True), Path(snakemake.output.transcripts))
