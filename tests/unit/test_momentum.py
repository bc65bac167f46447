"""Momentum, looking ahead and variance tuning, against the formulas of their papers worked out here in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from test_attacks import CARLINI, GRADIENT_DESCENT, Attack, as_bytes, run, tasks
from torch import Tensor

from asrtransfer.attacks.cw import CW, CarliniWagner
from asrtransfer.attacks.method import Method
from asrtransfer.attacks.momentum import Momentum
from asrtransfer.attacks.pgd import PGD, ProjectedGradient
from asrtransfer.attacks.run import run_attack
from asrtransfer.attacks.section import MomentumSection
from asrtransfer.files.errors import InputError
from asrtransfer.recognisers.deepspeech import DeepSpeech
from asrtransfer.speech.utterances import Speech

LENGTHS = [6, 4]
BOUND = 0.05 * 32768
TARGET = torch.tensor([[50.0, -20, 30, 0, 700, -400], [10, 10, -90, 5, 0, 0]])
Signal = NDArray[np.float64]


def look(delta: Tensor) -> Tensor:
    """The gradient of a quartic bowl around a target, zero after each utterance's end."""
    gradient = ((delta - TARGET) / 100) ** 3
    gradient[1, LENGTHS[1] :] = 0
    return gradient


def method_of(lengths: list[int] = LENGTHS, rows: slice = slice(0, 2)) -> Method:
    audio = torch.zeros(2, 6)[rows, : max(lengths)]
    return ProjectedGradient(audio, lengths, [torch.Generator() for _ in lengths], PGD(step=0.1))


def descend(keys: dict[str, Any], steps: int) -> list[Tensor]:
    """Take steps, and return the perturbations after each."""
    method, course = method_of(), Momentum(MomentumSection(**keys), ["a", "b"])
    found = []
    for _ in range(steps):
        gradient = look(course.point(method))
        method.step(course.turn(method, gradient, look))
        found.append(method.perturbation().clone())
    return found


def gradient_of(delta: Signal, row: int) -> Signal:
    return ((delta - TARGET[row, : len(delta)].double().numpy()) / 100) ** 3


@pytest.mark.parametrize("lookahead", [False, True])
@pytest.mark.parametrize("decay", [1.0, 0.5])
def test_momentum_follows_its_formula(decay: float, lookahead: bool) -> None:
    """Equation 6 of Dong et al. (2018), and with the place of equation 6 of Lin et al. (2020)."""
    found = descend({"decay": decay, "lookahead": lookahead}, 5)
    alpha = 0.1 * BOUND
    for row, length in enumerate(LENGTHS):
        delta, total = np.zeros(length), np.zeros(length)
        for step in range(5):
            place = delta - alpha * decay * total if lookahead else delta
            gradient = gradient_of(place, row)
            total = decay * total + gradient / np.abs(gradient).mean()
            delta = np.clip(delta - alpha * np.sign(total), -BOUND, BOUND)
            assert found[step][row, :length].tolist() == pytest.approx(delta.tolist(), abs=1e-2)
    assert not found[-1][1, LENGTHS[1] :].any()


def test_variance_tuning_follows_its_formula() -> None:
    """Equations 7 and 8 of Wang and He (2021), with the neighbours that the attack itself drew."""
    seen: list[Tensor] = []

    def watched(delta: Tensor) -> Tensor:
        seen.append(delta.clone())
        return look(delta)

    method, course = method_of(), Momentum(MomentumSection(neighbours=4, radius=1.5), ["a", "b"])
    variance, total = np.zeros((2, 6)), np.zeros((2, 6))
    for _ in range(4):
        seen.clear()
        here = method.perturbation().clone()
        gradient = look(here)
        turned = course.turn(method, gradient, watched)
        assert len(seen) == 4
        for row, length in enumerate(LENGTHS):
            tuned = gradient[row, :length].double().numpy() + variance[row, :length]
            total[row, :length] += tuned / np.abs(tuned).mean()
            assert turned[row, :length].tolist() == pytest.approx(total[row, :length].tolist(), rel=1e-3, abs=1e-4)
            around = [gradient_of(place[row, :length].double().numpy(), row) for place in seen]
            variance[row, :length] = np.mean(around, axis=0) - gradient[row, :length].double().numpy()
            offsets = torch.stack([place[row, :length] - here[row, :length] for place in seen])
            assert offsets.abs().max() <= 1.5 * BOUND + 1e-2
            assert offsets.abs().mean() > 0.4 * BOUND
        method.step(turned)


