"""SpecAugment: training with a partly masked mel spectrogram (Park et al., Interspeech 2019, section 2)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class SpecAugment:
    """Masks over bands and frames, filled with the mean of the utterance; without time warping.

    The defaults are policy LD of the paper (two masks of up to 27 of 80 bands, two of up to 100 frames of 10 ms),
    converted to 26 bands and frames of 20 ms.

    Attributes:
        frequency_masks: masks over bands per utterance.
        frequency_width: widest mask in bands; widths are drawn uniformly from 0 to this one.
        time_masks: masks over frames per utterance.
        time_width: widest mask in frames.
    """

    frequency_masks: int = 2
    frequency_width: int = 9
    time_masks: int = 2
    time_width: int = 50

    def hide(self, bands: Tensor, energy: Tensor, counts: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Mask log mel bands and log energy at random.

        Args:
            bands: float32 (batch, frames, bands).
            energy: float32 (batch, frames); masked in masked frames.
            counts: int64 (batch,), valid frames of each utterance.
            generator: source of the masks, on the CPU.

        Returns:
            Masked bands and energy, of the same shapes.
        """
        frames = torch.arange(bands.shape[1], device=bands.device)
        valid = frames < counts[:, None]
        hidden_time = torch.zeros(bands.shape[:2], dtype=torch.bool)
        hidden_bands = torch.zeros(bands.shape[0], bands.shape[2], dtype=torch.bool)
        for row, count in enumerate(counts.tolist()):
            for _ in range(self.frequency_masks):
                hidden_bands[row, _draw_range(bands.shape[2], self.frequency_width, generator)] = True
            for _ in range(self.time_masks):
                hidden_time[row, _draw_range(count, self.time_width, generator)] = True
        hidden_time, hidden_bands = hidden_time.to(bands.device), hidden_bands.to(bands.device)
        means = (bands * valid[:, :, None]).sum(dim=1) / counts[:, None]
        mean_energy = (energy * valid).sum(dim=1) / counts
        hidden = hidden_time[:, :, None] | hidden_bands[:, None, :]
        return (
            torch.where(hidden, means[:, None, :], bands),
            torch.where(hidden_time, mean_energy[:, None], energy),
        )


def _draw_range(size: int, width: int, generator: torch.Generator) -> slice:
    """Draw a range of 0 to ``width`` neighbours among ``size`` items."""
    length = int(torch.randint(min(width, size) + 1, (), generator=generator))
    start = int(torch.randint(size - length + 1, (), generator=generator))
    return slice(start, start + length)
