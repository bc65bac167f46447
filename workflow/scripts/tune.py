"""Rule tune: the language model's weights that give one model the lowest word error rate on dev, and what it knows."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from asrtransfer.ctc.language_model import LanguageModelDecoder
from asrtransfer.ctc.pool import pooled
from asrtransfer.files.whole import replace_file
from asrtransfer.hearing import scoring
from asrtransfer.machine import compute
from asrtransfer.recognisers.deepspeech import network
from asrtransfer.speech.utterances import Speech
from job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as progress:
    params = snakemake.params
    decoder = LanguageModelDecoder(**params.decoder)
    with pooled(decoder, snakemake.threads) as workers:
        compute.prepare(params.device, params.threads)
        listener = network.load_weights(Path(snakemake.input.weights), params.device)
        speech = Speech.read(Path(snakemake.input.dev))
        chosen = scoring.spread(len(speech), params.utterances)
        outputs = list(scoring.log_probabilities(listener, speech, chosen))
        truths = [speech.texts[index] for index in chosen]
        points = scoring.tune(workers, outputs, truths, params.alphas, params.betas)
    lacking = scoring.unknown(params.phrases, decoder.words)
    found = scoring.report(points, lacking, len(chosen))
    replace_file(Path(snakemake.output.weights), (json.dumps(found, indent=2) + "\n").encode())
    for phrase, words in lacking.items():
        progress(f"the language model has no {', '.join(words)}, so that it never hears {phrase!r}", last=True)
    progress(f"alpha {points[0].alpha:g}, beta {points[0].beta:g}: dev WER {points[0].wer:.1%}", last=True)
