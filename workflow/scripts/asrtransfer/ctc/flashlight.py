"""Beam search without a language model by flashlight-text, the decoder inside torchaudio's ctc_decoder.

The search sums alignments of one text (`log_add`): without, it ranks single alignments and gives another top
three on every second utterance. Its scores miss the alignments that were pruned, so the list is ordered by
the exact ones.
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

from asrtransfer.ctc.base import TOP, Decoder, Hypothesis, best, frames, log_probabilities
from asrtransfer.text.alphabet import BLANK, SIZE, collapse, decode

FLOOR = -1e4
"""Log-probabilities are raised to this before the search, whose sums cannot take an infinite one."""


class FlashlightDecoder(Decoder):
    """The ten most probable texts by beam search.

    Pruned as by default, 600 made-up posteriors (benchmarks/decoding.py) gave the lists of a beam of 100 over
    all classes on the 400 whose best text has typically over e-11, on 99 of 100 at e-38, and on 95 of 100
    at e-77. So improbable, a beam of 200 finds other lists as well: no such setting is an exact search there.

    :param beam: states kept per frame; a text whose last frame is a blank and one whose is not are two
        states.
    :param tokens_per_frame: most probable classes tried per frame, 1..29. Replacing one frame's class by a
        less probable one gives at most three texts that are not new (blank and the two neighbours), so that
        the ten best single replacements lie within the first thirteen.
    :param threshold: states this many nats below the best one are dropped. Searched again without, where the
        ten texts span more than half of it.
    """

    def __init__(self, *, beam: int = 100, tokens_per_frame: int = 13, threshold: float = 25.0) -> None:
        self._threshold = threshold
        self._model = ZeroLM()
        self._pruned = self._search(beam, tokens_per_frame, threshold)
        self._unpruned = self._search(beam, tokens_per_frame, math.inf)

    def _search(self, beam: int, tokens_per_frame: int, threshold: float) -> LexiconFreeDecoder:
        options = LexiconFreeDecoderOptions(
            beam_size=beam,
            beam_size_token=tokens_per_frame,
            beam_threshold=threshold,
            lm_weight=0.0,
            sil_score=0.0,
            log_add=True,
            criterion_type=CriterionType.CTC,
        )
        # The search begins as if after a frame of the "silence" token: only blank leaves the first text free.
        return LexiconFreeDecoder(options, self._model, BLANK, BLANK, [])

    def top(self, log_probs: Tensor, lengths: Tensor) -> list[list[Hypothesis]]:
        """See `Decoder.top`."""
        return [self._top(row) for row in frames(log_probs, lengths)]

    def _top(self, row: Tensor) -> list[Hypothesis]:
        if len(row) == 0:
            return [Hypothesis("", 0.0)]
        emissions = row.clamp(min=FLOOR)
        found = _rescored(row, self._pruned.decode(emissions.data_ptr(), len(row), SIZE))
        spread = found[0].log_probability - found[-1].log_probability
        if len(found) < TOP or spread > self._threshold / 2:
            found = _rescored(row, self._unpruned.decode(emissions.data_ptr(), len(row), SIZE))
        return found


def _rescored(row: Tensor, results: list[DecodeResult]) -> list[Hypothesis]:
    """The ten most probable texts of a search, by exact probability.

    A search's score is below the exact one by what it pruned. Results come best first, and a batch is the
    last to be rescored when the next result would need twice the largest such gap seen to come among the ten.
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
