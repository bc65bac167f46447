"""Shapes of the network: each by what it must keep equal, and by what a row may depend on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from asrtransfer.files.errors import InputError
from asrtransfer.recognisers.deepspeech import DeepSpeech, sizes, training
from asrtransfer.recognisers.deepspeech.front_end import frame_counts
from asrtransfer.recognisers.deepspeech.network import Network, load_weights, save_weights, weight_hash
from asrtransfer.recognisers.deepspeech.section import DeepSpeechSection, Recipe
from asrtransfer.speech.utterances import Speech

SHAPES: dict[str, dict[str, Any]] = {
    "published": {},
    "log-mel": {"front_end": "log-mel"},
    "waveform": {"front_end": "waveform"},
    "13 cepstra": {"cepstra": 13},
    "no recurrence": {"recurrence": "none"},
    "window": {"recurrence": "window"},
    "all": {"front_end": "waveform", "recurrence": "window"},
}
every_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))
RECIPE = Recipe(epochs=4, batch=8, learning_rate=3e-3, order="shuffled", schedule="cosine", clip=10.0)


def make(shape: dict[str, Any], units: int = 24, seed: int = 1) -> Network:
    network = Network(units, **shape)
    network.initialise(seed)
    return network.requires_grad_(False).eval()


def noise(samples: int, seed: int = 0) -> torch.Tensor:
    return (torch.randn(1, samples, generator=torch.Generator().manual_seed(seed)) * 800).round()


@every_shape
@pytest.mark.parametrize("samples", [1, 400, 512, 513, 832, 833, 16000])
def test_frames_are_those_of_the_published_front_end(shape: dict[str, Any], samples: int) -> None:
    log_probs, counts = make(shape)(noise(samples), torch.tensor([samples]))
    assert log_probs.shape == (1, sizes.count_frames(samples), 29)
    assert counts.tolist() == frame_counts(torch.tensor([samples])).tolist() == [sizes.count_frames(samples)]
    assert torch.allclose(log_probs.exp().sum(dim=2), torch.ones(()), atol=1e-4)


@every_shape
def test_a_row_does_not_depend_on_what_is_beside_it_or_after_it(shape: dict[str, Any]) -> None:
    network = make(shape)
    lengths = [9000, 20000, 4000]
    rows = [noise(length, seed) for seed, length in enumerate(lengths)]
    together = torch.zeros(3, 20000)
    for row, one in zip(together, rows, strict=True):
        row[: one.shape[1]] = one[0]
    # What stands after an utterance's end is none of it.
    together[2, 4000:] = 5000
    found, counts = network(together, torch.tensor(lengths))
    for row, (one, length) in enumerate(zip(rows, lengths, strict=True)):
        alone, count = network(one, torch.tensor([length]))
        assert int(count[0]) == int(counts[row])
        assert torch.allclose(found[row, : int(count[0])], alone[0], atol=2e-5)


@every_shape
def test_the_gradient_is_that_of_the_loss(shape: dict[str, Any]) -> None:
    recogniser = DeepSpeech(make(shape))
    audio = noise(8000).requires_grad_()
    lengths = torch.tensor([8000])
    (gradient,) = torch.autograd.grad(recogniser.aim(audio, lengths, ["dab"]).loss.sum(), audio)
    step = gradient / gradient.norm() * 200
    with torch.no_grad():
        ends = [float(recogniser.aim(audio + sign * step, lengths, ["dab"]).loss[0]) for sign in (1, -1)]
    assert (ends[0] - ends[1]) / 2 == pytest.approx(float((gradient * step).sum()), rel=0.2)


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("recurrence", ["lstm", "none", "window"])
def test_what_stands_in_the_middle_has_as_many_weights(recurrence: str) -> None:
    assert count(make({"recurrence": recurrence}, units=160).middle) == pytest.approx(8 * 160**2, rel=0.03)


def test_inputs_of_the_first_layer() -> None:
    inputs = {name: make(shape).dense1.in_features for name, shape in SHAPES.items()}
    assert inputs.pop("13 cepstra") == 19 * 13
    assert set(inputs.values()) == {19 * 26}


def test_the_window_reaches_64_frames_and_no_recurrence_none() -> None:
    """Of the stacked context nine frames more."""
    for shape, reach in (({"recurrence": "none"}, 9), ({"recurrence": "window"}, 9 + 64)):
        network = make(shape)
        audio = noise(200 * 320).requires_grad_()
        log_probs, _ = network(audio, torch.tensor([audio.shape[1]]))
        (gradient,) = torch.autograd.grad(log_probs[0, 100].square().sum(), audio)
        touched = gradient[0].nonzero()[:, 0]
        assert abs((100 * 320 - int(touched[0])) / 320 - reach) <= 1
        assert abs((int(touched[-1]) - 100 * 320 - 512) / 320 - reach) <= 1


@every_shape
def test_it_learns_and_is_read_back(
    shape: dict[str, Any], train_split: Speech, dev_split: Speech, tmp_path: Path
) -> None:
    network = make(shape, units=32).requires_grad_(True)
    curve = training.train(
        network, train_split, dev_split, RECIPE, seed=1, checkpoint=tmp_path / "c", identity="x", report=lambda _: None
    )
    assert curve[-1].train_loss < 0.8 * curve[0].train_loss
    save_weights(network, tmp_path / "weights.safetensors")
    read = load_weights(tmp_path / "weights.safetensors")
    assert weight_hash(read) == weight_hash(network)
    assert read.shape == network.shape


def test_weights_of_another_shape_are_refused() -> None:
    with pytest.raises(InputError, match=r"network.recurrence: lstm, and the model that gives its weights has none"):
        make({}).take(make({"recurrence": "none"}))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"network": {"front_end": "log-mel", "cepstra": 13}}, "network.cepstra: log-mel has none"),
        ({"network": {"front_end": "waveform"}, "training": {"spec_augment": {}}}, "training.spec_augment: hides mel"),
        ({"network": {"front_end": "waveform", "recurrence": "window"}}, None),
    ],
)
def test_what_does_not_fit_together_is_said(keys: dict[str, Any], message: str | None) -> None:
    problem = DeepSpeechSection.model_validate(keys).check("cpu")
    assert problem is None if message is None else str(problem).startswith(message)


def test_a_network_without_recurrence_shares_no_recurrent_layer() -> None:
    lacking = DeepSpeechSection.model_validate({"network": {"recurrence": "none"}})
    assert (DeepSpeech.find_recurrent(lacking), DeepSpeech.find_recurrent(DeepSpeechSection())) == ("", "middle")
