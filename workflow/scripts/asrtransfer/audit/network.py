"""DeepSpeech in NumPy, in every shape that the study trains, layer by layer; greedy texts, and the loss of CTC."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asrtransfer.audit.front_end import CEILING, Floats, describe

CHARACTERS = " abcdefghijklmnopqrstuvwxyz'"
CONTEXT = 9
DILATIONS = (1, 2, 4, 8, 16, 32, 1)


def recognise(weights: dict[str, NDArray[Any]], audio: NDArray[np.int16], shape: dict[str, Any]) -> Floats:
    """Compute log-probabilities: (frames, 29).

    Args:
        weights: by name.
        audio: of an utterance.
        shape: ``front_end``, ``cepstra`` and ``recurrence``, as on a model's card.
    """
    named = {name: tensor.astype(np.float64) for name, tensor in weights.items()}
    described = describe(audio, named, shape)
    padded = np.pad(described, ((CONTEXT, CONTEXT), (0, 0)))
    hidden = np.stack([padded[frame : frame + 2 * CONTEXT + 1].ravel() for frame in range(len(described))])
    for layer in ("dense1", "dense2", "dense3"):
        hidden = _dense(named, layer, hidden).clip(0, CEILING)
    hidden = MIDDLES[shape["recurrence"]](named, hidden)
    hidden = _dense(named, "dense5", hidden).clip(0, CEILING)
    logits = _dense(named, "dense6", hidden)
    logits = logits - logits.max(axis=1, keepdims=True)
    found: Floats = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return found


def _dense(named: dict[str, Floats], layer: str, hidden: Floats) -> Floats:
    found: Floats = hidden @ named[f"{layer}.weight"].T + named[f"{layer}.bias"]
    return found


def _remember(named: dict[str, Floats], hidden: Floats) -> Floats:
    """An LSTM, frame by frame; gates in PyTorch's order: input, forget, cell, output."""
    inward, back = named["middle.weight_ih_l0"], named["middle.weight_hh_l0"]
    bias = named["middle.bias_ih_l0"] + named["middle.bias_hh_l0"]
    state, cell = np.zeros(hidden.shape[1]), np.zeros(hidden.shape[1])
    found = []
    for frame in hidden:
        let, forget, new, out = np.split(inward @ frame + back @ state + bias, 4)
        cell = _squash(forget) * cell + _squash(let) * np.tanh(new)
        state = _squash(out) * np.tanh(cell)
        found.append(state)
    return np.stack(found)


def _widen(named: dict[str, Floats], hidden: Floats) -> Floats:
    """Two dense layers, each frame for itself."""
    return _dense(named, "middle.back", _dense(named, "middle.out", hidden).clip(0, CEILING)).clip(0, CEILING)


def _look_around(named: dict[str, Floats], hidden: Floats) -> Floats:
    """Windows of three frames, unit by unit, each mixed and added to what came in."""
    for place, apart in enumerate(DILATIONS):
        taps, bias = (named[f"middle.windows.{place}.{name}"] for name in ("weight", "bias"))
        padded = np.pad(hidden, ((apart, apart), (0, 0)))
        seen = sum(padded[tap * apart : tap * apart + len(hidden)] * taps[:, 0, tap] for tap in range(3)) + bias
        hidden = hidden + _dense(named, f"middle.mixes.{place}", seen).clip(0, CEILING)
    return _dense(named, "middle.last", hidden).clip(0, CEILING)


def _squash(value: Floats) -> Floats:
    found: Floats = 1 / (1 + np.exp(-value))
    return found


MIDDLES = {"lstm": _remember, "none": _widen, "window": _look_around}


def read_greedily(log_probs: Floats) -> str:
    """Write the text of the best path: repeated classes merged, blanks left out."""
    path = log_probs.argmax(axis=1).tolist()
    return "".join(CHARACTERS[place] for place, _ in groupby(path) if place < len(CHARACTERS))


def compute_loss(log_probs: Floats, text: str) -> float:
    """Compute -ln P(text | audio) by the forward variables of Graves et al. (2006), in nats."""
    blank = len(CHARACTERS)
    labels = [blank]
    for character in text:
        labels += [CHARACTERS.index(character), blank]
    alpha = np.full(len(labels), -np.inf)
    alpha[0] = log_probs[0, blank]
    if len(labels) > 1:
        alpha[1] = log_probs[0, labels[1]]
    for frame in log_probs[1:]:
        before = alpha
        alpha = before.copy()
        alpha[1:] = np.logaddexp(alpha[1:], before[:-1])
        for place in range(2, len(labels)):
            if labels[place] != blank and labels[place] != labels[place - 2]:
                alpha[place] = np.logaddexp(alpha[place], before[place - 2])
        alpha = alpha + frame[labels]
    ends = alpha[-1] if len(labels) == 1 else np.logaddexp(alpha[-1], alpha[-2])
    return float(-ends)
