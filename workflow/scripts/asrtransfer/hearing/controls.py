"""Controls: audio that should not carry the target, with a perturbation of the same size; and the target, spoken."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from asrtransfer.machine.random import numpy_stream
from asrtransfer.speech import audio
from asrtransfer.speech.espeak import Engine
from asrtransfer.speech.phrases import add_background, speak_phrase

Samples = NDArray[np.int16]
Kind = Literal["shuffled", "moved", "noise"]
KINDS: tuple[Kind, ...] = ("shuffled", "moved", "noise")
"""Of negative controls."""
SPOKEN = "spoken"
"""The kind of the positive control."""


def control(kind: Kind, clean: Samples, adversarial: Samples, other: Samples, seed: str) -> Samples:
    """Make one negative control of one adversarial sample.

    Args:
        kind: ``shuffled``: the perturbation's samples in a drawn order; ``moved``: the perturbation added to ``other``
            (cut, or padded with silence); ``noise``: Gaussian noise of the perturbation's L2 norm.
        clean: the utterance, int16.
        adversarial: the utterance with its perturbation, as long.
        other: another utterance, int16.
        seed: names the draw.

    Returns:
        int16, as long as ``clean``, or as ``other`` for ``moved``.
    """
    perturbation = adversarial.astype(np.float64) - clean
    random = numpy_stream(f"{seed}\0{kind}")
    if kind == "moved":
        fitted = np.zeros(len(other))
        fitted[: len(perturbation)] = perturbation[: len(other)]
        return _add(other, fitted)
    if kind == "shuffled":
        return _add(clean, random.permutation(perturbation))
    noise = random.standard_normal(len(clean))
    return _add(clean, noise * (np.linalg.norm(perturbation) / np.linalg.norm(noise)))


def speak(engine: Engine, phrase: str, name: str) -> Samples:
    """Speak a phrase: the positive control, which no model had a part in.

    Args:
        engine: that speaks.
        phrase: what is said.
        name: of the utterance in whose place it stands; draws voice, rate and pitch.

    Returns:
        int16 (samples,), 16 kHz.
    """
    random = numpy_stream(f"spoken\0{name}")
    return audio.to_int16(add_background(speak_phrase(engine, phrase, random), random))


def _add(clean: Samples, perturbation: NDArray[np.float64]) -> Samples:
    return audio.to_int16(clean + perturbation)
