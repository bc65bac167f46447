"""Front ends in NumPy, by the formulas of python_speech_features, and convolutions over the waveform."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

Floats = NDArray[np.float64]
Samples = NDArray[np.int16]
RATE, WINDOW, HOP, BANDS = 16000, 512, 320, 26
# By which log mel bands are scaled before a network sees them.
BAND_MEAN, BAND_DEVIATION = 10.0, 4.0
CEILING = 20.0
"""Of every layer but the last of a kind."""
FRONT_ENDS = ("mfcc", "log-mel", "waveform")
STRIDES = (5, 2, 2, 2, 2, 2, 2)


def describe(audio: Samples, weights: dict[str, Floats], shape: dict[str, Any]) -> Floats:
    """Compute what the network sees of each frame: (frames, values).

    Args:
        audio: of an utterance.
        weights: by name; a front end of convolutions has some.
        shape: ``front_end`` (mfcc, log-mel, waveform) and ``cepstra``, as on a model's card.
    """
    if shape["front_end"] == "waveform":
        return _convolve(audio, weights)
    bands, energy = _analyse(audio)
    if shape["front_end"] == "log-mel":
        return (bands - BAND_MEAN) / BAND_DEVIATION
    cepstra = dct(bands, type=2, axis=1, norm="ortho") * (1 + 11 * np.sin(np.pi * np.arange(BANDS) / 22))
    cepstra[:, 0] = energy
    return np.asarray(cepstra)[:, : shape["cepstra"]]


def _count_frames(samples: int) -> int:
    return 1 if samples <= WINDOW else 1 + -(-(samples - WINDOW) // HOP)


def _analyse(audio: Samples) -> tuple[Floats, Floats]:
    """Compute log mel bands, (frames, 26), and log energy, (frames,)."""
    signal = audio.astype(np.float64)
    signal = np.append(signal[0], signal[1:] - 0.97 * signal[:-1])
    frames = _count_frames(len(signal))
    padded = np.append(signal, np.zeros((frames - 1) * HOP + WINDOW - len(signal)))
    windows = np.stack([padded[start * HOP : start * HOP + WINDOW] for start in range(frames)]) * np.hamming(WINDOW)
    power = np.abs(np.fft.rfft(windows, WINDOW)) ** 2 / WINDOW
    return _log(power @ _filters().T), _log(power.sum(axis=1))


def _log(values: Floats) -> Floats:
    return np.asarray(np.log(np.where(values == 0, np.finfo(float).eps, values)))


def _convolve(audio: Samples, weights: dict[str, Floats]) -> Floats:
    """Run the convolutions over thousandths of the samples, (frames, 26)."""
    frames = _count_frames(len(audio))
    heard = np.append(audio.astype(np.float64), np.zeros((frames - 1) * HOP + WINDOW - len(audio)))[:, None] / 1000
    for place, stride in enumerate(STRIDES):
        kernel, bias = (weights[f"front_end.convolutions.{place}.{name}"] for name in ("weight", "bias"))
        starts = range(0, len(heard) - kernel.shape[2] + 1, stride)
        windows = np.stack([heard[start : start + kernel.shape[2]].T for start in starts])
        heard = np.tensordot(windows, kernel, axes=([1, 2], [1, 2])) + bias
        if place < len(STRIDES) - 1:
            heard = heard.clip(0, CEILING)
    return heard[:frames]


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
