"""Training: reproducible to the bit, resumable to the bit, and it learns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from asrtransfer import training
from asrtransfer.errors import InputError
from asrtransfer.model import DeepSpeech, weight_hash
from asrtransfer.speech import Speech

RECIPE = training.Recipe(epochs=3, batch=8, learning_rate=1e-3, order="shuffled", schedule="cosine")


class Stopped(Exception):
    pass


def run(
    train: Speech, dev: Speech, checkpoint: Path, *, seed: int = 1, nudge: int = 0, stop: int = 0, **changes: object
) -> DeepSpeech:
    model = DeepSpeech(24, dropout=0.2)
    model.initialise(seed)
    if nudge:
        model.nudge(nudge)

    def report(epoch: training.Epoch) -> None:
        if epoch.epoch == stop:
            raise Stopped

    recipe = replace(RECIPE, **changes)  # type: ignore[arg-type]
    training.train(model, train, dev, recipe, seed=seed, checkpoint=checkpoint, identity="x", report=report)
    return model


@pytest.fixture(scope="module")
def few(train_split: Speech) -> Speech:
    return Speech(train_split.table.iloc[::4], train_split.folder)


def test_the_toy_learns(toy: DeepSpeech, dev_split: Speech) -> None:
    _, wer, cer = training.evaluate(toy, dev_split, 8)
    assert wer <= 0.1
    assert cer <= 0.03


def test_the_same_seed_gives_the_same_weights(few: Speech, dev_split: Speech, tmp_path: Path) -> None:
    first = weight_hash(run(few, dev_split, tmp_path / "a"))
    assert weight_hash(run(few, dev_split, tmp_path / "b")) == first
    assert weight_hash(run(few, dev_split, tmp_path / "c", seed=2)) != first
    assert weight_hash(run(few, dev_split, tmp_path / "d", nudge=1)) != first


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_a_stopped_run_resumes_to_the_same_weights(few: Speech, dev_split: Speech, tmp_path: Path, stop: int) -> None:
    undisturbed = weight_hash(run(few, dev_split, tmp_path / "a"))
    with pytest.raises(Stopped):
        run(few, dev_split, tmp_path / "b", stop=stop)
    assert weight_hash(run(few, dev_split, tmp_path / "b")) == undisturbed


@pytest.mark.parametrize("steps", [1, 4, 7])
def test_a_run_asked_to_stop_resumes_within_an_epoch(
    few: Speech, dev_split: Speech, tmp_path: Path, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = run(few, dev_split, tmp_path / "a")
    model = DeepSpeech(24, dropout=0.2)
    model.initialise(1)
    asked = iter(range(1, 100))
    with pytest.raises(training.Interrupted):
        training.train(
            model, few, dev_split, RECIPE, seed=1, checkpoint=tmp_path / "b", identity="x",
            report=lambda epoch: None, stop=lambda: next(asked) == steps,
        )  # fmt: skip
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", -1.0)
    assert weight_hash(run(few, dev_split, tmp_path / "b")) == weight_hash(undisturbed)


def test_a_flipped_bit_in_a_checkpoint_is_found(few: Speech, dev_split: Speech, tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        run(few, dev_split, tmp_path / "a.safetensors", stop=2)
    content = bytearray((tmp_path / "a.safetensors").read_bytes())
    content[-50] ^= 1
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.safetensors: .*checksum"):
        run(few, dev_split, tmp_path / "a.safetensors")


def test_a_checkpoint_of_another_run_is_left_aside(few: Speech, dev_split: Speech, tmp_path: Path) -> None:
    run(few, dev_split, tmp_path / "a")
    model = DeepSpeech(24, dropout=0.2)
    model.initialise(1)
    curve = training.train(
        model, few, dev_split, RECIPE, seed=1, checkpoint=tmp_path / "a", identity="other", report=lambda e: None
    )
    assert [epoch.epoch for epoch in curve] == [1, 2, 3]


def test_a_damaged_checkpoint_is_named(few: Speech, dev_split: Speech, tmp_path: Path) -> None:
    (tmp_path / "bad.safetensors").write_bytes(b"12345678rest")
    with pytest.raises(InputError, match=r"bad\.safetensors: not a checkpoint"):
        run(few, dev_split, tmp_path / "bad.safetensors")


def test_too_large_a_batch_says_what_to_try(
    few: Speech, dev_split: Speech, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(training, "train_step", full)
    with pytest.raises(InputError, match=r"^training\.batch: .* 8 utterances at once; lower it"):
        run(few, dev_split, tmp_path / "a")


def test_divergence_says_what_to_try(few: Speech, dev_split: Speech, tmp_path: Path) -> None:
    with pytest.raises(training.Diverged, match=r"training\.learning_rate"):
        run(few, dev_split, tmp_path / "a", learning_rate=1e30)


def test_order_and_schedule() -> None:
    batches = [[0], [1], [2], [3], [4], [5]]
    by_length = replace(RECIPE, order="length")
    assert list(training.ordered(batches, by_length, 1)) == batches
    first, second = (list(training.ordered(batches, RECIPE, epoch)) for epoch in (1, 2))
    assert sorted(first) == sorted(second) == batches
    assert first != second
    assert first == list(training.ordered(batches, RECIPE, 1))
    rates = [training.scale(RECIPE, step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == pytest.approx(1)
    assert rates[-1] < 0.001
    assert training.scale(replace(RECIPE, schedule="constant"), 50, 100) == 1


def test_the_digest_of_the_data_sees_order_and_text(train_split: Speech) -> None:
    table = train_split.table
    changed = table.assign(text=["x", *table["text"][1:]])
    assert Speech(table, train_split.folder).digest() == train_split.digest()
    assert Speech(table.iloc[::-1], train_split.folder).digest() != train_split.digest()
    assert Speech(changed, train_split.folder).digest() != train_split.digest()


def test_an_unreadable_split_is_named(tmp_path: Path) -> None:
    (tmp_path / "train.parquet").write_bytes(b"no parquet")
    with pytest.raises(InputError, match=r"train\.parquet"):
        Speech.read(tmp_path / "train.parquet")


def test_utterances_are_read_once(tmp_path: Path, train_split: Speech) -> None:
    speech = Speech(pd.DataFrame(train_split.table.head(2)), train_split.folder)
    assert speech.samples(0) is speech.samples(0)
    assert speech.samples(0).dtype == np.int16
