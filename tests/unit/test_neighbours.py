"""The transfer curve: its models, and its points."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch

from asrtransfer.files.errors import InputError
from asrtransfer.hearing import neighbours
from asrtransfer.recognisers.deepspeech.network import DeepSpeech, weight_hash
from asrtransfer.report.transfer_curve import curve, draw


def model(seed: int) -> DeepSpeech:
    made = DeepSpeech(12)
    made.initialise(seed)
    return made


def test_the_ends_of_the_line_are_the_models_themselves() -> None:
    first, second = model(1), model(2)
    assert weight_hash(neighbours.between(first, second, 0.0)) == weight_hash(first)
    assert weight_hash(neighbours.between(first, second, 1.0)) == weight_hash(second)
    middle = neighbours.between(first, second, 0.5)
    assert torch.allclose(middle.dense2.weight, (first.dense2.weight + second.dense2.weight) / 2)
    assert not middle.training


def test_distance_grows_along_the_line() -> None:
    first, second = model(1), model(2)
    distances = [neighbours.distance(first, neighbours.between(first, second, s)) for s in (0, 0.1, 0.5, 1)]
    assert distances[0] == 0
    assert distances == sorted(distances)
    assert distances[1] == pytest.approx(distances[3] / 10, rel=1e-3)


def test_epochs_come_back_and_damage_is_found(tmp_path: Path) -> None:
    path = tmp_path / "epochs.safetensors"
    neighbours.save_epochs({9: model(1).state_dict(), 10: model(2).state_dict()}, path)
    back = neighbours.load_epochs(path)
    assert list(back) == [9, 10]
    assert weight_hash(neighbours.with_weights(model(3), back[10])) == weight_hash(model(2))
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"epochs\.safetensors.*checksum"):
        neighbours.load_epochs(path)


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
