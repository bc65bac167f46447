"""How large things are: frames of an utterance, the network's inputs and work, and the memory that a batch takes.

This module imports no PyTorch: plan and resources are computed from it.
"""

from __future__ import annotations

from asrtransfer.text import alphabet

SAMPLE_RATE = 16_000
WINDOW = 512
HOP = 320
CEPSTRA = 26
CONTEXT = 9
FRAMES_STACKED = 2 * CONTEXT + 1
INPUTS = FRAMES_STACKED * CEPSTRA
CONVOLUTIONS = ((10, 5), (3, 2), (3, 2), (3, 2), (3, 2), (2, 2), (2, 2))
"""Kernel and stride of a front end of convolutions, those of wav2vec 2.0: a hop of 320 samples in all."""
CHANNELS = 32
"""Of its convolutions; the last one has as many as there are mel bands."""
ACTIVATION_CEILING = 20.0
"""Of every rectified layer: the clipped ReLU of ``DeepSpeech.py``."""
FRAMES_PER_SECOND = SAMPLE_RATE / HOP

# Numbers a frame that autograd keeps of a pass, counted with its hooks for 64 to 2048 units on the CPU: 2,158 to
# 44,300, which is 800 + 21.3 a unit.
_KEPT, _KEPT_PER_UNIT = 800, 21.5
# Beside what is kept, a backward pass holds gradients of the largest layers.
_PEAK = 1.5
# Without gradients: a frame's window, spectrum and context, and some layers' outputs at a time, four of them the LSTM's
# gates.
_HEARD, _HEARD_PER_UNIT = 3500, 8
# An attack's own tensors of an utterance: audio, perturbation, its gradient and sign, Adam's state, noise, mask.
_STATE = 16
_FLOAT = 4
# Layers whose outputs a job holds at a time, with and without gradients: upper bounds, for what a job asks for.
_LAYERS = {True: 30, False: 12}


def count_frames(samples: int) -> int:
    """Count the frames of an utterance: ``1 + ceil((n - 512) / 320)``, at least one (``sigproc.framesig``)."""
    return 1 + (max(samples - WINDOW, 0) + HOP - 1) // HOP


def count_multiplications(units: int, inputs: int = INPUTS, front: int = 0) -> int:
    """Count the multiplications that a frame takes on its way through the network; nearly the number of its weights.

    Args:
        units: width of the hidden layers.
        inputs: of the first one.
        front: multiplications of the front end, where it has weights.
    """
    return front + (inputs + alphabet.SIZE) * units + 11 * units**2


def count_convolutions() -> int:
    """Count the multiplications of a front end of convolutions, for one frame."""
    total, steps, before = 0, HOP, 1
    for place, (kernel, stride) in enumerate(CONVOLUTIONS):
        steps //= stride
        channels = CEPSTRA if place == len(CONVOLUTIONS) - 1 else CHANNELS
        total += steps * kernel * before * channels
        before = channels
    return total


def weight_bytes(units: int) -> float:
    """Memory of the weights."""
    return float(_FLOAT * count_multiplications(units))


def attack_bytes(units: int, samples: int) -> float:
    """Memory that attacking an utterance takes: 145 MB for ten seconds and 2048 units."""
    frames = samples / HOP
    return _FLOAT * (_PEAK * frames * (_KEPT + _KEPT_PER_UNIT * units) + _STATE * samples)


def hearing_bytes(units: int, samples: int) -> float:
    """Memory that hearing an utterance takes."""
    return _FLOAT * (samples / HOP * (_HEARD + _HEARD_PER_UNIT * units) + 2 * samples)


def activation_bytes(units: int, utterances: int, seconds: float, gradient: bool) -> float:
    """Memory of a batch on its way through the network: an upper bound, for what a job asks for."""
    numbers = seconds * FRAMES_PER_SECOND * (_LAYERS[gradient] * units + 4 * INPUTS)
    # The audio as 16-bit samples, twenty times over.
    return utterances * (numbers * _FLOAT + 20 * 2 * seconds * 2 * SAMPLE_RATE)
