"""Rule hear: one model transcribes the clean dev and test splits."""

import pandas as pd

from asrtransfer.ctc import decoding
from asrtransfer.ctc.pool import open_pool
from asrtransfer.files import parquet
from asrtransfer.hearing.hear import Hearing, hear
from asrtransfer.machine import compute
from asrtransfer.speech.utterances import Speech
from asrtransfer.text import error_rates
from job import Job, run
from models import load_channel, load_model


def main(job: Job) -> None:
    """Hear both splits, and tell the error rate of each utterance."""
    params = job.params
    with open_pool(decoding.build(**params.decoder), job.threads) as decoder:
        compute.prepare(params.device, params.threads)
        model, channel = load_model(job), load_channel(job)
        parts = []
        for split in ("dev", "test"):
            speech = Speech.read(job.input(split))
            heard = hear(model, decoder, [channel(speech.samples(index)) for index in range(len(speech))])
            parts.append(tabulate(speech, heard, split))
            wer = error_rates.wer(speech.texts, [one.top for one in heard])
            job.progress(f"{split}: WER {wer:.1%}", last=True)
    parquet.write(pd.concat(parts), job.output("transcripts"))


def tabulate(speech: Speech, heard: list[Hearing], split: str) -> pd.DataFrame:
    """One row an utterance."""
    pairs = list(zip(speech.texts, [one.top for one in heard], strict=True))
    return speech.table[["utterance_id", "speaker", "text"]].assign(
        split=split,
        greedy=pd.Series([one.greedy for one in heard]),
        texts=pd.Series([one.texts for one in heard]),
        raw=pd.Series([one.raw for one in heard]),
        log_probabilities=pd.Series([one.log_probabilities for one in heard]),
        wer=[error_rates.word_errors(truth, top).rate for truth, top in pairs],
        cer=[error_rates.character_errors(truth, top).rate for truth, top in pairs],
    )


if __name__ == "__main__":
    run(main, globals()["snakemake"])
