"""Proofs agree with beam search."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from asrtransfer.ctc.best_path import greedy
from asrtransfer.ctc.confidence import ctc_loss
from asrtransfer.ctc.flashlight import FlashlightDecoder
from asrtransfer.ctc.proof import is_out_of_reach, prove_rank
from asrtransfer.hearing.hear import rank

FRAMES = 40
PHRASES = ["open the door", "a", "", "delete my messages", "zz"]


def posterior(seed: int, scale: float, frames: int = FRAMES) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (scale * torch.randn(frames, 29, generator=generator)).log_softmax(dim=1)


def loss_of(row: torch.Tensor, text: str) -> float:
    return float(ctc_loss(row[None], torch.tensor([len(row)]), [text])[0])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("scale", [0.5, 2.0, 5.0, 15.0])
@pytest.mark.parametrize("with_best", [False, True])
def test_a_proof_agrees_with_the_search(seed: int, scale: float, with_best: bool) -> None:
    """The phrases include the ten texts of the search, and the text of the best path, often the target."""
    row = posterior(seed, scale)
    (found,) = FlashlightDecoder(beam=400).top(row[None], torch.tensor([FRAMES]))
    texts = [hypothesis.text for hypothesis in found]
    for phrase in [*texts, *greedy(row[None], torch.tensor([FRAMES])), *PHRASES]:
        known = prove_rank(row, phrase, loss_of(row, phrase), with_best=with_best)
        if known is None:
            continue
        assert rank(phrase, [one.text for one in known]) == rank(phrase, texts)
        assert known == found[: len(known)]
        assert known or not with_best


def test_a_distant_target_needs_no_search_and_a_near_one_does() -> None:
    row = posterior(0, 5.0)
    (second,) = FlashlightDecoder().top(row[None], torch.tensor([FRAMES]))
    assert prove_rank(row, "open the door", loss_of(row, "open the door"), with_best=False) == []
    assert prove_rank(row, second[9].text, loss_of(row, second[9].text), with_best=False) is None


def test_what_does_not_fit_is_out_of_reach() -> None:
    row = posterior(0, 5.0, frames=6)
    assert loss_of(row, "open the door") == math.inf
    assert prove_rank(row, "open the door", math.inf, with_best=False) == []


def test_no_frames_prove_nothing() -> None:
    assert prove_rank(torch.zeros(0, 29), "a", math.inf, with_best=False) is None


def test_ten_texts_are_counted_not_ten_alignments() -> None:
    """Silence with one uncertain frame: changes of other frames are improbable; this one gives eight more texts."""
    scores = np.full((5, 29), -1000.0)
    scores[:, 28] = 0.0
    scores[2, :8] = -1.0
    scores[2, 8:28] = -200.0
    assert is_out_of_reach(scores, loss=300.0)
    assert not is_out_of_reach(scores, loss=100.0)


def test_a_proof_holds_by_more_than_rounding() -> None:
    scores = np.full((1, 29), -10.0)
    scores[0, 28] = 0.0
    assert not is_out_of_reach(scores, loss=10.4)
    assert is_out_of_reach(scores, loss=10.6)
