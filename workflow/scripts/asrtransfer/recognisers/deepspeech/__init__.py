"""The family DeepSpeech: Mozilla DeepSpeech 0.4.1, trained by the study in any width.

This module imports no PyTorch: a configuration is read with its class.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asrtransfer.recognisers.base import Cost, Frames, Surrogate
from asrtransfer.recognisers.deepspeech import sizes
from asrtransfer.recognisers.deepspeech.section import DeepSpeechSection

if TYPE_CHECKING:
    from torch import Tensor

    from asrtransfer.recognisers.deepspeech.network import Network


class Trained(Surrogate):
    """A network with trained weights.

    Args:
        network: in eval mode, its parameters frozen.
    """

    section = DeepSpeechSection
    trained = True
    pads = True
    layers = ("dense1", "dense2", "dense3", "middle", "dense5", "dense6")
    recurrent = "middle"

    def __init__(self, network: Network) -> None:
        self.network = network
        self.device = network.device

    @classmethod
    def choose(cls, keys: DeepSpeechSection) -> type[Trained]:
        """See :meth:`asrtransfer.recognisers.base.Recogniser.choose`."""
        return find_class(keys.network.output)

    @classmethod
    def load(cls, keys: Any, device: str, weights: Path | None) -> Trained:
        """See :meth:`asrtransfer.recognisers.base.Recogniser.load`; the weights' file tells all of the network."""
        from asrtransfer.recognisers.deepspeech.network import load_weights

        assert weights is not None
        return wrap(load_weights(weights, device))

    @classmethod
    def cost(cls, keys: DeepSpeechSection) -> Cost:
        """See :meth:`asrtransfer.recognisers.base.Recogniser.cost`; words are taken for as many as characters."""
        units, network = keys.network.units, keys.network
        front = sizes.count_convolutions() if network.front_end == "waveform" else 0
        inputs = sizes.FRAMES_STACKED * network.cepstra
        return Cost(
            sizes.FRAMES_PER_SECOND * sizes.count_multiplications(units, inputs, front),
            0.0,
            3 * sizes.weight_bytes(units) / 1e6,
            lambda utterances, seconds, gradient: sizes.activation_bytes(units, utterances, seconds, gradient) / 1e6,
        )

    @classmethod
    def find_recurrent(cls, keys: DeepSpeechSection) -> str:
        """See :meth:`asrtransfer.recognisers.base.Recogniser.find_recurrent`."""
        return cls.recurrent if keys.network.recurrence == "lstm" else ""

    @property
    def identity(self) -> str:
        """SHA-256 of the weights."""
        from asrtransfer.recognisers.deepspeech.network import weight_hash

        return weight_hash(self.network)

    def log_probs(self, audio: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the log-probabilities of every frame, as :meth:`asrtransfer.recognisers.base.Frames.log_probs`.

        A single utterance runs beside its copy: matrix products of one row take another path through the BLAS, which
        rounds differently, and what is heard must not depend on how many others run beside it.
        """
        # cuDNN computes an LSTM's gradient in training mode only; the LSTM has no dropout, so nothing else changes.
        self.network.middle.train(audio.is_cuda and audio.requires_grad)
        alone = len(audio) == 1
        if alone:
            audio, lengths = audio.expand(2, -1), lengths.expand(2)
        log_probs, counts = self.network(audio, lengths)
        self.network.middle.eval()
        return (log_probs[:1], counts[:1]) if alone else (log_probs, counts)

    def frames(self, samples: int) -> int:
        """See :meth:`asrtransfer.recognisers.base.Frames.frames`."""
        return sizes.count_frames(samples)

    def bytes(self, utterances: int, samples: int, *, gradient: bool) -> float:
        """See :meth:`asrtransfer.recognisers.base.Surrogate.bytes`."""
        take = sizes.attack_bytes if gradient else sizes.hearing_bytes
        return utterances * take(self.network.units, samples)


class DeepSpeech(Trained, Frames):
    """A network whose classes are characters, as published."""


def find_class(output: str) -> type[Trained]:
    """Return the class of networks with an output: ``characters`` or ``words``."""
    if output == "characters":
        return DeepSpeech
    # By a computed name: an edit there shall not run again what has characters.
    found: type[Trained] = import_module(f"{__name__}.{output}").RECOGNISER
    return found


def wrap(network: Network) -> Trained:
    """Make a recogniser of a network in eval mode, its parameters frozen."""
    return find_class("words" if network.shape["words"] else "characters")(network)


RECOGNISER = DeepSpeech
