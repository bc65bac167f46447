"""The margin along the most probable path: against every path of a small case, and as what an attack lowers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from test_attacks import CARLINI, GRADIENT_DESCENT, Attack, as_bytes, run, tasks
from torch import Tensor

from asrtransfer.attacks.margin import aim_at_margin, align
from asrtransfer.ctc.best_path import collapse_path
from asrtransfer.recognisers.deepspeech import DeepSpeech
from asrtransfer.speech.utterances import Speech, pad
from asrtransfer.text.alphabet import BLANK, encode

FRAMES = 5


def posteriors(seed: int, rows: int = 2) -> Tensor:
    return torch.randn(rows, FRAMES, 29, generator=torch.Generator().manual_seed(seed)).log_softmax(dim=2)


@pytest.mark.parametrize("text", ["a", "ab", "aa", "bab"])
@pytest.mark.parametrize("seed", range(5))
def test_the_path_is_the_most_probable_of_all(seed: int, text: str) -> None:
    log_probs = posteriors(seed)
    counts = torch.tensor([FRAMES, 4 if seed else 3])
    found = align(log_probs, counts, [text, text])
    classes = sorted({*encode(text), BLANK})
    for row, count in enumerate(counts.tolist()):
        every = [path for path in itertools.product(classes, repeat=count) if collapse_path(np.array(path)) == text]
        scores = [sum(float(log_probs[row, t, c]) for t, c in enumerate(path)) for path in every]
        assert found[row, :count].tolist() == list(every[int(np.argmax(scores))])
        assert set(found[row, count:].tolist()) <= {BLANK}


class Given:
    """A surrogate whose log-probabilities are given."""

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits

    def log_probs(self, audio: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return self.logits.log_softmax(dim=2), lengths


def test_what_is_missing_of_the_margin_is_summed_over_the_frames_that_count() -> None:
    logits = posteriors(7).requires_grad_()
    counts, texts = torch.tensor([FRAMES, 3]), ["ab", "a"]
    aim, missing = aim_at_margin(Given(logits), torch.zeros(2, 1), counts, texts, 1.5)  # type: ignore[arg-type]
    log_probs = logits.detach().log_softmax(dim=2)
    paths = align(log_probs, counts, texts)
    for row, count in enumerate(counts.tolist()):
        total = 0.0
        for frame in range(count):
            own = int(paths[row, frame])
            other = max(float(log_probs[row, frame, c]) for c in range(29) if c != own)
            total += max(0.0, other - float(log_probs[row, frame, own]) + 1.5)
        assert float(missing[row].detach()) == pytest.approx(total, rel=1e-5)
    assert not torch.autograd.grad(missing.sum(), logits)[0][1, 3:].any()
    assert not aim.loss.requires_grad


def test_a_row_does_not_depend_on_the_others_of_its_batch(toy: DeepSpeech, dev_split: Speech) -> None:
    audio, lengths = pad([dev_split.samples(0), dev_split.samples(3)])
    both = aim_at_margin(toy, audio, lengths, ["dab", "dab"], 2.0)
    own = int(lengths[0])
    alone = aim_at_margin(toy, audio[:1, :own], lengths[:1], ["dab"], 2.0)
    assert float(both[1][0]) == pytest.approx(float(alone[1][0]), rel=1e-5)


@pytest.mark.parametrize("attack", [CARLINI, GRADIENT_DESCENT], ids=["cw", "pgd"])
def test_attacks_by_the_margin_reach_their_target(toy: DeepSpeech, dev_split: Speech, attack: Attack) -> None:
    """Fewer do than by the CTC loss: far from the target, the most probable path leads less well."""
    found = run(toy, tasks(dev_split, 4), attack, "low", margin=4.0, iterations=150)
    assert sum(outcome.status == "sample" for outcome in found) >= 1
    assert as_bytes(found) != as_bytes(run(toy, tasks(dev_split, 4), attack, "low", iterations=150))
