"""Negative controls: audio with a perturbation of the same size that should not carry the target."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from asrtransfer.machine.random import numpy_stream

Samples = NDArray[np.int16]
Kind = Literal["shuffled", "moved", "noise"]
KINDS: tuple[Kind, ...] = ("shuffled", "moved", "noise")


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


def _add(audio: Samples, perturbation: NDArray[np.float64]) -> Samples:
    return np.clip(np.rint(audio + perturbation), -32768, 32767).astype(np.int16)
