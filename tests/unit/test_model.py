"""The network is the published one, and its file says so."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from asrtransfer.files.errors import InputError
from asrtransfer.recognisers.deepspeech.network import (
    PUBLISHED_PARAMETERS,
    Network,
    load_weights,
    save_weights,
    weight_hash,
)


def test_the_published_width_has_the_published_layers_and_parameters() -> None:
    shapes = {name: tuple(p.shape) for name, p in Network(2048).named_parameters()}
    assert shapes == {
        "dense1.weight": (2048, 494),
        "dense1.bias": (2048,),
        "dense2.weight": (2048, 2048),
        "dense2.bias": (2048,),
        "dense3.weight": (2048, 2048),
        "dense3.bias": (2048,),
        "middle.weight_ih_l0": (8192, 2048),
        "middle.weight_hh_l0": (8192, 2048),
        "middle.bias_ih_l0": (8192,),
        "middle.bias_hh_l0": (8192,),
        "dense5.weight": (2048, 2048),
        "dense5.bias": (2048,),
        "dense6.weight": (29, 2048),
        "dense6.bias": (29,),
    }
    parameters = sum(torch.Size(shape).numel() for shape in shapes.values())
    assert parameters == PUBLISHED_PARAMETERS == 47_224_861 + 8_192


def test_initial_weights_are_xavier_uniform_with_a_forget_bias_of_one() -> None:
    network = Network(64)
    network.initialise(3)
    network.requires_grad_(False)
    assert float(network.dense2.weight.abs().max()) <= (6 / 128) ** 0.5
    assert float(network.dense2.weight.std()) == pytest.approx((6 / 128) ** 0.5 / 3**0.5, rel=0.05)
    assert float(network.middle.weight_hh_l0.abs().max()) <= 64**-0.5
    assert network.middle.bias_ih_l0.reshape(4, 64).mean(dim=1).tolist() == [0, 1, 0, 0]
    assert not network.middle.bias_hh_l0.any()
    assert not network.dense1.bias.any()


def test_padding_never_changes_a_result() -> None:
    network = Network(32).eval()
    network.initialise(1)
    audio = torch.randn(3, 9000, generator=torch.Generator().manual_seed(1)) * 2000
    lengths = torch.tensor([9000, 6000, 4000])
    noisy = torch.cat((audio, torch.full((3, 5000), 12345.0)), dim=1)
    with torch.no_grad():
        plain, counts = network(audio, lengths)
        padded, _ = network(noisy, lengths)
    for row, count in enumerate(counts.tolist()):
        assert torch.allclose(plain[row, :count], padded[row, :count], atol=1e-5)


def test_log_probabilities_are_normalised() -> None:
    network = Network(16).eval()
    network.initialise(1)
    log_probs, _ = network(torch.randn(2, 4000) * 1000, torch.tensor([4000, 4000]))
    assert torch.allclose(log_probs.exp().sum(dim=2), torch.ones(2, log_probs.shape[1]), atol=1e-5)


def test_a_weight_off_by_one_unit_in_the_last_place_is_another_model() -> None:
    first, second = Network(8), Network(8)
    for each in (first, second):
        each.initialise(1)
    assert weight_hash(first) == weight_hash(second)
    second.nudge(1)
    different = sum(int((a != b).sum()) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert different == 1


class TestFile:
    def saved(self, folder: Path) -> tuple[Network, Path]:
        network = Network(16)
        network.initialise(1)
        path = folder / "weights.safetensors"
        save_weights(network, path)
        return network, path

    def test_weights_come_back_and_are_frozen(self, tmp_path: Path) -> None:
        network, path = self.saved(tmp_path)
        loaded = load_weights(path)
        assert weight_hash(loaded) == weight_hash(network)
        assert not loaded.training
        assert not any(parameter.requires_grad for parameter in loaded.parameters())

    def test_a_flipped_bit_is_found(self, tmp_path: Path) -> None:
        _, path = self.saved(tmp_path)
        content = bytearray(path.read_bytes())
        content[-100] ^= 4
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"weights.safetensors: .* differs from the checksum"):
            load_weights(path)

    @pytest.mark.parametrize("keep", [0, 7, 500])
    def test_a_truncated_file_is_refused(self, tmp_path: Path, keep: int) -> None:
        _, path = self.saved(tmp_path)
        path.write_bytes(path.read_bytes()[:keep])
        with pytest.raises(InputError, match="delete it and run again"):
            load_weights(path)

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"none\.safetensors"):
            load_weights(tmp_path / "none.safetensors")
