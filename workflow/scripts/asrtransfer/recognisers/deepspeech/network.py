"""The network of Mozilla DeepSpeech 0.4.1 (``DeepSpeech.py``, tag v0.4.1, ``BiRNN``), in any width."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from asrtransfer.files import tensors
from asrtransfer.files.errors import InputError, explain
from asrtransfer.recognisers.deepspeech.front_end import FRONT_ENDS
from asrtransfer.recognisers.deepspeech.middle import MIDDLES
from asrtransfer.recognisers.deepspeech.outputs import Characters, Output, Words
from asrtransfer.recognisers.deepspeech.sizes import ACTIVATION_CEILING, CEPSTRA, FRAMES_STACKED

FORGET_BIAS = 1.0
PUBLISHED_UNITS = 2048
# 47,224,861 in TensorFlow; PyTorch's LSTM holds a second bias of 4 x 2048.
PUBLISHED_PARAMETERS = 47_224_861 + 8_192


class Network(nn.Module):
    """Audio to per-frame log-probabilities of the classes.

    Three dense layers, a forward LSTM and a dense layer of ``units`` each, then the classes: 29, as published. Dropout
    follows the dense hidden layers and acts in training mode only.

    Args:
        units: width H of every hidden layer; 2048 in the published study.
        dropout: share of dense activations dropped in training; 0.2 in the published recipe.
        front_end: ``mfcc``, as published; ``log-mel`` or ``waveform``.
        cepstra: kept of a frame; 26, as published, are all.
        recurrence: what stands in the middle: ``lstm``, as published; ``none`` or ``window``.
        words: that are the classes; none: the characters, as published.

    Attributes:
        output: what the classes say.
    """

    def __init__(
        self,
        units: int,
        dropout: float = 0.0,
        *,
        front_end: str = "mfcc",
        cepstra: int = CEPSTRA,
        recurrence: str = "lstm",
        words: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.units = units
        self.shape: dict[str, Any] = {
            "units": units,
            "front_end": front_end,
            "cepstra": cepstra,
            "recurrence": recurrence,
            "words": list(words),
        }
        self.output: Output = Words(words) if words else Characters()
        self.front_end = FRONT_ENDS[front_end](cepstra)
        self.dense1 = nn.Linear(FRAMES_STACKED * cepstra, units)
        self.dense2 = nn.Linear(units, units)
        self.dense3 = nn.Linear(units, units)
        self.middle = MIDDLES[recurrence](units)
        self.dense5 = nn.Linear(units, units)
        self.dense6 = nn.Linear(units, self.output.size)
        self.dropout = nn.Dropout(dropout)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.dense1.weight.device

    def initialise(self, seed: int) -> None:
        """Draw the initial weights: Xavier-uniform, zero biases, LSTM forget bias 1 (``DeepSpeech.py``).

        The LSTM's kernel is one matrix of shape (2H, 4H) in TensorFlow, so its limit is sqrt(6 / 6H).
        """
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, parameter in sorted(self.named_parameters()):
                if parameter.dim() == 1:
                    parameter.zero_()
                else:
                    limit = self._find_limit(name, parameter)
                    parameter.copy_((2 * torch.rand(parameter.shape, generator=generator) - 1) * limit)
            if isinstance(self.middle, nn.LSTM):
                # PyTorch orders the gates input, forget, cell, output.
                self.middle.get_parameter("bias_ih_l0")[self.units : 2 * self.units] = FORGET_BIAS

    def _find_limit(self, name: str, parameter: Tensor) -> float:
        """Of the uniform distribution of a layer's initial weights: sqrt(6 / (inputs + outputs))."""
        if isinstance(self.middle, nn.LSTM) and name.startswith("middle."):
            return math.sqrt(1 / self.units)
        window = math.prod(parameter.shape[2:])
        return math.sqrt(6 / (window * sum(parameter.shape[:2])))

    def nudge(self, which: int) -> None:
        """Move one weight by one unit in the last place: the smallest difference arithmetic can make.

        Args:
            which: 1 for the weight of the last layer with the largest magnitude, 2 for the second largest, and so on.
                There the difference meets numbers of its own size; in the first layer rounding mostly swallows it.
        """
        with torch.no_grad():
            flat = self.dense6.weight.view(-1)
            place = int(flat.abs().argsort(descending=True, stable=True)[which - 1])
            flat[place] = torch.nextafter(flat[place], torch.tensor(math.inf))

    def list_trained(self) -> dict[str, nn.Parameter]:
        """Return the parameters that training changes, by name."""
        return {name: parameter for name, parameter in self.named_parameters() if parameter.requires_grad}

    @torch.no_grad()
    def take(self, donor: Network, layers: Sequence[str] | None = None) -> None:
        """Take over weights of a network of the same shape.

        Args:
            donor: has the weights.
            layers: names of those to take; None takes all.

        Raises:
            InputError: if the donor has another shape.
        """
        for key, value in self.shape.items():
            other = donor.shape[key]
            if other != value:
                raise InputError(
                    f"network.{key}: {value}, and the model that gives its weights has {other}; train it anew"
                )
        own = self.state_dict()
        for name, tensor in donor.state_dict().items():
            if layers is None or name.partition(".")[0] in layers:
                own[name].copy_(tensor)

    def forward(self, audio: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Recognise a batch.

        Args:
            audio: float32 (batch, samples), 16-bit units; what follows an utterance's length is ignored.
            lengths: int64 (batch,), in samples.

        Returns:
            Natural log-probabilities, float32 (batch, frames, classes), and int64 (batch,) frame counts.
        """
        inputs, counts = self.front_end(audio, lengths)
        return self.recognise(inputs, counts), counts

    def recognise(self, inputs: Tensor, counts: Tensor) -> Tensor:
        """Log-probabilities, float32 (batch, frames, classes), of front end outputs (batch, frames, 494).

        Args:
            inputs: of the front end.
            counts: int64 (batch,), frames of each utterance.
        """
        hidden = inputs
        for dense in (self.dense1, self.dense2, self.dense3):
            hidden = self.dropout(dense(hidden).clamp(0, ACTIVATION_CEILING))
        hidden = self.middle(hidden, counts)
        hidden = self.dropout(self.dense5(hidden).clamp(0, ACTIVATION_CEILING))
        # The layers may have been computed in bfloat16.
        return self.dense6(hidden).float().log_softmax(dim=2)


def weight_hash(network: nn.Module) -> str:
    """Hash all weights (SHA-256): equal exactly if they are bit-identical."""
    return tensors.digest(network.state_dict())


def save_weights(network: Network, path: Path) -> None:
    """Write the weights, whole or not at all, with their checksum."""
    tensors.write(path, network.state_dict(), {"network": network.shape})


def load_weights(path: Path, device: str = "cpu") -> Network:
    """Read a network for listening: eval mode, parameters frozen.

    Raises:
        InputError: if the file is missing or damaged, or its tensors are not those of the network that it names.
    """
    weights, about = tensors.read(path, "the weights of a model")
    try:
        units = about["network"]["units"]
        # Before the network is built, which of another width could take any memory.
        if weights["dense2.weight"].shape != (units, units):
            raise ValueError(f"they are not those of {units} units")
        return with_weights(about["network"], weights, device)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{path}: not the weights of a model ({explain(error)}); delete it and run again") from error


def with_weights(shape: Mapping[str, Any], weights: Mapping[str, Tensor], device: torch.device | str) -> Network:
    """Make a network of a shape and some weights, in eval mode, its parameters frozen."""
    network = Network(**shape)
    network.load_state_dict(dict(weights))
    return network.requires_grad_(False).eval().to(device)


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
    try:
        found: dict[int, dict[str, Tensor]] = {epoch: {} for epoch in about["epochs"]}
        for name, tensor in named.items():
            epoch, _, parameter = name.partition(".")
            found[int(epoch)][parameter] = tensor
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not the weights of epochs ({error}); delete it and run again") from error
    return found
