"""Models between a surrogate and a stranger: how fast does transfer fall with the distance of the weights?

Two kinds: what the surrogate was some epochs before the end of its training, and points on the straight line from its
weights to a remote's. They are graded positive controls: a scorer that can see transfer must see it fall from one to
zero somewhere along the way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from asrtransfer.audio import replace_file
from asrtransfer.errors import InputError
from asrtransfer.model import DeepSpeech, tensor_hash


def with_weights(model: DeepSpeech, weights: Mapping[str, Tensor]) -> DeepSpeech:
    """Another model of the same width with these weights, in eval mode, frozen, on the same device."""
    other = DeepSpeech(model.units)
    other.load_state_dict(dict(weights))
    return other.requires_grad_(False).eval().to(model.dense1.weight.device)


def between(surrogate: DeepSpeech, remote: DeepSpeech, share: float) -> DeepSpeech:
    """The model a ``share`` of the way from the surrogate's weights (0) to the remote's (1)."""
    end = remote.state_dict()
    weights = {name: torch.lerp(start, end[name], share) for name, start in surrogate.state_dict().items()}
    return with_weights(surrogate, weights)


@torch.no_grad()
def distance(surrogate: DeepSpeech, other: DeepSpeech) -> float:
    """Euclidean distance of all weights over the norm of the surrogate's."""
    first, second = (torch.cat([p.flatten().double() for p in m.parameters()]) for m in (surrogate, other))
    return float((second - first).norm() / first.norm())


def save_epochs(epochs: Mapping[int, Mapping[str, Tensor]], path: Path) -> None:
    """Write the weights after some epochs into one file, whole or not at all, with a checksum."""
    tensors = {
        f"{epoch}.{name}": tensor.detach().cpu().contiguous()
        for epoch, weights in epochs.items()
        for name, tensor in weights.items()
    }
    metadata = {"epochs": json.dumps(sorted(epochs)), "sha256": tensor_hash(tensors)}
    replace_file(path, save(tensors, metadata=metadata))


def load_epochs(path: Path) -> dict[int, dict[str, Tensor]]:
    """Read what :func:`save_epochs` wrote, ascending.

    Raises:
        InputError: if the file is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        epochs = json.loads(metadata["epochs"])
        if metadata["sha256"] != tensor_hash(tensors):
            raise ValueError("it differs from the checksum kept with it")
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not the weights of epochs ({error}); delete it and run again") from error
    return {
        epoch: {
            name.removeprefix(f"{epoch}."): tensor for name, tensor in tensors.items() if name.startswith(f"{epoch}.")
        }
        for epoch in epochs
    }
