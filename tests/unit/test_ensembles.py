"""Attacks on several surrogates: what is lowered, against numbers worked out here, and what a single member leaves."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import torch
from test_attacks import CARLINI, as_bytes, run, tasks
from torch import Tensor

from asrtransfer.attacks.ensembles import COMBINATIONS, Drawn, Dynamic, Mean, Worst
from asrtransfer.recognisers.deepspeech import DeepSpeech
from asrtransfer.recognisers.deepspeech.network import Network
from asrtransfer.speech.utterances import Speech

LENGTHS = [4, 3]
LOSSES = torch.tensor([[1.0, 8.0], [3.0, 2.0]])


def gradients(seed: int = 1) -> Tensor:
    drawn = torch.randn(2, 2, 4, generator=torch.Generator().manual_seed(seed))
    drawn[:, 1, 3:] = 0
    return drawn


@pytest.mark.parametrize("name", COMBINATIONS)
def test_one_member_is_left_as_it_is(name: str) -> None:
    combination = COMBINATIONS[name](1, "job")
    for step in range(1, 4):
        assert list(combination.choose(step)) == [0]
        loss, gradient = combination.join(LOSSES[:1], gradients(step)[:1], LENGTHS)
        assert torch.equal(loss, LOSSES[0])
        assert torch.equal(gradient, gradients(step)[0])


def test_the_mean_and_the_worst() -> None:
    found = gradients()
    loss, gradient = Mean(2, "job").join(LOSSES, found, LENGTHS)
    assert loss.tolist() == [2.0, 5.0]
    assert torch.equal(gradient, (found[0] + found[1]) / 2)
    loss, gradient = Worst(2, "job").join(LOSSES, found, LENGTHS)
    assert loss.tolist() == [3.0, 8.0]
    assert torch.equal(gradient, torch.stack([found[1, 0], found[0, 1]]))


def test_members_are_drawn_by_job_and_iteration_alone() -> None:
    first = [*(Drawn(3, "job").choose(step)[0] for step in range(1, 301))]
    again = Drawn(3, "job")
    assert [again.choose(step)[0] for step in range(300, 0, -1)] == first[::-1]
    assert first != [Drawn(3, "other").choose(step)[0] for step in range(1, 301)]
    # Of 300 draws a member gets 100 on average, with a standard deviation of 8.2.
    assert all(70 < count < 130 for count in Counter(first).values())


def test_dynamic_weights_follow_the_formula() -> None:
    combination = Dynamic(2, "job")
    sums = [[np.zeros(length) for length in LENGTHS] for _ in range(2)]
    for step in range(1, 4):
        given = gradients(step)
        loss, gradient = combination.join(LOSSES, given, LENGTHS)
        for row, length in enumerate(LENGTHS):
            own = given[:, row, :length].double().numpy()
            for member in range(2):
                sums[member][row] += own[member] / np.abs(own[member]).mean()
            weights = [math.exp(-float(np.linalg.norm(sums[member][row]))) for member in range(2)]
            shares = [weight / sum(weights) for weight in weights]
            mean = shares[0] * float(LOSSES[0, row]) + shares[1] * float(LOSSES[1, row])
            assert float(loss[row]) == pytest.approx(mean, rel=1e-5)
            expected = shares[0] * own[0] + shares[1] * own[1]
            assert gradient[row, :length].tolist() == pytest.approx(expected.tolist(), rel=1e-4, abs=1e-6)
        assert not gradient[1, 3:].any()


def test_an_utterance_does_not_depend_on_the_others_of_its_batch() -> None:
    together, alone = Dynamic(2, "job"), Dynamic(2, "job")
    for step in range(1, 4):
        given = gradients(step)
        both = together.join(LOSSES, given, LENGTHS)
        one = alone.join(LOSSES[:, 1:], given[:, 1:, :3], LENGTHS[1:])
        assert torch.equal(both[0][1:], one[0])
        assert torch.equal(both[1][1:, :3], one[1])
    together.keep(torch.tensor([1]))
    given = gradients(9)[:, 1:]
    assert torch.equal(
        together.join(LOSSES[:, 1:], given, LENGTHS[1:])[1][:, :3],
        alone.join(LOSSES[:, 1:], given[:, :, :3], LENGTHS[1:])[1],
    )


@pytest.mark.parametrize("name", COMBINATIONS)
def test_an_attack_on_one_model_is_the_same_by_every_name(toy: DeepSpeech, dev_split: Speech, name: str) -> None:
    plain = run(toy, tasks(dev_split, 2), CARLINI, "low", iterations=40)
    combined = run(toy, tasks(dev_split, 2), CARLINI, "low", iterations=40, combine=name)
    assert as_bytes(combined) == as_bytes(plain)
    assert [outcome.best_loss for outcome in combined] == [outcome.best_loss for outcome in plain]


@pytest.mark.parametrize("name", COMBINATIONS)
def test_every_way_reaches_both_members(toy: DeepSpeech, dev_split: Speech, name: str) -> None:
    """The second member is the first with some noise on its weights: another model, which hears as well."""
    near = Network(toy.network.units)
    near.load_state_dict(toy.network.state_dict())
    with torch.no_grad():
        for weights in near.parameters():
            noise = torch.randn(weights.shape, generator=torch.Generator().manual_seed(3))
            weights += 0.02 * weights.std() * noise if weights.dim() > 1 else 0
    members = [toy, DeepSpeech(near.requires_grad_(False).eval())]
    outcomes = run(members, tasks(dev_split, 2), CARLINI, "low", iterations=120, combine=name)
    found = [outcome.samples[-1].audio for outcome in outcomes if outcome.samples]
    assert found
    for member in members:
        assert [heard.texts[0] for heard in member.hear(found)] == ["dab"] * len(found)
