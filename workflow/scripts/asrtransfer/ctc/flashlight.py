"""Beam search without a language model by flashlight-text, the decoder inside torchaudio's ctc_decoder.

With `log_add`, the search sums the alignments of one text. Without, it ranks single alignments, and its top three texts
differ on every second utterance. Its scores lack the pruned alignments, so the exact scores order the list.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
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


THRESHOLDS = (6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0, 20.0, 25.0, math.inf)
"""Nats by which a state may lie below the best of its frame, or is dropped: the narrower, the faster the search."""
LARGEST = THRESHOLDS[-2]


class FlashlightDecoder(Decoder):
    """Find the ten most probable texts by beam search.

    A text whose final probability lies s nats below the best text's may lie further below on its way. The search
    therefore drops states at twice the span of its ten texts, at the least; a narrow search tells how wide that is.
    On 846 hearings of adversarial samples the lists were those of a search that keeps all states within 25 nats.

    On 600 generated posteriors (benchmarks/decoding.py) the default pruning gave the same lists as a beam of 100 over
    all classes: on all 400 whose best text typically has a probability above e-11, on 99 of 100 at e-38, and on 95 of
    100 at e-77. At such low probabilities a beam of 200 changes lists as well; none of these settings is exact there.

    Args:
        beam: states kept per frame. A text has two states: its last frame is blank, or is not.
        tokens_per_frame: most probable classes tried per frame, 1..29. Of the texts that result when one frame's class
            is replaced by a less probable one, at most three are not new (blank and the two neighbours); the ten best
            single replacements are therefore among the first thirteen classes.
        thresholds: ascending, the last one infinite.
    """

    def __init__(
        self, *, beam: int = BEAM, tokens_per_frame: int = 13, thresholds: Sequence[float] = THRESHOLDS
    ) -> None:
        self._model = ZeroLM()
        self._searches = [(each, self._build_search(beam, tokens_per_frame, each)) for each in thresholds]

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
        found: list[Hypothesis] = []
        needed = 0.0
        for threshold, search in self._searches:
            if threshold < needed:
                continue
            results = search.decode(emissions.data_ptr(), len(row), SIZE)
            needed = _widen([score for _, score in islice(_list_texts(results), TOP)], threshold)
            if needed <= threshold:
                found = _rescore(row, results)
                needed = _widen([one.log_probability for one in found], threshold)
            if needed <= threshold:
                break
        return found


def _widen(scores: Sequence[float], threshold: float) -> float:
    """The threshold that a search needs whose best texts have these scores: an infinite one is always enough."""
    if len(scores) < TOP:
        return LARGEST if threshold < LARGEST else math.inf
    return 2 * (scores[0] - scores[-1])


def _list_texts(results: list[DecodeResult]) -> Iterator[tuple[str, float]]:
    """Each text of a search once, with the score of its better state, best first."""
    told = set()
    for result in results:
        text = decode(collapse(result.tokens))
        if text not in told:
            told.add(text)
            yield text, result.score


def _rescore(row: Tensor, results: list[DecodeResult]) -> list[Hypothesis]:
    """Return the ten most probable texts of a search, ordered by exact probability.

    The score of a search lacks the pruned alignments and lies below the exact one. Results arrive best first, in
    batches. Rescoring stops when the next result would enter the ten only with twice the largest gap found.
    """
    found: dict[str, Hypothesis] = {}
    remaining = _list_texts(results)
    gap = 0.0
    while batch := list(islice(remaining, 2 * TOP)):
        if len(found) >= TOP and batch[0][1] + 2 * gap < best(found.values())[-1].log_probability:
            break
        exact = log_probabilities(row, [text for text, _ in batch])
        for (text, score), probability in zip(batch, exact, strict=True):
            gap = max(gap, probability - score)
            found[text] = Hypothesis(text, probability)
    return best(found.values())


DECODER = FlashlightDecoder
