"""Beam search without a language model by flashlight-text, the decoder inside torchaudio's ctc_decoder.

With `log_add`, the search sums the alignments of one text. Without, it ranks single alignments, and its top three texts
differ on every second utterance. Its scores lack the pruned alignments, so the exact scores order the list.
"""

from __future__ import annotations

import math
from itertools import islice

from flashlight.lib.text.decoder import (
    CriterionType,
    DecodeResult,
    LexiconFreeDecoder,
    LexiconFreeDecoderOptions,
    ZeroLM,
)
from torch import Tensor

from asrtransfer.ctc.backends import BEAM
from asrtransfer.ctc.base import TOP, Decoder, Hypothesis, best, frames, log_probabilities
from asrtransfer.text.alphabet import BLANK, SIZE, collapse, decode

FLOOR = -1e4
"""Lower bound of the log-probabilities passed to the search, whose sums cannot contain infinities."""


class FlashlightDecoder(Decoder):
    """Find the ten most probable texts by beam search.

    On 600 generated posteriors (benchmarks/decoding.py) the default pruning gave the same lists as a beam of 100 over
    all classes: on all 400 whose best text typically has a probability above e-11, on 99 of 100 at e-38, and on 95 of
    100 at e-77. At such low probabilities a beam of 200 changes lists as well; none of these settings is exact there.

    Args:
        beam: states kept per frame. A text has two states: its last frame is blank, or is not.
        tokens_per_frame: most probable classes tried per frame, 1..29. Of the texts that result when one frame's class
            is replaced by a less probable one, at most three are not new (blank and the two neighbours); the ten best
            single replacements are therefore among the first thirteen classes.
        threshold: nats; states this far below the best state are dropped. If the ten texts span more than half of the
            threshold, the search runs again without it.
    """

    def __init__(self, *, beam: int = BEAM, tokens_per_frame: int = 13, threshold: float = 25.0) -> None:
        self._threshold = threshold
        self._model = ZeroLM()
        self._pruned = self._build_search(beam, tokens_per_frame, threshold)
        self._unpruned = self._build_search(beam, tokens_per_frame, math.inf)

    def _build_search(self, beam: int, tokens_per_frame: int, threshold: float) -> LexiconFreeDecoder:
        options = LexiconFreeDecoderOptions(
            beam_size=beam,
            beam_size_token=tokens_per_frame,
            beam_threshold=threshold,
            lm_weight=0.0,
            sil_score=0.0,
            log_add=True,
            criterion_type=CriterionType.CTC,
        )
        # The search starts as if a frame of the "silence" token preceded: only blank leaves the first letter free.
        return LexiconFreeDecoder(options, self._model, BLANK, BLANK, [])

    def top(self, log_probs: Tensor, lengths: Tensor) -> list[list[Hypothesis]]:
        """See `Decoder.top`."""
        return [self._decode_row(row) for row in frames(log_probs, lengths)]

    def _decode_row(self, row: Tensor) -> list[Hypothesis]:
        if len(row) == 0:
            return [Hypothesis("", 0.0)]
        emissions = row.clamp(min=FLOOR)
        found = _rescore(row, self._pruned.decode(emissions.data_ptr(), len(row), SIZE))
        spread = found[0].log_probability - found[-1].log_probability
        if len(found) < TOP or spread > self._threshold / 2:
            found = _rescore(row, self._unpruned.decode(emissions.data_ptr(), len(row), SIZE))
        return found


def _rescore(row: Tensor, results: list[DecodeResult]) -> list[Hypothesis]:
    """Return the ten most probable texts of a search, ordered by exact probability.

    The score of a search lacks the pruned alignments and lies below the exact one. Results arrive best first, in
    batches. Rescoring stops when the next result would enter the ten only with twice the largest gap found.
    """
    found: dict[str, Hypothesis] = {}
    remaining = iter(results)
    gap = 0.0
    while batch := list(islice(remaining, 2 * TOP)):
        if len(found) >= TOP and batch[0].score + 2 * gap < best(found.values())[-1].log_probability:
            break
        texts = [decode(collapse(result.tokens)) for result in batch]
        for text, exact, result in zip(texts, log_probabilities(row, texts), batch, strict=True):
            gap = max(gap, exact - result.score)
            found[text] = Hypothesis(text, exact)
    return best(found.values())


DECODER = FlashlightDecoder
