"""Planned batches fit, and the planned memory of an utterance is the measured one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from test_attacks import products_depend_on_the_batch

from asrtransfer.attacks.run import run_attack
from asrtransfer.attacks.task import Outcome, Task
from asrtransfer.ctc import confidence, decoding
from asrtransfer.hearing.hear import hear
from asrtransfer.machine import compute
from asrtransfer.machine.memory import Plan
from asrtransfer.recognisers.deepspeech import DeepSpeech, sizes
from asrtransfer.recognisers.deepspeech.network import Network
from asrtransfer.speech.utterances import Speech


@pytest.mark.parametrize(("units", "utterances", "seconds"), [(64, 2, 4), (256, 2, 3), (512, 1, 2)])
def test_what_a_pass_keeps_is_what_is_planned(units: int, utterances: int, seconds: int) -> None:
    network = Network(units).requires_grad_(False).eval()
    weights = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    audio = 1000 * torch.randn(utterances, 16_000 * seconds, generator=torch.Generator().manual_seed(1))
    delta = torch.zeros_like(audio, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        log_probs, counts = network(audio + delta, torch.full((utterances,), 16_000 * seconds))
        confidence.ctc_loss(log_probs, counts, ["go"] * utterances).sum()
    found = sum(size for place, size in kept.items() if place not in weights) / utterances
    # What is planned holds an attack's own tensors as well, which weigh most beside a small network.
    own = sizes._FLOAT * sizes._STATE * 16_000 * seconds
    planned = sizes.attack_bytes(units, 16_000 * seconds)
    assert found < planned - own < 1.6 * found


def test_the_published_study_is_one_batch_on_a_large_device_and_some_on_a_small_one() -> None:
    ten_seconds = 160_000
    assert sizes.attack_bytes(2048, ten_seconds) == pytest.approx(146e6, rel=0.02)
    large, small = Plan("cpu", 0.7 * 139e9), Plan("cpu", 0.7 * 11e9)
    assert large.holds(98 * sizes.attack_bytes(2048, 2 * ten_seconds))
    assert small.holds(49 * sizes.attack_bytes(2048, ten_seconds))
    assert not small.holds(98 * sizes.attack_bytes(2048, ten_seconds))
    assert small.holds(98 * sizes.hearing_bytes(2048, ten_seconds))


def test_a_recogniser_plans_the_sizes_of_its_network() -> None:
    recogniser = DeepSpeech(Network(64))
    assert recogniser.bytes(3, 160_000, gradient=True) == 3 * sizes.attack_bytes(64, 160_000)
    assert recogniser.bytes(3, 160_000, gradient=False) == 3 * sizes.hearing_bytes(64, 160_000)


def test_batches_follow_the_plan_and_hold_everything_once() -> None:
    sizes = [1, 1, 2, 3, 9, 9, 50]
    parts: list[range] = []
    compute.in_batches(len(sizes), 4, parts.append, lambda part: len(part) * sizes[part[-1]] <= 10)
    assert [list(part) for part in parts] == [[0, 1, 2], [3], [4], [5], [6]]


def sampled(outcomes: list[Outcome]) -> list[list[tuple[int, bytes]]]:
    return [[(sample.iteration, sample.audio.tobytes()) for sample in outcome.samples] for outcome in outcomes]


def make_tasks(dev: Speech) -> list[Task]:
    return [Task(dev.utterance_ids[index], dev.samples(index), "dab") for index in range(6)]


def test_planned_batches_change_no_sample(toy: DeepSpeech, dev_split: Speech) -> None:
    if products_depend_on_the_batch(toy, dev_split):
        pytest.skip("this processor's matrix products depend on the size of the batch in the last bits")
    todo = make_tasks(dev_split)
    longest = len(todo[-1].audio)
    small = Plan("cpu", 2.2 * toy.bytes(1, longest, gradient=True))
    assert not small.holds(toy.bytes(len(todo), longest, gradient=True))
    keys = {"iterations": 60, "keep": 2}
    whole, parts = (
        run_attack([toy], todo, "pgd", keys | {"threshold": None}, seed="s", plan=plan) for plan in (None, small)
    )
    assert sampled(whole) == sampled(parts)
    assert any(sampled(whole))


def test_planned_batches_change_nothing_that_is_heard(toy: DeepSpeech, dev_split: Speech) -> None:
    audio = [task.audio for task in make_tasks(dev_split)]
    tight = Plan("cpu", toy.bytes(1, len(audio[-1]), gradient=False))
    one, other = (hear(toy, decoding.build("flashlight"), audio, plan=plan) for plan in (None, tight))
    assert [hearing.texts for hearing in one] == [hearing.texts for hearing in other]
    assert np.allclose([h.log_probabilities for h in one], [h.log_probabilities for h in other], atol=1e-4)
