"""Rule score: one model's transcripts of dev and test with the language model, as tuned."""

import json

import pandas as pd

from asrtransfer.ctc.language_model import LanguageModelDecoder
from asrtransfer.ctc.pool import open_pool
from asrtransfer.files import parquet
from asrtransfer.hearing import scoring
from asrtransfer.machine import compute
from asrtransfer.speech.utterances import Speech
from asrtransfer.text import error_rates
from job import Job, run
from models import load_frames


def main(job: Job) -> None:
    """Hear both splits with the language model."""
    params = job.params
    tuned = json.loads(job.input("tuned").read_text())
    decoder = LanguageModelDecoder(**params.decoder, alpha=tuned["alpha"], beta=tuned["beta"])
    with open_pool(decoder, job.threads) as workers:
        compute.prepare(params.device, params.threads)
        model = load_frames(job)
        parts = []
        for split in ("dev", "test"):
            speech = Speech.read(job.input(split))
            heard = scoring.transcribe_all(workers, scoring.log_probabilities(model, speech, range(len(speech))))
            wer = error_rates.wer(speech.texts, heard)
            job.progress(f"{split}: WER {wer:.1%} with the language model", last=True)
            parts.append(speech.table[["utterance_id", "text"]].assign(split=split, transcription=heard))
    parquet.write(pd.concat(parts, ignore_index=True), job.output("transcripts"))


if __name__ == "__main__":
    run(main, globals()["snakemake"])
