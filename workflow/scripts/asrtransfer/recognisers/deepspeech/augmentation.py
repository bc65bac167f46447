"""SpecAugment: parts of the mel spectrogram hidden in training (Park et al., Interspeech 2019, section 2)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class SpecAugment:
    """Bands and stretches of time that are replaced by the utterance's mean; no time warping.

    The defaults are the paper's policy LD (two masks of up to 27 of 80 bands, two of up to 100 frames of 10 ms) for
    26 bands and frames of 20 ms.

    Attributes:
        frequency_masks: masks over bands, an utterance.
        frequency_width: bands a mask covers at the most; the width is drawn from 0 to that.
        time_masks: masks over frames, an utterance.
        time_width: frames a mask covers at the most.
    """

    frequency_masks: int = 2
    frequency_width: int = 9
    time_masks: int = 2
    time_width: int = 50

    def hide(self, bands: Tensor, energy: Tensor, counts: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Log mel bands and log energy with the masks drawn from a generator.

        Args:
            bands: float32 (batch, frames, bands).
            energy: float32 (batch, frames); hidden where time is.
            counts: int64 (batch,), each utterance's frames.
            generator: on the CPU.
        """
        frames = torch.arange(bands.shape[1], device=bands.device)
        valid = frames < counts[:, None]
        hidden_time = torch.zeros(bands.shape[:2], dtype=torch.bool)
        hidden_bands = torch.zeros(bands.shape[0], bands.shape[2], dtype=torch.bool)
        for row, count in enumerate(counts.tolist()):
            for _ in range(self.frequency_masks):
                hidden_bands[row, _stretch(bands.shape[2], self.frequency_width, generator)] = True
            for _ in range(self.time_masks):
                hidden_time[row, _stretch(count, self.time_width, generator)] = True
        hidden_time, hidden_bands = hidden_time.to(bands.device), hidden_bands.to(bands.device)
        means = (bands * valid[:, :, None]).sum(dim=1) / counts[:, None]
        mean_energy = (energy * valid).sum(dim=1) / counts
        hidden = hidden_time[:, :, None] | hidden_bands[:, None, :]
        return (
            torch.where(hidden, means[:, None, :], bands),
            torch.where(hidden_time, mean_energy[:, None], energy),
        )


def _stretch(size: int, width: int, generator: torch.Generator) -> slice:
    """Some neighbours of so many: from none to ``width``, anywhere."""
    length = int(torch.randint(min(width, size) + 1, (), generator=generator))
    start = int(torch.randint(size - length + 1, (), generator=generator))
    return slice(start, start + length)
