"""SpecAugment: parts of the mel spectrogram hidden in training (Park et al., Interspeech 2019, section 2)."""

from __future__ import annotations

import torch

from asrtransfer.recognisers.deepspeech.front_end import Spectrum
from asrtransfer.recognisers.deepspeech.section import SpecAugment


def hide(masks: SpecAugment, spectrum: Spectrum, generator: torch.Generator) -> Spectrum:
    """Hide bands and stretches of time behind the utterance's mean; no time warping.

    Args:
        masks: how many, and how large; the widths are drawn from 0 up.
        spectrum: of some utterances; the energy is hidden where time is.
        generator: on the CPU.
    """
    bands, energy, counts = spectrum
    frames = torch.arange(bands.shape[1], device=bands.device)
    valid = frames < counts[:, None]
    hidden_time = torch.zeros(bands.shape[:2], dtype=torch.bool)
    hidden_bands = torch.zeros(bands.shape[0], bands.shape[2], dtype=torch.bool)
    for row, count in enumerate(counts.tolist()):
        for _ in range(masks.frequency_masks):
            hidden_bands[row, _stretch(bands.shape[2], masks.frequency_width, generator)] = True
        for _ in range(masks.time_masks):
            hidden_time[row, _stretch(count, masks.time_width, generator)] = True
    hidden_time, hidden_bands = hidden_time.to(bands.device), hidden_bands.to(bands.device)
    means = (bands * valid[:, :, None]).sum(dim=1) / counts[:, None]
    mean_energy = (energy * valid).sum(dim=1) / counts
    hidden = hidden_time[:, :, None] | hidden_bands[:, None, :]
    return Spectrum(
        torch.where(hidden, means[:, None, :], bands),
        torch.where(hidden_time, mean_energy[:, None], energy),
        counts,
    )


def _stretch(size: int, width: int, generator: torch.Generator) -> slice:
    """Draw a run of 0 to ``width`` neighbours out of ``size``, at any place."""
    length = int(torch.randint(min(width, size) + 1, (), generator=generator))
    start = int(torch.randint(size - length + 1, (), generator=generator))
    return slice(start, start + length)
