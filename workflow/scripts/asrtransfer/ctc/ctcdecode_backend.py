"""Beam search without a language model by the package ctcdecode (parlance), which is optional.

Its last release (2021) has no wheels and does not build with current PyTorch; `make ctcdecode` builds patched sources.
"""

from __future__ import annotations

import torch
from torch import Tensor

from asrtransfer.ctc.backends import BEAM
from asrtransfer.ctc.base import Decoder, Hypothesis, frames, rank_texts
from asrtransfer.files.errors import InputError
from asrtransfer.text.alphabet import BLANK, CHARACTERS, SIZE, decode


class CTCDecodeDecoder(Decoder):
    """Find the ten most probable texts by the prefix beam search of ctcdecode, and order them by exact probability.

    Args:
        beam: texts kept per frame.
        tokens_per_frame: most probable classes tried per frame, 1..29.

    Raises:
        InputError: if ctcdecode cannot be imported.
    """

    def __init__(self, *, beam: int = BEAM, tokens_per_frame: int = SIZE) -> None:
        try:
            from ctcdecode import CTCBeamDecoder
        except ImportError as error:
            raise InputError(
                f"decoder backend ctcdecode cannot be imported ({error}): build it with `make ctcdecode`, or use "
                "flashlight"
            ) from error
        self._search = CTCBeamDecoder(
            [*CHARACTERS, "_"],
            cutoff_top_n=tokens_per_frame,
            cutoff_prob=1.0,
            beam_width=beam,
            num_processes=1,
            blank_id=BLANK,
            log_probs_input=True,
        )

    def top(self, log_probs: Tensor, lengths: Tensor) -> list[list[Hypothesis]]:
        """See `Decoder.top`."""
        return [self._decode_row(row) for row in frames(log_probs, lengths)]

    def _decode_row(self, row: Tensor) -> list[Hypothesis]:
        if len(row) == 0:
            return [Hypothesis("", 0.0)]
        results, _, _, counts = self._search.decode(row[None], torch.tensor([len(row)]))
        pairs = zip(results[0].tolist(), counts[0].tolist(), strict=True)
        return rank_texts(row, [decode(result[:count]) for result, count in pairs])


DECODER = CTCDecodeDecoder
