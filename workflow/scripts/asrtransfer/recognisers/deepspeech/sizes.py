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
INPUTS = (2 * CONTEXT + 1) * CEPSTRA
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


def count_multiplications(units: int) -> int:
    """Count the multiplications that a frame takes on its way through the network; nearly the number of its weights."""
    return (INPUTS + alphabet.SIZE) * units + 11 * units**2


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