def test_an_utterance_does_not_depend_on_the_others_of_its_batch() -> None:
    keys = MomentumSection(lookahead=True, neighbours=2)
    together, alone = Momentum(keys, ["a", "b"]), Momentum(keys, ["b"])
    both, one = method_of(), method_of([4], slice(1, 2))

    def look_alone(delta: Tensor) -> Tensor:
        return ((delta - TARGET[1:, :4]) / 100) ** 3

    for step in range(6):
        if step == 3:
            together.keep(torch.tensor([1]))
            both.keep(torch.tensor([1]))
        rows = len(both.lengths)

        def look_both(delta: Tensor, rows: int = rows) -> Tensor:
            gradient = ((delta - TARGET[-rows:]) / 100) ** 3
            gradient[-1, 4:] = 0
            return gradient

        turned = together.turn(both, look_both(together.point(both)), look_both)
        single = alone.turn(one, look_alone(alone.point(one)), look_alone)
        assert torch.equal(turned[-1, :4], single[0])
        both.step(turned)
        one.step(single)


def test_carlini_and_wagner_tells_its_stride() -> None:
    method = CarliniWagner(torch.zeros(2, 4), [4, 4], [torch.Generator()] * 2, CW(learning_rate=50))
    assert method.stride().tolist() == [50, 50]
    method.delta += 1000
    method.succeeded([1])
    assert method.stride().tolist() == [50, 50 * 0.5 * 0.8]


@pytest.mark.parametrize(
    "keys",
    [{"decay": 1.0}, {"lookahead": True, "decay": 0.5}, {"neighbours": 2, "radius": 0.2}],
    ids=["momentum", "lookahead", "neighbours"],
)
@pytest.mark.parametrize(
    "attack", [pytest.param(CARLINI, id="cw", marks=pytest.mark.slow), pytest.param(GRADIENT_DESCENT, id="pgd")]
)
def test_attacks_with_momentum_reach_their_target(
    toy: DeepSpeech, dev_split: Speech, attack: Attack, keys: dict[str, Any]
) -> None:
    outcomes = run(toy, tasks(dev_split, 4), attack, "low", momentum=keys)
    assert sum(outcome.status == "sample" for outcome in outcomes) >= 1
    assert as_bytes(outcomes) != as_bytes(run(toy, tasks(dev_split, 4), attack, "low"))
    assert as_bytes(outcomes) == as_bytes(run(toy, tasks(dev_split, 4), attack, "low", momentum=keys))


def test_no_decay_and_no_neighbours_is_the_gradient_for_attacks_that_see_its_sign(
    toy: DeepSpeech, dev_split: Speech
) -> None:
    plain = run(toy, tasks(dev_split, 2), GRADIENT_DESCENT, "low")
    assert as_bytes(run(toy, tasks(dev_split, 2), GRADIENT_DESCENT, "low", momentum={"decay": 0.0})) == as_bytes(plain)


def test_an_attack_without_a_stride_cannot_look_ahead(
    toy: DeepSpeech, dev_split: Speech, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ProjectedGradient, "stride", Method.stride)
    keys = {"momentum": {"lookahead": True}, "iterations": 3, "threshold": None}
    with pytest.raises(InputError, match=r"momentum\.lookahead: ProjectedGradient has no stride; set it to false"):
        run_attack([toy], tasks(dev_split, 1), "pgd", keys, seed="test")
