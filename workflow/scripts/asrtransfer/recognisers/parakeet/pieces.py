"""CTC over word pieces: the loss of a spelling, and the most probable spellings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

import torch
from flashlight.lib.text.decoder import CriterionType, LexiconFreeDecoder, LexiconFreeDecoderOptions, ZeroLM
from torch import Tensor
from torch.nn import functional

from asrtransfer.ctc.backends import BEAM

MOST_PIECES = 40
"""Most probable pieces of a frame that a search tries."""
KEPT = 30
"""Spellings of a search, so that ten texts are left once equal ones are merged."""
FLOOR = -1e4
"""Lower bound of the log-probabilities that are searched: sums cannot contain infinities."""

Tokens = tuple[int, ...]


def collapse(path: Iterable[int], blank: int) -> Tokens:
    """Collapse a CTC alignment: merge repeated pieces, then drop blanks."""
    return tuple(piece for piece, _ in groupby(path) if piece != blank)


def ctc_loss(log_probs: Tensor, targets: Sequence[Sequence[int]], blank: int) -> Tensor:
    """Compute -ln P(pieces | audio) of each row in nats, (batch,), on the device of ``log_probs``.

    Graves et al., ICML 2006, equation 8, by torch.nn.functional.ctc_loss; infinite where the pieces do not fit.

    Args:
        log_probs: (batch, frames, pieces) natural log-probabilities; all frames count.
        targets: pieces, one sequence a row.
        blank: the piece that is none.
    """
    batch, frames, _ = log_probs.shape
    # On the CPU: the kernel of CUDA is not deterministic.
    losses = functional.ctc_loss(
        log_probs.cpu().transpose(0, 1),
        torch.tensor([piece for target in targets for piece in target], dtype=torch.long),
        torch.full((batch,), frames),
        torch.tensor([len(target) for target in targets]),
        blank=blank,
        reduction="none",
    )
    return losses.to(log_probs.device)


class Pieces:
    """Finds the most probable spellings of an utterance.

    Args:
        count: of pieces, blank included.
        blank: the piece that is none.
    """

    def __init__(self, count: int, blank: int) -> None:
        self._count, self._blank = count, blank
        options = LexiconFreeDecoderOptions(
            beam_size=BEAM,
            beam_size_token=min(count, MOST_PIECES),
            beam_threshold=25.0,
            lm_weight=0.0,
            sil_score=0.0,
            log_add=True,
            criterion_type=CriterionType.CTC,
        )
        self._model = ZeroLM()
        # The search starts as if a frame of the "silence" token preceded: only blank leaves the first piece free.
        self._search = LexiconFreeDecoder(options, self._model, blank, blank, [])

    def search(self, row: Tensor) -> dict[Tokens, float]:
        """Find spellings by beam search: ln P(pieces | audio) in nats of each, exact, the best first.

        Args:
            row: float32 (frames, pieces) natural log-probabilities on the CPU.
        """
        emissions = row.clamp(min=FLOOR).contiguous()
        results = self._search.decode(emissions.data_ptr(), len(row), self._count)
        found = list(dict.fromkeys(collapse(result.tokens, self._blank) for result in results[: 2 * KEPT]))[:KEPT]
        losses = ctc_loss(row.double().expand(len(found), -1, -1), found, self._blank).tolist()
        scored = sorted(zip(found, losses, strict=True), key=lambda pair: (pair[1], pair[0]))
        return {tokens: -loss for tokens, loss in scored}
