"""Rungs, models made from the weights of another: what they share stays, what they do not share is trained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from torch import Tensor

from asrtransfer.files import parquet
from asrtransfer.files.errors import InputError
from asrtransfer.recognisers.deepspeech import DeepSpeech
from asrtransfer.recognisers.deepspeech.network import load_weights, weight_hash
from asrtransfer.recognisers.deepspeech.section import DeepSpeechSection
from asrtransfer.recognisers.deepspeech.trainer import (
    OF_TUNING,
    choose_recipe,
    choose_speech,
    draw_seed,
    train_model,
)
from asrtransfer.recognisers.trained import Interrupted, TrainingJob, list_shared
from asrtransfer.speech.utterances import Speech

KEYS = DeepSpeechSection.model_validate(
    {
        "network": {"units": 24, "dropout": 0.1},
        "training": {"epochs": 2, "batch": 8, "learning_rate": 1e-3, "order": "shuffled", "schedule": "cosine"},
    }
)


@pytest.fixture(scope="module")
def tables(train_split: Speech, dev_split: Speech) -> tuple[Path, Path]:
    paths = []
    for name, speech in (("train", train_split), ("dev", dev_split)):
        path = speech.folder / f"{name}.parquet"
        parquet.write(speech.table.iloc[::4], path)
        paths.append(path)
    return paths[0], paths[1]


def job(folder: Path, tables: tuple[Path, Path], **changes: object) -> TrainingJob:
    folder.mkdir(exist_ok=True)
    files = {name: folder / f"{name}.file" for name in ("weights", "epochs", "curve", "card")}
    given: dict[str, object] = {
        "model": "m", "family": "deepspeech", "seed": 2, "arm": "none", "which": 0, "donor": None, "shared": (),
        "keys": KEYS, "train": tables[0], "dev": tables[1], "device": "cpu", "threads": 1, "code": {},
    }  # fmt: skip
    return TrainingJob(**(given | files | changes))  # type: ignore[arg-type]


def train(order: TrainingJob) -> TrainingJob:
    train_model(order, lambda line, last: None, lambda: False)
    return order


@pytest.fixture(scope="module")
def donor(tables: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(job(tmp_path_factory.mktemp("donor"), tables, seed=1)).weights


@pytest.fixture(scope="module")
def stranger(tables: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(job(tmp_path_factory.mktemp("stranger"), tables)).weights


def layers(path: Path) -> dict[str, str]:
    network = load_weights(path)
    return {name: weight_hash(network.get_submodule(name)) for name in DeepSpeech.layers}


@pytest.mark.parametrize(
    ("shared", "expected"),
    [
        ("2", ["dense1", "dense2"]),
        ("5", ["dense1", "dense2", "dense3", "middle", "dense5"]),
        ("last-2", ["dense5", "dense6"]),
        ("recurrent", ["middle"]),
    ],
)
def test_layers_are_shared_and_all_others_trained(
    tables: tuple[Path, Path], donor: Path, stranger: Path, tmp_path: Path, shared: str, expected: list[str]
) -> None:
    names = list_shared(DeepSpeech.layers, DeepSpeech.recurrent, shared)
    assert names == expected
    order = train(job(tmp_path / "rung", tables, arm="shares", donor=donor, shared=tuple(names)))
    own, theirs, others = layers(order.weights), layers(donor), layers(stranger)
    assert [name for name in own if own[name] == theirs[name]] == expected
    assert not any(own[name] == others[name] for name in own)
    card = json.loads(order.card.read_text())
    assert card["shared_layers"] == expected
    assert card["donor_weights_sha256"] == weight_hash(load_weights(donor))


def test_a_rung_that_is_stopped_ends_the_same(tables: tuple[Path, Path], donor: Path, tmp_path: Path) -> None:
    changes = {"arm": "shares", "donor": donor, "shared": ("dense1", "middle")}
    whole = train(job(tmp_path / "whole", tables, **changes))
    order = job(tmp_path / "stopped", tables, **changes)
    steps = iter(range(100))
    with pytest.raises(Interrupted):
        train_model(order, lambda line, last: None, lambda: next(steps) == 3)
    assert weight_hash(load_weights(train(order).weights)) == weight_hash(load_weights(whole.weights))


def test_a_tuned_model_starts_at_its_donors_weights(tables: tuple[Path, Path], donor: Path, tmp_path: Path) -> None:
    def distance(order: TrainingJob) -> float:
        def weights(path: Path) -> dict[str, Tensor]:
            return load_weights(path).state_dict()

        first, second = weights(donor), weights(order.weights)
        return float(sum((first[name] - second[name]).square().sum() for name in first))

    def tuned(name: str, epochs: int, rate: float) -> TrainingJob:
        keys = DeepSpeechSection.model_validate(KEYS.model_dump() | {"tuning": {"learning_rate": rate}})
        return train(job(tmp_path / name, tables, seed=1, arm="tuned", which=epochs, donor=donor, keys=keys))

    near, far, longer = tuned("near", 1, 1e-4), tuned("far", 1, 1e-3), tuned("longer", 3, 1e-3)
    assert 0 < distance(near) < distance(far) < distance(longer)
    card = json.loads(near.card.read_text())
    assert card["initial_weights_sha256"] == card["donor_weights_sha256"] == weight_hash(load_weights(donor))
    assert card["tuning"] == {"epochs": 1, "learning_rate": 1e-4}
    assert len(parquet.read(longer.curve)) == 3


def test_tuning_has_another_order_and_another_dropout(tables: tuple[Path, Path], donor: Path, tmp_path: Path) -> None:
    base, tuned = job(tmp_path / "a", tables), job(tmp_path / "b", tables, arm="tuned", which=4, donor=donor)
    assert draw_seed(tuned) == draw_seed(base) + OF_TUNING
    before, after = choose_recipe(base), choose_recipe(tuned)
    assert after.order_seed != before.order_seed
    assert (after.epochs, after.schedule, after.learning_rate) == (4, "constant", 3e-4)
    assert after.model_dump(exclude={"order_seed", "epochs", "schedule", "learning_rate", "give_up"}) == (
        before.model_dump(exclude={"order_seed", "epochs", "schedule", "learning_rate", "give_up"})
    )


def test_a_donor_of_another_width_is_named(tables: tuple[Path, Path], donor: Path, tmp_path: Path) -> None:
    keys = DeepSpeechSection.model_validate(KEYS.model_dump() | {"network": {"units": 25}})
    with pytest.raises(InputError, match=r"network\.units: 25, and the model that gives its weights has 24"):
        train(job(tmp_path / "wide", tables, arm="shares", donor=donor, shared=("middle",), keys=keys))


@pytest.mark.parametrize(("shared", "what"), [("6", "has 6 layers"), ("last-9", "has 6 layers")])
def test_a_layer_at_least_is_a_models_own(shared: str, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        list_shared(DeepSpeech.layers, DeepSpeech.recurrent, shared)


def test_a_family_without_recurrence_shares_none() -> None:
    with pytest.raises(ValueError, match="no recurrent layer"):
        list_shared(["a", "b"], "", "recurrent")


@pytest.mark.parametrize("parts", [2, 3, 5])
def test_parts_of_the_data_are_disjoint_even_and_the_whole_together(
    tables: tuple[Path, Path], tmp_path: Path, parts: int
) -> None:
    keys = KEYS.model_copy(update={"parts": parts})
    jobs = [job(tmp_path / str(part), tables, arm="data", which=part, keys=keys) for part in range(1, parts + 1)]
    found = [choose_speech(order).utterance_ids for order in jobs]
    whole = choose_speech(job(tmp_path / "whole", tables)).utterance_ids
    assert sorted(name for part in found for name in part) == sorted(whole)
    assert max(map(len, found)) - min(map(len, found)) <= 1
    # In the order of the corpus, by length.
    assert all(part == [name for name in whole if name in part] for part in found)
    other = keys.model_copy(update={"training": keys.training.model_copy(update={"order_seed": 7})})
    assert choose_speech(job(tmp_path / "other", tables, arm="data", which=1, keys=other)).utterance_ids != found[0]
    assert [choose_recipe(order).epochs for order in jobs] == [KEYS.training.epochs * parts] * parts


def test_a_part_of_the_data_changes_nothing_else(tables: tuple[Path, Path], stranger: Path, tmp_path: Path) -> None:
    """The model of the same seed, ``stranger``, starts at the same weights, and ends at others."""
    orders = [train(job(tmp_path / str(part), tables, arm="data", which=part)) for part in (1, 2)]
    cards = [json.loads(order.card.read_text()) for order in orders]
    whole = json.loads(stranger.with_name("card.file").read_text())
    assert {card["initial_weights_sha256"] for card in cards} == {whole["initial_weights_sha256"]}
    assert len({card["training_data_sha256"] for card in (*cards, whole)}) == 3
    assert len({card["weights_sha256"] for card in (*cards, whole)}) == 3
    assert sum(card["train_utterances"] for card in cards) == whole["train_utterances"]
    assert [card["part"] for card in cards] == [{"number": 1, "of": 2}, {"number": 2, "of": 2}]
