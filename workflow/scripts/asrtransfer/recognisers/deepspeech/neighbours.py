"""Models between a surrogate and a stranger: how fast does transfer fall with the distance of the weights?

Two kinds: what the surrogate was some epochs before the end of its training, and points on the straight line from its
weights to a remote's. They are graded positive controls: a scorer that can see transfer must see it fall from one to
zero somewhere along the way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from asrtransfer.recognisers.base import Recogniser
from asrtransfer.recognisers.deepspeech import wrap
from asrtransfer.recognisers.deepspeech.network import Network, load_epochs, load_weights, with_weights


class Neighbour(NamedTuple):
    """A model near a surrogate.

    Attributes:
        kind: ``epoch`` or ``line``.
        name: which of them.
        recogniser: the model.
        distance: of its weights from the surrogate's, see :func:`measure_distance`.
    """

    kind: str
    name: str
    recogniser: Recogniser
    distance: float


def list_neighbours(
    weights: Path, epochs: Path, last: int, remote: Path, stranger: str, shares: Sequence[float], device: str
) -> Iterator[Neighbour]:
    """Make the neighbours of a surrogate, one after the other.

    Args:
        weights: the surrogate's.
        epochs: its weights after the last epochs of its training.
        last: how many of these epochs to take.
        remote: weights of the model at the far end of the line.
        stranger: name of that model.
        shares: how far along the line.
        device: ``cpu`` or ``cuda``.

    Raises:
        InputError: if a file is missing or damaged.
    """
    surrogate, other = load_weights(weights, device), load_weights(remote, device)
    for epoch, kept in list(load_epochs(epochs).items())[-last:]:
        yield _describe("epoch", f"epoch {epoch}", surrogate, kept)
    for share in shares:
        yield _describe("line", f"{share:g} of the way to {stranger}", surrogate, mix(surrogate, other, share))


def _describe(kind: str, name: str, surrogate: Network, weights: Mapping[str, Tensor]) -> Neighbour:
    network = with_weights(surrogate.shape, weights, surrogate.device)
    return Neighbour(kind, name, wrap(network), measure_distance(surrogate, network))


def mix(surrogate: Network, remote: Network, share: float) -> dict[str, Tensor]:
    """Mix weights: a ``share`` of the way from the surrogate's (0) to the remote's (1)."""
    end = remote.state_dict()
    return {name: torch.lerp(start, end[name], share) for name, start in surrogate.state_dict().items()}


@torch.no_grad()
def measure_distance(surrogate: Network, other: Network) -> float:
    """Measure the Euclidean distance of all weights over the norm of the surrogate's."""
    first, second = (torch.cat([p.flatten().double() for p in m.parameters()]) for m in (surrogate, other))
    return float((second - first).norm() / first.norm())
