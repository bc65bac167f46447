"""Parakeet's front end, in PyTorch so that a gradient gets through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

LEAST_FRAMES = 2
"""A standard deviation takes two."""
QUIET = 2.0**-24
EPSILON = 1e-5
LEAST_VARIANCE = 1e-20
"""Far below EPSILON squared: it changes no value, and the square root of digital silence keeps a finite gradient."""


class Spectra:
    """Normalised log-mel spectra as ParakeetFeatureExtractor computes them, which cuts the gradient.

    Args:
        about: the model's preprocessor_config.json; what it leaves out is as in the package.
        filters: of the package's module ``audio_utils``: makes the mel filters.
        device: ``cpu`` or ``cuda``.
    """

    def __init__(self, about: Mapping[str, Any], filters: Any, device: str) -> None:
        self.bands = int(about.get("feature_size", 80))
        self._hop = int(about.get("hop_length", 160))
        self._size = int(about.get("n_fft", 512))
        self._preemphasis = float(about.get("preemphasis") or 0.0)
        window = int(about.get("win_length", 400))
        mel = filters(1 + self._size // 2, self.bands, 0.0, 8000.0, 16000, norm="slaney", mel_scale="slaney")
        self._filters = torch.from_numpy(mel).float().to(device)
        before = (self._size - window) // 2
        padding = (before, self._size - window - before)
        self._window = torch.nn.functional.pad(torch.hann_window(window, periodic=False), padding).to(device)

    def frames(self, samples: int) -> int:
        """Count the frames of an utterance of this many samples."""
        return max(samples // self._hop, LEAST_FRAMES)

    def analyse(self, audio: Tensor) -> Tensor:
        """Compute the spectra: float32 (batch, frames, bands).

        Args:
            audio: float32 (batch, samples), full scale 1; shorter than two frames it is padded with silence.
        """
        pad = torch.nn.functional.pad
        frames = self.frames(audio.shape[1])
        audio = pad(audio, (0, max(0, frames * self._hop - audio.shape[1])))
        emphasised = torch.cat([audio[:, :1], audio[:, 1:] - self._preemphasis * audio[:, :-1]], dim=1)
        padded = pad(emphasised, (self._size // 2, self._size // 2))
        # The package computes one more frame, and masks it.
        spectra = torch.fft.rfft(padded.unfold(1, self._size, self._hop)[:, :frames] * self._window)
        # Without the square root of the package, whose gradient is NaN in digital silence.
        mel = (spectra.real.square() + spectra.imag.square()) @ self._filters
        logs = (mel + QUIET).log()
        deviations = logs - logs.mean(dim=1, keepdim=True)
        variance = deviations.square().sum(dim=1, keepdim=True) / (frames - 1)
        return deviations / (variance.clamp(min=LEAST_VARIANCE).sqrt() + EPSILON)
