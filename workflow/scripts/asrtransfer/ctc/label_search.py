"""Beam search over any labels: the most probable sequences of them in an utterance."""

from __future__ import annotations

import torch
from flashlight.lib.text.decoder import CriterionType, LexiconFreeDecoder, LexiconFreeDecoderOptions, ZeroLM
from torch import Tensor

from asrtransfer.ctc.backends import BEAM
from asrtransfer.ctc.labels import Labels, ctc_loss
from asrtransfer.text.alphabet import collapse

MOST_LABELS = 40
"""Most probable labels of a frame that a search tries."""
KEPT = 30
"""Sequences of a search, so that ten texts are left once those that say the same are merged."""
FLOOR = -1e4
"""Lower bound of the log-probabilities that are searched: sums cannot contain infinities."""


class LabelSearch:
    """Finds the most probable labels of an utterance.

    Args:
        count: of labels, blank included.
        blank: the label that is none.
    """

    def __init__(self, count: int, blank: int) -> None:
        self._count, self._blank = count, blank
        options = LexiconFreeDecoderOptions(
            beam_size=BEAM,
            beam_size_token=min(count, MOST_LABELS),
            beam_threshold=25.0,
            lm_weight=0.0,
            sil_score=0.0,
            log_add=True,
            criterion_type=CriterionType.CTC,
        )
        self._model = ZeroLM()
        # The search starts as if a frame of the "silence" token preceded: only blank leaves the first label free.
        self._search = LexiconFreeDecoder(options, self._model, blank, blank, [])

    def find(self, row: Tensor) -> dict[Labels, float]:
        """Find sequences of labels: ln P(labels | audio) in nats of each, exact, the best first.

        Args:
            row: float32 (frames, labels) natural log-probabilities on the CPU.
        """
        emissions = row.clamp(min=FLOOR).contiguous()
        results = self._search.decode(emissions.data_ptr(), len(row), self._count)
        found = list(dict.fromkeys(tuple(collapse(result.tokens, self._blank)) for result in results[: 2 * KEPT]))[
            :KEPT
        ]
        rows = row.double().expand(len(found), -1, -1)
        losses = ctc_loss(rows, torch.full((len(found),), len(row)), found, self._blank).tolist()
        scored = sorted(zip(found, losses, strict=True), key=lambda pair: (pair[1], pair[0]))
        return {labels: -loss for labels, loss in scored}
