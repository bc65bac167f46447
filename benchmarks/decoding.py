"""What pruning saves the decoder, and whether it changes a list of ten; beside pyctcdecode, and ctcdecode if installed.

Run by hand: python benchmarks/decoding.py [utterances per level]

The posteriors are made up in the shape of a trained model's: blanks, spikes of one or two frames, a rival class in
each spike; 65 to 125 frames, 1.3 to 2.5 seconds. Their sharpness runs from a model that knows nothing to a
sample of high confidence. The reference is a beam of 100 over all classes without a threshold. pyctcdecode, without a
language model, has a beam of 100 and its own pruning, and then that of our default (25 nats, all classes); it strips
spaces, so that its texts are compared without them.
"""

from __future__ import annotations

import logging
import math
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

from asrtransfer.ctc.base import Decoder, Hypothesis
from asrtransfer.ctc.decoding import build
from asrtransfer.ctc.flashlight import FlashlightDecoder
from asrtransfer.files.errors import InputError
from asrtransfer.text.alphabet import BLANK, CHARACTERS, SIZE

TURNS = 5
SHARPNESS = [0.5, 1.0, 1.5, 2.5, 4.0, 8.0]


def spoken_row(seed: int, sharpness: float, frames: int | None = None) -> Tensor:
    """One utterance's log-probabilities, (frames, 29) float32; by default of 65 to 125 frames."""
    generator = torch.Generator().manual_seed(seed)
    frames = frames or int(torch.randint(65, 126, (1,), generator=generator))
    logits = 2 * torch.randn(frames, SIZE, generator=generator)
    logits[:, BLANK] += 6 * sharpness
    for spike in torch.randperm(frames - 1, generator=generator)[: frames // 4].tolist():
        index, rival = torch.randint(len(CHARACTERS), (2,), generator=generator).tolist()
        certainty = 1 + 8 * sharpness * float(torch.rand(1, generator=generator))
        logits[spike, BLANK] -= 2 * sharpness
        logits[spike, index] += certainty + 2
        logits[spike, rival] += certainty * float(torch.rand(1, generator=generator))
        logits[spike + 1, index] += 0.7 * certainty
    return logits.log_softmax(dim=-1)


class PyCtcDecode(Decoder):
    """pyctcdecode behind the same interface."""

    def __init__(self, **pruning: Any) -> None:
        from pyctcdecode.decoder import build_ctcdecoder

        logging.getLogger("pyctcdecode").setLevel(logging.ERROR)
        self._decoder = build_ctcdecoder([*CHARACTERS, ""])
        self._pruning = pruning

    def top(self, log_probs: Tensor, lengths: Tensor) -> list[list[Hypothesis]]:
        """See `Decoder.top`."""
        rows = (row[:length].numpy() for row, length in zip(log_probs, lengths.tolist(), strict=True))
        return [
            [
                Hypothesis(beam[0], float(beam[-1]))
                for beam in self._decoder.decode_beams(row, beam_width=100, **self._pruning)[:10]
            ]
            for row in rows
        ]


def spoken(one: Hypothesis) -> str:
    """A text as pyctcdecode gives it."""
    return " ".join(one.text.split())


def decoded(decoder: Decoder, rows: list[Tensor]) -> tuple[list[list[Hypothesis]], float]:
    """Each row's list, and milliseconds of processor time per row."""
    start = time.process_time()
    lists = [decoder.top(row[None], torch.tensor([len(row)]))[0] for row in rows]
    return lists, 1000 * (time.process_time() - start) / len(rows)


def main(utterances: int) -> None:
    """Print a line per sharpness and decoder."""
    torch.set_num_threads(1)
    decoders: dict[str, Decoder] = {
        "all classes": FlashlightDecoder(tokens_per_frame=SIZE, thresholds=[math.inf]),
        "13 classes": FlashlightDecoder(thresholds=[math.inf]),
        "default": FlashlightDecoder(),
        "beam 200": FlashlightDecoder(beam=200),
        "pyctcdecode": PyCtcDecode(),
        "the same, pruned as ours": PyCtcDecode(beam_prune_logp=-25, token_min_logp=-25),
    }
    try:
        decoders["ctcdecode"] = build("ctcdecode")
    except InputError as error:
        print(error)
    for sharpness in SHARPNESS:
        rows = [spoken_row(seed, sharpness) for seed in range(utterances)]
        turns = [{name: decoded(decoder, rows) for name, decoder in decoders.items()} for _ in range(TURNS)]
        reference, _ = turns[0]["all classes"]
        for name in decoders:
            lists, _ = turns[0][name]
            taken = [turn[name][1] for turn in turns]
            ratios = sorted(milliseconds / turn["default"][1] for milliseconds, turn in zip(taken, turns, strict=True))
            pairs = list(zip(lists, reference, strict=True))
            tens = sum([*map(spoken, left)] == [*map(spoken, right)] for left, right in pairs)
            tops = sum(spoken(left[0]) == spoken(right[0]) for left, right in pairs)
            best = statistics.median(right[0].log_probability for _, right in pairs)
            print(
                f"sharpness {sharpness:3}  median best {best:7.2f} nats  {name:24} {statistics.median(taken):6.1f} ms  "
                f"{statistics.median(ratios):5.2f} times the default's ({ratios[0]:.2f} to {ratios[-1]:.2f})  "
                f"same ten {tens}/{utterances}  same best {tops}/{utterances}"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
