"""Rule hear: one model transcribes the clean dev and test splits."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from asrtransfer.ctc import decoding
from asrtransfer.ctc.pool import pooled
from asrtransfer.files import parquet
from asrtransfer.hearing.hear import hear
from asrtransfer.machine import compute
from asrtransfer.recognisers.deepspeech import network
from asrtransfer.speech.utterances import Speech
from asrtransfer.text import error_rates
from job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with (
    job(snakemake) as progress,
    pooled(decoding.build(**snakemake.params.decoder), snakemake.threads) as decoder,
):
    params = snakemake.params
    compute.prepare(params.device, params.threads)
    listener = network.load_weights(Path(snakemake.input.weights), params.device)
    parts = []
    for split in ("dev", "test"):
        speech = Speech.read(Path(snakemake.input[split]))
        heard = hear(listener, decoder, [speech.samples(index) for index in range(len(speech))])
        part = speech.table[["utterance_id", "speaker", "text"]].assign(
            split=split,
            greedy=[one.greedy for one in heard],
            texts=pd.Series([one.texts for one in heard]),
            log_probabilities=pd.Series([one.log_probabilities for one in heard]),
        )
        tops = [one.texts[0] if one.texts else "" for one in heard]
        pairs = list(zip(speech.texts, tops, strict=True))
        part["wer"] = [error_rates.word_errors(truth, top).rate for truth, top in pairs]
        part["cer"] = [error_rates.character_errors(truth, top).rate for truth, top in pairs]
        progress(f"{split}: WER {error_rates.wer(speech.texts, tops):.1%}", last=True)
        parts.append(part)
    parquet.write(pd.concat(parts), Path(snakemake.output.transcripts))
