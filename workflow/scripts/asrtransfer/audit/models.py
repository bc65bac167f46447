"""Models: arms differ from their base in what they say, counted in bits, and in nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from asrtransfer.audit import network
from asrtransfer.audit.findings import Finding, Probe
from asrtransfer.audit.front_end import FRONT_ENDS
from asrtransfer.audit.stored import Stored

RECIPE = ("recipe", "dropout", "units", "device", "threads", "torch")
"""Keys of a card that arms and seeds of a family have alike."""
DATA = ("training_data_sha256", "train_utterances")


@cache
def read_weights(folder: Path, model: str) -> dict[str, NDArray[np.float32]]:
    """Read the weights of a trained model, by name."""
    weights: dict[str, NDArray[np.float32]] = load_file(folder / f"models/{model}/weights.safetensors")
    return weights


def is_written_out(stored: Stored, model: str) -> bool:
    """Whether :mod:`asrtransfer.audit.network` writes a model out: trained here, of characters, without a channel.

    A family of the user's own has another card.
    """
    card = stored.cards[model]
    known = card.get("front_end") in FRONT_ENDS and card.get("recurrence") in network.MIDDLES
    return known and card.get("output") == "characters" and stored.is_trained(model) and stored.source(model) == model


def hear(stored: Stored, model: str, audio: NDArray[np.int16]) -> NDArray[np.float64]:
    """Compute a model's log-probabilities in NumPy: (frames, 29)."""
    return network.recognise(read_weights(stored.folder, model), audio, stored.cards[model])


def check(stored: Stored) -> Iterator[Finding]:
    """Check the models that the study trained."""
    trained = [name for name in stored.models if stored.is_trained(name) and stored.source(name) == name]
    yield _check_cards(stored, trained)
    yield _check_data(stored, trained)
    yield _check_arms(stored, trained)


def _check_cards(stored: Stored, trained: list[str]) -> Finding:
    probe = Probe("training", "models of a family have one recipe, and their data", "models")
    for name in trained:
        family, arm = (stored.design["models"][name][key] for key in ("family", "arm"))
        first = next(one for one in trained if stored.design["models"][one]["family"] == family)
        keys = RECIPE if arm == "data" else (*RECIPE, *DATA)
        card, other = stored.cards[name], stored.cards[first]
        unlike = [key for key in keys if card.get(key) != other.get(key)]
        probe.look(not unlike, f"{name}: {', '.join(unlike)} differ from those of {first}")
    return probe.finish("no model was trained")


def _check_data(stored: Stored, trained: list[str]) -> Finding:
    """A card tells of the training split: of all of it, or of one of its parts."""
    probe = Probe("training", "models have trained on the training split, and on nothing else", "models")
    table = stored.splits["train"]
    named = table[[column for column in table if column != "path"]]
    digest = hashlib.sha256(named.to_json(orient="records", double_precision=15).encode()).hexdigest()
    for name in trained:
        card = stored.cards[name]
        part = card.get("part")
        count = len(table) if part is None else len(table[part["number"] - 1 :: part["of"]])
        same = part is not None or card["training_data_sha256"] == digest
        told = card["train_utterances"]
        probe.look(same and told == count, f"{name}: {told} utterances, train has {count}, checksum {same}")
    return probe.finish("no model was trained")


def _check_arms(stored: Stored, trained: list[str]) -> Finding:
    probe = Probe("training", "weights agree where they must, and differ where they must", "pairs of models")
    for name in trained:
        about = stored.design["models"][name]
        base, arm = about["base"], about["arm"]
        if base == name or base not in trained:
            continue
        equal = _count_equal(stored, name, base)
        if arm == "twin":
            probe.look(equal == 1.0, f"{name}: {1 - equal:.2%} of its weights differ from those of {base}")
        elif arm != "native":
            probe.look(equal < 0.5, f"{name}: {equal:.2%} of its weights are those of {base}")
    bases = [name for name in trained if stored.design["models"][name]["arm"] == "none"]
    for one, other in pairwise(bases):
        if stored.design["models"][one]["family"] == stored.design["models"][other]["family"]:
            equal = _count_equal(stored, one, other)
            probe.look(equal < 0.5, f"{one} and {other} have {equal:.2%} of their weights in common")
    for name in trained:
        _look_at_shared(stored, name, trained, probe)
    return probe.finish("no model was trained")


def _look_at_shared(stored: Stored, name: str, trained: list[str], probe: Probe) -> None:
    """Layers that a model shares are its donor's, bit by bit, and no others are."""
    card = stored.cards[name]
    layers = card.get("shared_layers", [])
    if not layers:
        return
    donor = next((one for one in trained if stored.cards[one]["weights_sha256"] == card["donor_weights_sha256"]), None)
    if donor is None:
        probe.look(False, f"{name}: shares layers of a model that is not there")
        return
    own, theirs = read_weights(stored.folder, name), read_weights(stored.folder, donor)
    for key in own:
        shared = key.partition(".")[0] in layers
        same = bool(np.array_equal(own[key], theirs[key]))
        probe.look(same == shared, f"{name}: {key} is {'' if same else 'not '}that of {donor}")


def _count_equal(stored: Stored, one: str, other: str) -> float:
    """Share of weights that are equal, bit by bit; 0 for networks of other shapes."""
    first, second = read_weights(stored.folder, one), read_weights(stored.folder, other)
    if first.keys() != second.keys() or any(first[key].shape != second[key].shape for key in first):
        return 0.0
    total = sum(tensor.size for tensor in first.values())
    same = sum(int((first[key].view(np.int32) == second[key].view(np.int32)).sum()) for key in first)
    return same / total
