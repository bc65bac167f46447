"""The penalty on what can be heard: against its formula, and against what it is for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from test_attacks import CARLINI, GRADIENT_DESCENT, Attack, as_bytes, run, tasks
from toys import RowByRow

from asrtransfer.attacks.gradients import divide_by_mean
from asrtransfer.attacks.masked import Masked
from asrtransfer.attacks.section import MaskingSection
from asrtransfer.attacks.task import Outcome
from asrtransfer.recognisers.deepspeech import DeepSpeech
from asrtransfer.speech import masking
from asrtransfer.speech.utterances import Speech

LENGTHS = [6000, 4500]
STAYING = Attack("cw", {"shrink": 1}, 2000.0)


def utterances() -> list[np.ndarray]:
    random = np.random.default_rng(3)
    tones = [3000 * np.sin(2 * np.pi * 700 * np.arange(length) / 16000) for length in LENGTHS]
    return [np.rint(tone + random.normal(0, 200, len(tone))).astype(np.int16) for tone in tones]


def perturbations(size: float = 300.0) -> torch.Tensor:
    drawn = torch.randn(2, max(LENGTHS), generator=torch.Generator().manual_seed(1)) * size
    drawn[1, LENGTHS[1] :] = 0
    return drawn


def excess(audio: np.ndarray, change: np.ndarray) -> float:
    """Equation 5 of Qin et al., frame by frame and bin by bin; without the bins below a Bark."""
    levels, shift = masking.find_threshold(audio.astype(float))
    total, count = 0.0, 0
    for frame, limits in enumerate(levels):
        part = np.zeros(2048)
        cut = change[frame * 512 : frame * 512 + 2048]
        part[: len(cut)] = cut
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2048) / 2048)
        for place, value in enumerate(np.fft.rfft(part * hann) / 2048):
            hertz = place * 16000 / 2048
            if 13 * np.arctan(0.00076 * hertz) + 3.5 * np.arctan((hertz / 7500) ** 2) >= 1:
                count += 1
                total += max(0.0, 8 / 3 * abs(value) ** 2 * 10 ** (shift / 10) - 10 ** (limits[place] / 10))
    return total / count


def test_the_penalty_follows_the_formula() -> None:
    masked = Masked(MaskingSection(), utterances(), "cpu")
    delta = perturbations()
    expected = [excess(audio, delta[row, : len(audio)].double().numpy()) for row, audio in enumerate(utterances())]
    assert masked.excess(delta).tolist() == pytest.approx(expected, rel=1e-4)
    threshold = masking.find_threshold(utterances()[1].astype(float))
    assert masking.measure_excess(threshold, delta[1, : LENGTHS[1]].double().numpy()) == pytest.approx(expected[1])
    assert not masked.excess(torch.zeros_like(delta)).any()


def test_nothing_is_added_before_a_success_and_then_a_share_that_follows_hits_and_misses() -> None:
    masked = Masked(MaskingSection(weight=0.5), utterances(), "cpu")
    gradient, delta = perturbations(1.0), perturbations()
    assert masked.add(gradient, delta, LENGTHS) is gradient
    point = delta.clone().requires_grad_()
    (penalty,) = torch.autograd.grad(masked.excess(point).sum(), point)
    loss, heard = divide_by_mean(gradient, LENGTHS), divide_by_mean(penalty, LENGTHS)
    weight = 0.5
    for number, hits in enumerate(([1], [1], [], [])):
        masked.note(hits, 2)
        weight *= 1.0 if number == 0 else 1.2 if hits else 0.8
        joined = masked.add(gradient, delta, LENGTHS)
        assert torch.equal(joined[0], gradient[0])
        assert torch.allclose(joined[1], loss[1] + weight * heard[1], rtol=1e-5, atol=1e-5)
        assert not joined[1, LENGTHS[1] :].any()
    for _ in range(40):
        masked.note([], 2)
    assert torch.allclose(masked.add(gradient, delta, LENGTHS)[1], loss[1] + 0.0005 * heard[1], rtol=1e-5, atol=1e-5)


def test_rows_that_leave_take_their_thresholds_along() -> None:
    masked, alone = (Masked(MaskingSection(), some, "cpu") for some in (utterances(), utterances()[1:]))
    masked.note([1], 2)
    alone.note([0], 1)
    masked.add(perturbations(), perturbations(), LENGTHS)
    masked.keep(torch.tensor([1]))
    delta, gradient = perturbations()[1:], perturbations(2.0)[1:]
    assert torch.equal(masked.add(gradient, delta, LENGTHS[1:]), alone.add(gradient, delta, LENGTHS[1:]))


def test_silence_masks_nothing_and_stops_nothing() -> None:
    masked = Masked(MaskingSection(), [np.zeros(6000, np.int16), utterances()[1]], "cpu")
    masked.note([0, 1], 2)
    joined = masked.add(perturbations(), perturbations(), LENGTHS)
    assert torch.equal(joined[0], perturbations()[0])
    assert masked.rate(0, 7, np.ones(6000, np.int16)) == -7


def heard_of(outcome: Outcome) -> list[float]:
    threshold = masking.find_threshold(outcome.task.audio.astype(float))
    return [
        masking.measure_excess(threshold, sample.audio - outcome.task.audio.astype(float)) for sample in outcome.samples
    ]


@pytest.mark.parametrize("attack", [STAYING, GRADIENT_DESCENT], ids=["cw", "pgd"])
def test_samples_become_less_audible_and_the_least_audible_is_kept(
    toy: DeepSpeech, dev_split: Speech, attack: Attack
) -> None:
    todo = tasks(dev_split, 4)
    plain = run(toy, todo, attack, "low", keep=1)
    masked = run(toy, todo, attack, "low", keep=3, masking={"weight": 0.5})
    reached = [ends for ends in zip(plain, masked, strict=True) if all(end.status == "sample" for end in ends)]
    assert len(reached) >= 2
    for before, after in reached:
        found = heard_of(after)
        assert found == sorted(found, reverse=True)
        assert found[-1] < 0.5 * heard_of(before)[0]
        assert after.samples[-1].iteration > before.samples[-1].iteration


def test_an_utterance_does_not_depend_on_its_batch(toy: DeepSpeech, dev_split: Speech) -> None:
    exact = RowByRow(toy.network)
    changes = {"masking": {"weight": 0.5}, "iterations": 30}
    together = run(exact, tasks(dev_split, 4), CARLINI, "low", batch=4, **changes)
    alone = run(exact, tasks(dev_split, 4), CARLINI, "low", batch=1, **changes)
    assert as_bytes(together) == as_bytes(alone)
    assert sum(len(outcome.samples) for outcome in together) > 4
