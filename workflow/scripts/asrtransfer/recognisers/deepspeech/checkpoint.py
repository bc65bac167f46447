"""How far a training has come, and the checkpoint from which it goes on, bit for bit."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from asrtransfer.files import tensors
from asrtransfer.recognisers.deepspeech.network import Network


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One line of the learning curve; losses are CTC losses in nats an utterance, error rates of greedy decoding."""

    epoch: int
    train_loss: float
    dev_loss: float
    dev_wer: float
    dev_cer: float
    seconds: float


@dataclass
class Progress:
    """How far training has come: epochs done, steps done in all, and the loss summed over the epoch under way."""

    curve: list[Epoch]
    steps: int = 0
    loss: float = 0.0


def save_checkpoint(
    path: Path, network: Network, optimiser: torch.optim.Adam, progress: Progress, identity: str
) -> None:
    """Write weights, optimiser state and progress, whole or not at all, with a checksum."""
    state = {f"model.{name}": tensor for name, tensor in network.state_dict().items()}
    for name, parameter in network.list_trained().items():
        for key, value in optimiser.state[parameter].items():
            state[f"adam.{key}.{name}"] = value
    tensors.write(path, state, {"identity": identity, "progress": asdict(progress)})


def load_checkpoint(path: Path, network: Network, optimiser: torch.optim.Adam, identity: str) -> Progress:
    """Put network and optimiser back where :func:`save_checkpoint` found them.

    Returns:
        The progress so far; none, with nothing changed, if the checkpoint is of another identity.

    Raises:
        InputError: if the file is damaged.
    """
    state, about = tensors.read(path, "a checkpoint of this network")
    if about["identity"] != identity:
        return Progress([])
    network.load_state_dict(
        {name.removeprefix("model."): tensor for name, tensor in state.items() if name.startswith("model.")}
    )
    for name, parameter in network.list_trained().items():
        own = {key: state[f"adam.{key}.{name}"] for key in ("step", "exp_avg", "exp_avg_sq")}
        # Adam counts steps on the CPU, also where the network is on another device.
        optimiser.state[parameter] = {
            key: value if key == "step" else value.to(parameter.device) for key, value in own.items()
        }
    progress = about["progress"]
    return Progress([Epoch(**epoch) for epoch in progress["curve"]], progress["steps"], progress["loss"])
