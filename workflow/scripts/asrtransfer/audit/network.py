"""DeepSpeech in NumPy: the front end by the formulas of its paper's code, the network layer by layer, greedy texts."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

Floats = NDArray[np.float64]
CHARACTERS = " abcdefghijklmnopqrstuvwxyz'"
RATE, WINDOW, HOP, BANDS, CONTEXT = 16000, 512, 320, 26, 9


def analyse(audio: NDArray[np.int16]) -> Floats:
    """Compute 26 cepstra a frame as python_speech_features does: (frames, 26)."""
    signal = audio.astype(np.float64)
    signal = np.append(signal[0], signal[1:] - 0.97 * signal[:-1])
    frames = 1 if len(signal) <= WINDOW else 1 + -(-(len(signal) - WINDOW) // HOP)
    padded = np.append(signal, np.zeros((frames - 1) * HOP + WINDOW - len(signal)))
    windows = np.stack([padded[start * HOP : start * HOP + WINDOW] for start in range(frames)]) * np.hamming(WINDOW)
    power = np.abs(np.fft.rfft(windows, WINDOW)) ** 2 / WINDOW
    energy = power.sum(axis=1)
    bands = power @ _filters().T
    floor = np.finfo(float).eps
    cepstra = dct(np.log(np.where(bands == 0, floor, bands)), type=2, axis=1, norm="ortho")
    places = np.arange(BANDS)
    cepstra = cepstra * (1 + 11 * np.sin(np.pi * places / 22))
    cepstra[:, 0] = np.log(np.where(energy == 0, floor, energy))
    return np.asarray(cepstra)


def _filters() -> Floats:
    top = 2595 * np.log10(1 + RATE / 2 / 700)
    hertz = 700 * (10 ** (np.linspace(0, top, BANDS + 2) / 2595) - 1)
    edges = np.floor((WINDOW + 1) * hertz / RATE)
    bank = np.zeros((BANDS, WINDOW // 2 + 1))
    for band in range(BANDS):
        left, centre, right = (int(edge) for edge in edges[band : band + 3])
        for place in range(left, centre):
            bank[band, place] = (place - left) / (centre - left)
        for place in range(centre, right):
            bank[band, place] = (right - place) / (right - centre)
    return bank


def recognise(weights: dict[str, NDArray[Any]], audio: NDArray[np.int16]) -> Floats:
    """Compute log-probabilities of the published network: (frames, 29)."""
    cepstra = analyse(audio)
    padded = np.pad(cepstra, ((CONTEXT, CONTEXT), (0, 0)))
    hidden = np.stack([padded[frame : frame + 2 * CONTEXT + 1].ravel() for frame in range(len(cepstra))])
    named = {name: tensor.astype(np.float64) for name, tensor in weights.items()}
    for layer in ("dense1", "dense2", "dense3"):
        hidden = _dense(named, layer, hidden).clip(0, 20)
    hidden = _remember(named, hidden)
    hidden = _dense(named, "dense5", hidden).clip(0, 20)
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


def _squash(value: Floats) -> Floats:
    found: Floats = 1 / (1 + np.exp(-value))
    return found


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
