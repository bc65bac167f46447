"""Training: reproducible to the bit, resumable to the bit, and it learns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from asrtransfer.files.errors import InputError
from asrtransfer.machine import compute
from asrtransfer.recognisers.deepspeech import DeepSpeech, training
from asrtransfer.recognisers.deepspeech.batches import Batches
from asrtransfer.recognisers.deepspeech.front_end import frame_counts
from asrtransfer.recognisers.deepspeech.network import Network, weight_hash
from asrtransfer.recognisers.deepspeech.outputs import Characters
from asrtransfer.recognisers.deepspeech.section import Recipe, SpecAugment
from asrtransfer.recognisers.deepspeech.trainer import check_lengths
from asrtransfer.recognisers.trained import Interrupted
from asrtransfer.speech import utterances as speech_module
from asrtransfer.speech.utterances import Speech, pad

RECIPE = Recipe(epochs=3, batch=8, learning_rate=1e-3, order="shuffled", schedule="cosine")


class Stopped(Exception):
    pass


def run(
    train: Speech,
    dev: Speech,
    checkpoint: Path,
    *,
    seed: int = 1,
    nudge: int = 0,
    stop: int = 0,
    devices: Sequence[str] = (),
    **changes: object,
) -> Network:
    network = Network(24, dropout=0.2)
    network.initialise(seed)
    if nudge:
        network.nudge(nudge)

    def report(epoch: training.Epoch) -> None:
        if epoch.epoch == stop:
            raise Stopped

    recipe = RECIPE.model_copy(update=changes)
    training.train(
        network, train, dev, recipe, seed=seed, checkpoint=checkpoint, identity="x", report=report, devices=devices
    )
    return network


@pytest.fixture(scope="module")
def few(train_split: Speech) -> Speech:
    return Speech(train_split.table.iloc[::4], train_split.folder)


def test_the_toy_learns(toy: DeepSpeech, dev_split: Speech) -> None:
    _, wer, cer = training.evaluate(toy.network, Batches(dev_split, 8))
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
    network = Network(24, dropout=0.2)
    network.initialise(1)
    asked = iter(range(1, 100))
    with pytest.raises(Interrupted):
        training.train(
            network, few, dev_split, RECIPE, seed=1, checkpoint=tmp_path / "b", identity="x",
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
    network = Network(24, dropout=0.2)
    network.initialise(1)
    curve = training.train(
        network, few, dev_split, RECIPE, seed=1, checkpoint=tmp_path / "a", identity="other", report=lambda e: None
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


@pytest.mark.parametrize(
    "change",
    [
        {"precision": "bf16"},
        {"accumulate": 3},
        {"spec_augment": SpecAugment(frequency_width=6, time_width=4)},
        {"clip": 1.0},
        {"order": "length"},
        {"schedule": "constant"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_alternatives_train_reproducibly_and_otherwise(
    few: Speech, dev_split: Speech, tmp_path: Path, change: dict[str, object]
) -> None:
    plain = weight_hash(run(few, dev_split, tmp_path / "plain"))
    first = run(few, dev_split, tmp_path / "a", **change)
    assert weight_hash(first) == weight_hash(run(few, dev_split, tmp_path / "b", **change))
    assert weight_hash(first) != plain
    assert all(parameter.dtype == torch.float32 for parameter in first.parameters())
    with pytest.raises(Stopped):
        run(few, dev_split, tmp_path / "c", stop=2, **change)
    assert weight_hash(run(few, dev_split, tmp_path / "c", **change)) == weight_hash(first)


def test_tf32_is_plain_where_there_is_no_such_hardware(few: Speech, dev_split: Speech, tmp_path: Path) -> None:
    plain, tf32 = (run(few, dev_split, tmp_path / name, precision=name) for name in ("fp32", "tf32"))
    assert weight_hash(plain) == weight_hash(tf32)
    assert torch.backends.cudnn.rnn.fp32_precision == "tf32"
    compute.allow_tf32(False)
    assert torch.backends.cudnn.rnn.fp32_precision == torch.backends.cuda.matmul.fp32_precision == "ieee"


def test_accumulated_batches_step_as_one_large_batch(train_split: Speech) -> None:
    """Of unequal sizes, without dropout; Adam's first step hardly depends on a gradient's size, so it is compared."""
    speech = Speech(train_split.table.head(10), train_split.folder)
    gradients = []
    for size in (10, 6):
        network = Network(24)
        network.initialise(1)
        optimiser = torch.optim.SGD(network.parameters(), lr=0.0)
        split = Batches(speech, size)
        batches = list(split.read(range(len(split))))
        loss = training.train_step([network], optimiser, batches, RECIPE, seeds=[1, 2])
        gradients.append((loss, [parameter.grad.clone() for parameter in network.parameters()]))
    assert gradients[0][0] == pytest.approx(gradients[1][0], rel=1e-5)
    for one, other in zip(gradients[0][1], gradients[1][1], strict=True):
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-4 * float(one.abs().max()) + 1e-7)


@pytest.mark.parametrize("accumulate", [3, 4])
def test_devices_that_share_a_step_leave_the_weights_as_they_are(
    few: Speech, dev_split: Speech, tmp_path: Path, accumulate: int
) -> None:
    """Eight batches an epoch: the last step has fewer, or the devices a turn that not all of them have."""
    changes: dict[str, object] = {
        "batch": 3,
        "accumulate": accumulate,
        "clip": 1.0,
        "spec_augment": SpecAugment(frequency_width=6, time_width=4),
    }
    alone = weight_hash(run(few, dev_split, tmp_path / "alone", **changes))
    for count in (2, 3):
        together = run(few, dev_split, tmp_path / str(count), devices=["cpu"] * count, **changes)
        assert weight_hash(together) == alone
    with pytest.raises(Stopped):
        run(few, dev_split, tmp_path / "resumed", stop=2, devices=["cpu"] * 3, **changes)
    assert weight_hash(run(few, dev_split, tmp_path / "resumed", devices=["cpu"] * 2, **changes)) == alone


def test_the_batches_of_a_step_go_round_and_draw_for_themselves(train_split: Speech) -> None:
    speech = Speech(train_split.table.head(4), train_split.folder)
    batches = list(Batches(speech, 1).read([0, 1, 2, 2]))
    networks, heard = [Network(24, dropout=0.5) for _ in range(3)], []
    for number, network in enumerate(networks):
        network.initialise(1)
        network.dense5.register_forward_hook(
            lambda _, __, output, number=number: heard.append((number, output.detach()))
        )
    optimiser = torch.optim.Adam(networks[0].parameters())
    training.train_step(networks, optimiser, batches, RECIPE, seeds=[1, 2, 3, 3])
    assert [number for number, _ in heard] == [0, 1, 2, 0]
    assert torch.equal(heard[2][1], heard[3][1])
    assert len({weight_hash(network) for network in networks}) == 1
    assert all(parameter.grad is None for network in networks[1:] for parameter in network.parameters())
    training.train_step(networks, optimiser, [batches[2]] * 2, RECIPE, seeds=[4, 5])
    assert not torch.equal(heard[4][1], heard[5][1])


def test_every_batch_of_a_training_has_a_seed_of_its_own(
    few: Speech, dev_split: Speech, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []

    def step(*given: object) -> float:
        drawn.extend(given[-1])  # type: ignore[arg-type]
        return 1.0

    monkeypatch.setattr(training, "train_step", step)
    monkeypatch.setattr(training, "save_checkpoint", lambda *_: None)
    run(few, dev_split, tmp_path / "a", batch=3, accumulate=3)
    assert len(set(drawn)) == len(drawn) == 3 * 8


def test_a_model_that_learns_nothing_stops_with_what_to_try(few: Speech, dev_split: Speech, tmp_path: Path) -> None:
    changes: dict[str, object] = {"epochs": 12, "learning_rate": 1e-9}
    with pytest.raises(training.Diverged, match=r"dev WER was 100 % in the last 6 epochs .* training\.learning_rate"):
        run(few, dev_split, tmp_path / "a", **changes)
    with pytest.raises(training.Diverged):
        run(few, dev_split, tmp_path / "a", **changes)
    run(few, dev_split, tmp_path / "b", **changes, give_up=None)


def test_giving_up_takes_five_epochs_and_half_of_all() -> None:
    def stuck(epochs: int, rates: list[float], cer: float = 1.0, falling: float = 1.0) -> bool:
        curve = [
            training.Epoch(epoch=n, train_loss=1.0, dev_loss=falling**n, dev_wer=rate, dev_cer=cer, seconds=1.0)
            for n, rate in enumerate(rates, start=1)
        ]
        try:
            training.check_progress(curve, Recipe(epochs=epochs))
        except training.Diverged:
            return True
        return False

    assert not stuck(3, [1.0] * 3)
    assert stuck(6, [1.0] * 5)
    assert not stuck(13, [1.0] * 6)
    assert stuck(13, [1.2] * 7)
    assert not stuck(13, [1.0] * 6 + [0.98])
    assert stuck(13, [0.5] + [1.0] * 7)
    assert not stuck(13, [1.0] * 13, cer=0.6)
    assert not stuck(13, [1.0] * 13, falling=0.98)
    assert stuck(13, [1.0] * 13, falling=0.999)


def test_a_recipe_of_plain_values() -> None:
    masks = {"frequency_masks": 1, "frequency_width": 2, "time_masks": 3, "time_width": 4}
    recipe = Recipe.model_validate({"epochs": 2, "spec_augment": masks})
    assert recipe.spec_augment == SpecAugment(**masks)
    assert Recipe.model_validate({"spec_augment": None}) == Recipe()


@pytest.mark.parametrize("readers", [0, 1, 2, 5])
def test_what_is_read_ahead_is_the_same_for_any_number_of_readers(
    train_split: Speech, readers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speech_module, "KEPT_SECONDS", 0.0)
    speech = Speech(train_split.table, train_split.folder)
    batches = list(speech.batches(5))[::-1]
    loaded = list(speech.loaded(batches, readers))
    assert len(loaded) == len(batches)
    for indices, (audio, lengths) in zip(batches, loaded, strict=True):
        expected, expected_lengths = pad([train_split.samples(index) for index in indices])
        assert torch.equal(audio, expected)
        assert torch.equal(lengths, expected_lengths)
    assert not speech._kept


def test_weights_do_not_depend_on_reading_ahead(
    few: Speech, dev_split: Speech, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = weight_hash(run(few, dev_split, tmp_path / "a"))
    monkeypatch.setattr(speech_module, "KEPT_SECONDS", 0.0)
    assert weight_hash(run(Speech(few.table, few.folder), dev_split, tmp_path / "b")) == kept


def test_a_file_that_is_missing_ends_reading_ahead_by_name(
    train_split: Speech, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speech_module, "KEPT_SECONDS", 0.0)
    table = train_split.table.head(20).copy()
    table.loc[13, "path"] = "gone.flac"
    speech = Speech(table, train_split.folder)
    with pytest.raises(InputError, match=r"gone\.flac"):
        list(speech.loaded(list(speech.batches(2))))


def test_order_and_schedule() -> None:
    by_length = RECIPE.model_copy(update={"order": "length"})
    assert training.draw_order(6, by_length, 1) == [0, 1, 2, 3, 4, 5]
    first, second = (training.draw_order(6, RECIPE, epoch) for epoch in (1, 2))
    assert sorted(first) == sorted(second) == [0, 1, 2, 3, 4, 5]
    assert first != second
    assert first == training.draw_order(6, RECIPE, 1)
    rates = [training.scale(RECIPE, step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == pytest.approx(1)
    assert rates[-1] < 0.001
    assert training.scale(RECIPE.model_copy(update={"schedule": "constant"}), 50, 100) == 1


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


@pytest.mark.parametrize("samples", [1, 511, 512, 513, 832, 833, 16_000, 16_001])
def test_a_text_that_its_audio_cannot_hold_is_refused(samples: int) -> None:
    frames = int(frame_counts(torch.tensor(samples)))
    row = {"utterance_id": "u", "path": "audio/u.flac", "seconds": samples / 16_000}
    check_lengths(Speech(pd.DataFrame([row | {"text": ("ab" * frames)[:frames]}]), Path("corpus")), Characters())
    short = Speech(pd.DataFrame([row | {"text": ("ab" * frames)[: frames + 1]}]), Path("corpus"))
    line = (
        rf"corpus/audio/u\.flac: utterance u: its .* hold {frames} of the {frames + 1} frames .* remove the utterance"
    )
    with pytest.raises(InputError, match=line):
        check_lengths(short, Characters())


def test_a_batch_that_is_kept_is_not_read_again_in_place_of_another(train_split: Speech) -> None:
    split = Batches(Speech(train_split.table.head(4), train_split.folder), 1)
    assert [batch.texts for batch in split.read([2, 2, 3])] == [[train_split.texts[place]] for place in (2, 2, 3)]
