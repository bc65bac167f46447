"""Views of the audio: each change by what it must do, and the loss that an attack lowers over them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from test_attacks import CARLINI, GRADIENT_DESCENT, Attack, as_bytes, run, tasks

from asrtransfer.attacks import loop, views
from asrtransfer.attacks.batch import Batch
from asrtransfer.attacks.pgd import PGD, ProjectedGradient
from asrtransfer.attacks.section import ViewsSection
from asrtransfer.attacks.task import Goal, Outcome
from asrtransfer.attacks.views import Views
from asrtransfer.recognisers.deepspeech import DeepSpeech
from asrtransfer.speech.audio import SAMPLE_RATE
from asrtransfer.speech.utterances import Speech

EVERYTHING = ViewsSection(count=3, noise=30, shift=160, gain=6, cutoff=2000, room=0.2)


def stream(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tone(frequency: float, samples: int = 16000) -> torch.Tensor:
    time = torch.arange(samples, dtype=torch.float64) / SAMPLE_RATE
    return (1000 * torch.sin(2 * torch.pi * frequency * time)).float()


@pytest.mark.parametrize("samples", [0, 1, 3, -1, -3, 7, -7])
def test_a_shift_moves_every_sample(samples: int) -> None:
    signal = torch.arange(1.0, 6)
    expected = [float(signal[at - samples]) if 0 <= at - samples < 5 else 0.0 for at in range(5)]
    assert views.shift(signal, samples).tolist() == expected


def test_a_low_pass_keeps_what_is_below_its_cut_off() -> None:
    heard = views.low_pass(tone(1000) + tone(3000), 2000)
    # Where a tone starts and stops it has all frequencies.
    assert torch.allclose(heard[500:-500], tone(1000)[500:-500], atol=10)


def test_a_room_is_direct_sound_and_as_much_noise_that_decays() -> None:
    click = torch.zeros(SAMPLE_RATE)
    click[0] = 1000
    response = views.reverberate(click, 0.5, stream())
    energy = response.double().square().numpy()
    assert energy[0] == pytest.approx(energy.sum() / 2, rel=1e-3)
    # Schroeder's integral: what is left falls by 60 dB in the time given.
    left = np.cumsum(energy[:0:-1])[::-1]
    fall = 10 * np.log10(left[: SAMPLE_RATE // 4] / left[0])
    slope = np.polyfit(np.arange(len(fall)) / SAMPLE_RATE, fall, 1)[0]
    assert slope == pytest.approx(-120, rel=0.1)


def test_noise_and_gain_are_as_large_as_their_keys() -> None:
    silent = torch.zeros(16000)
    assert float(views.change(ViewsSection(noise=50), silent, stream()).std()) == pytest.approx(50, rel=0.03)
    gains = [float(views.change(ViewsSection(gain=6), torch.ones(1), stream(seed))) for seed in range(200)]
    decibels = 20 * np.log10(gains)
    assert decibels.min() > -6.01
    assert decibels.max() < 6.01
    assert decibels.std() == pytest.approx(12 / 12**0.5, rel=0.15)


def test_the_first_view_is_the_audio_itself_and_the_others_are_drawn_anew() -> None:
    audio = torch.stack([tone(500), tone(700)])
    seen = Views(EVERYTHING, ["a", "b"])
    assert seen.hear(0, audio, [16000, 16000]) is audio
    first, second = seen.hear(1, audio, [16000, 16000]), seen.hear(2, audio, [16000, 16000])
    assert not torch.equal(first, audio)
    assert not torch.equal(first, second)
    assert Views(None, ["a", "b"]).count == 1


def test_an_utterance_does_not_depend_on_the_others_of_its_batch() -> None:
    audio = torch.stack([tone(500), tone(700)])
    audio[1, 9000:] = 0
    together, alone = Views(EVERYTHING, ["a", "b"]), Views(EVERYTHING, ["b"])
    for step in range(3):
        rows = audio if step < 2 else audio[1:]
        lengths = [16000, 9000][-len(rows) :]
        if step == 2:
            together.keep(torch.tensor([1]))
        heard = together.hear(1, rows, lengths)[-1]
        assert torch.equal(heard[:9000], alone.hear(1, audio[1:, :9000], [9000])[0])
        assert not heard[9000:].any()


def test_every_change_passes_the_gradient_on() -> None:
    signal = tone(500, 4000).requires_grad_()
    for keys in ({"noise": 1}, {"shift": 10}, {"gain": 3}, {"cutoff": 3000}, {"room": 0.1}):
        heard = views.change(ViewsSection(**keys), signal, stream())
        gradient = torch.autograd.grad(heard.square().sum(), signal)[0]
        assert gradient.isfinite().all()
        assert gradient.any()


def test_the_gradient_is_the_mean_over_the_views(toy: DeepSpeech, dev_split: Speech) -> None:
    goal = Goal(threshold=None, iterations=1, test_every=1, keep=1, views=EVERYTHING)
    todo = tasks(dev_split, 2)
    batch = Batch(
        [Outcome(task, "failed") for task in todo],
        lambda audio, lengths, generators: ProjectedGradient(audio, lengths, generators, PGD()),
        goal,
        "job",
        1,
        "cpu",
    )
    aim, gradient = loop._average_views([toy], batch, 1, torch.zeros_like(batch.method.audio))
    again = Views(EVERYTHING, [f"job\0{task.utterance_id}" for task in todo])
    expected, losses = [], []
    for number in range(3):
        audio = batch.method.audio.clone().requires_grad_()
        heard = again.hear(number, audio, batch.lengths.tolist())
        found = toy.aim(heard, batch.lengths, batch.phrases).loss
        expected.append(torch.autograd.grad(found.sum(), audio)[0])
        losses.append(found.detach())
    assert torch.allclose(gradient, torch.stack(expected).mean(dim=0), rtol=1e-4, atol=1e-8)
    assert torch.equal(aim.loss, losses[0])


@pytest.mark.parametrize(
    "attack", [pytest.param(CARLINI, id="cw", marks=pytest.mark.slow), pytest.param(GRADIENT_DESCENT, id="pgd")]
)
def test_attacks_with_views_reach_their_target(toy: DeepSpeech, dev_split: Speech, attack: Attack) -> None:
    keys: dict[str, Any] = {"count": 2, "noise": 20, "shift": 20, "gain": 1}
    outcomes = run(toy, tasks(dev_split, 4), attack, "low", views=keys)
    assert sum(outcome.status == "sample" for outcome in outcomes) >= 3
    assert as_bytes(outcomes) != as_bytes(run(toy, tasks(dev_split, 4), attack, "low"))
    assert as_bytes(outcomes) == as_bytes(run(toy, tasks(dev_split, 4), attack, "low", views=keys))


@pytest.mark.parametrize("keys", [{"cutoff": 3000.0}, {"room": 0.06}])
def test_the_gradient_of_a_filter_is_that_of_its_matrix(keys: dict[str, Any]) -> None:
    """A filter is linear: its matrix is what it makes of each unit vector."""
    columns = torch.stack([views.change(ViewsSection(**keys), unit, stream()) for unit in torch.eye(40)], dim=1)
    given = torch.randn(40, generator=stream(2))
    signal = torch.randn(40, generator=stream(3)).requires_grad_()
    heard = views.change(ViewsSection(**keys), signal, stream())
    assert torch.allclose(heard, columns @ signal, atol=1e-5)
    assert torch.allclose(torch.autograd.grad(heard @ given, signal)[0], columns.T @ given, atol=1e-5)
