"""The transfer curve: its models, and its points."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch

from asrtransfer.files.errors import InputError
from asrtransfer.recognisers import list_neighbours
from asrtransfer.recognisers.deepspeech.neighbours import measure_distance, mix
from asrtransfer.recognisers.deepspeech.network import (
    Network,
    load_epochs,
    save_epochs,
    save_weights,
    weight_hash,
    with_weights,
)
from asrtransfer.report.transfer_curve import curve, draw


def model(seed: int) -> Network:
    made = Network(12)
    made.initialise(seed)
    return made


def between(surrogate: Network, remote: Network, share: float) -> Network:
    return with_weights(surrogate.shape, mix(surrogate, remote, share), "cpu")


def test_the_ends_of_the_line_are_the_models_themselves() -> None:
    first, second = model(1), model(2)
    assert weight_hash(between(first, second, 0.0)) == weight_hash(first)
    assert weight_hash(between(first, second, 1.0)) == weight_hash(second)
    middle = between(first, second, 0.5)
    assert torch.allclose(middle.dense2.weight, (first.dense2.weight + second.dense2.weight) / 2)
    assert not middle.training


def test_distance_grows_along_the_line() -> None:
    first, second = model(1), model(2)
    distances = [measure_distance(first, between(first, second, s)) for s in (0, 0.1, 0.5, 1)]
    assert distances[0] == 0
    assert distances == sorted(distances)
    assert distances[1] == pytest.approx(distances[3] / 10, rel=1e-3)


def test_epochs_come_back_and_damage_is_found(tmp_path: Path) -> None:
    path = tmp_path / "epochs.safetensors"
    save_epochs({9: model(1).state_dict(), 10: model(2).state_dict()}, path)
    back = load_epochs(path)
    assert list(back) == [9, 10]
    assert weight_hash(with_weights({"units": 12}, back[10], "cpu")) == weight_hash(model(2))
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"epochs\.safetensors.*checksum"):
        load_epochs(path)


@pytest.mark.parametrize("last", [1, 3])
def test_neighbours_are_the_last_epochs_and_points_on_the_line(tmp_path: Path, last: int) -> None:
    for seed in (1, 2):
        save_weights(model(seed), tmp_path / f"{seed}.safetensors")
    save_epochs({epoch: model(epoch).state_dict() for epoch in (7, 8, 1)}, tmp_path / "epochs.safetensors")
    found = list(
        list_neighbours(
            "deepspeech",
            weights=tmp_path / "1.safetensors",
            epochs=tmp_path / "epochs.safetensors",
            last=last,
            remote=tmp_path / "2.safetensors",
            stranger="seed-2",
            shares=[0.0, 1.0],
            device="cpu",
        )
    )
    epochs = [("epoch", f"epoch {epoch}", model(epoch)) for epoch in (1, 7, 8)][-last:]
    line = [("line", f"{share} of the way to seed-2", model(1 + share)) for share in (0, 1)]
    assert [(one.kind, one.name) for one in found] == [(kind, name) for kind, name, _ in epochs + line]
    assert [one.recogniser.identity for one in found] == [weight_hash(network) for _, _, network in epochs + line]
    assert [one.distance for one in found] == [measure_distance(model(1), network) for _, _, network in epochs + line]


def test_a_curve_counts_samples_and_draws_the_same_bytes() -> None:
    rows = [
        ("seed-1", "line", name, distance, 0.1, target_kind, hit)
        for target_kind in ("phrase", "near")
        for name, distance, hits in (("0 of the way", 0.0, 4), ("1 of the way", 1.2, 0))
        for hit in [True] * hits + [False] * (4 - hits)
    ]
    heard = pd.DataFrame(rows, columns=["surrogate", "kind", "neighbour", "distance", "dev_wer", "target_kind", "hit"])
    table = curve(heard, 0.95)
    assert table["target_kind"].tolist() == ["phrase", "phrase", "near", "near"]
    assert table["share"].tolist() == [1, 0, 1, 0]
    assert table["upper"].tolist()[1] == pytest.approx(0.602, abs=1e-3)
    assert draw(table) == draw(table)
    assert b"<svg" in draw(table)
