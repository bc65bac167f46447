"""Rule tune: the language model's weights that give one model the lowest word error rate on dev, and what it knows."""

import json

from asrtransfer.ctc.language_model import LanguageModelDecoder
from asrtransfer.ctc.pool import open_pool
from asrtransfer.files.whole import replace_file
from asrtransfer.hearing import scoring
from asrtransfer.machine import compute
from asrtransfer.speech.utterances import Speech
from job import Job, run
from models import load_frames


def main(job: Job) -> None:
    """Try every pair of weights on some of dev."""
    params = job.params
    decoder = LanguageModelDecoder(**params.decoder)
    with open_pool(decoder, job.threads) as workers:
        compute.prepare(params.device, params.threads)
        model = load_frames(job)
        speech = Speech.read(job.input("dev"))
        chosen = scoring.spread(len(speech), params.utterances)
        outputs = list(scoring.log_probabilities(model, speech, chosen))
        truths = [speech.texts[index] for index in chosen]
        points = scoring.tune(workers, outputs, truths, params.alphas, params.betas)
    lacking = scoring.unknown(params.phrases, decoder.words)
    found = scoring.report(points, lacking, len(chosen))
    replace_file(job.output("weights"), (json.dumps(found, indent=2) + "\n").encode())
    for phrase, words in lacking.items():
        job.progress(f"the language model has no {', '.join(words)}, so that it never hears {phrase!r}", last=True)
    job.progress(f"alpha {points[0].alpha:g}, beta {points[0].beta:g}: dev WER {points[0].wer:.1%}", last=True)


if __name__ == "__main__":
    run(main, globals()["snakemake"])
