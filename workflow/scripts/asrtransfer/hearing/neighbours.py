"""Models between a surrogate and a stranger: how fast does transfer fall with the distance of the weights?

Two kinds: what the surrogate was some epochs before the end of its training, and points on the straight line from its
weights to a remote's. They are graded positive controls: a scorer that can see transfer must see it fall from one to
zero somewhere along the way.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from asrtransfer.files import tensors
from asrtransfer.recognisers.deepspeech.network import DeepSpeech


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
    named = {f"{epoch}.{name}": tensor for epoch, weights in epochs.items() for name, tensor in weights.items()}
    tensors.write(path, named, {"epochs": sorted(epochs)})


def load_epochs(path: Path) -> dict[int, dict[str, Tensor]]:
    """Read what :func:`save_epochs` wrote, ascending.

    Raises:
        InputError: if the file is missing or damaged.
    """
    named, about = tensors.read(path, "the weights of epochs")
    found: dict[int, dict[str, Tensor]] = {epoch: {} for epoch in about["epochs"]}
    for name, tensor in named.items():
        epoch, _, parameter = name.partition(".")
        found[int(epoch)][parameter] = tensor
    return found
