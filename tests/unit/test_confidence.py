"""The confidences against a sum over all alignments in plain Python floats."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from asrtransfer.ctc.confidence import ctc_loss, k1, k2, k5
from asrtransfer.files.errors import InputError
from asrtransfer.text.alphabet import BLANK, SIZE, collapse, decode, frames_needed


def random_log_probs(batch: int, frames: int, seed: int = 0, scale: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(batch, frames, SIZE, generator=generator, dtype=torch.float64)
    return logits.log_softmax(dim=-1)


def probability(row: Tensor, text: str) -> float:
    """Compute P(text | audio) as the sum over all alignments that collapse to the text."""
    classes = sorted({BLANK, *(" abcdefghijklmnopqrstuvwxyz'".index(character) for character in text)})
    probabilities = row.exp().tolist()
    return math.fsum(
        math.prod(frame[index] for frame, index in zip(probabilities, path, strict=True))
        for path in itertools.product(classes, repeat=len(probabilities))
        if decode(collapse(path)) == text
    )


@pytest.mark.parametrize("text", ["", "a", "ab", "aa", "a a", "it's"])
@pytest.mark.parametrize("frames", [1, 3, 5])
def test_k1_is_the_sum_over_all_alignments(text: str, frames: int) -> None:
    log_probs = random_log_probs(1, frames, seed=len(text))
    loss = ctc_loss(log_probs, torch.tensor([frames]), [text])
    expected = probability(log_probs[0], text)
    assert k1(loss).item() == pytest.approx(expected, rel=1e-9)
    assert (expected == 0.0) == (frames_needed(text) > frames) == math.isinf(loss.item())


def test_probabilities_of_all_texts_sum_to_one() -> None:
    log_probs = random_log_probs(1, 2, scale=2.0)
    characters = " abcdefghijklmnopqrstuvwxyz'"
    texts = ["", *characters, *map("".join, itertools.product(characters, repeat=2))]
    loss = ctc_loss(log_probs.expand(len(texts), -1, -1), torch.full((len(texts),), 2), texts)
    assert k1(loss).sum().item() == pytest.approx(1.0)


def test_rows_do_not_depend_on_batch_or_padding() -> None:
    log_probs, lengths, texts = random_log_probs(3, 6), torch.tensor([6, 3, 4]), ["abc", "a", "bb"]
    together = ctc_loss(log_probs, lengths, texts)
    for row, length in enumerate(lengths.tolist()):
        alone = ctc_loss(log_probs[row, None, :length], lengths[row, None], [texts[row]])
        assert alone.item() == together[row].item()


def test_gradient_is_the_slope_along_the_logits() -> None:
    logits = torch.randn(1, 4, SIZE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda x: ctc_loss(x.log_softmax(dim=-1), torch.tensor([4]), ["ab"]), logits.requires_grad_()
    )


def test_threshold_of_nine_tenths_in_nats() -> None:
    assert k1(torch.tensor(0.1054)).item() == pytest.approx(0.9, abs=1e-4)


def test_k1_never_exceeds_one_by_rounding() -> None:
    assert k1(torch.tensor([-1e-7])).item() == 1.0


def test_k2_is_the_geometric_mean_over_characters() -> None:
    loss = torch.tensor([-25 * math.log(0.9), -2 * math.log(0.3), 1.0])
    assert k2(loss, ["x" * 25, "ab", ""]).tolist() == pytest.approx([0.9, 0.3, math.exp(-1)])


def test_k5_is_the_mean_best_class_of_the_frames_that_count() -> None:
    probabilities = torch.full((1, 3, SIZE), 0.1 / (SIZE - 1))
    probabilities[0, :, 3] = 0.9
    probabilities[0, 1] = 1 / SIZE
    assert k5(probabilities.log(), torch.tensor([3])).item() == pytest.approx((1.8 + 1 / SIZE) / 3)
    assert k5(probabilities.log(), torch.tensor([1])).item() == pytest.approx(0.9)


def test_empty_batch() -> None:
    assert ctc_loss(torch.zeros(0, 4, SIZE), torch.zeros(0, dtype=torch.long), []).shape == (0,)


def test_wrong_texts_are_refused() -> None:
    log_probs = random_log_probs(1, 2)
    with pytest.raises(InputError, match="'É'"):
        ctc_loss(log_probs, torch.tensor([2]), ["É"])
    with pytest.raises(ValueError, match="2 texts for a batch of 1"):
        ctc_loss(log_probs, torch.tensor([2]), ["a", "b"])
