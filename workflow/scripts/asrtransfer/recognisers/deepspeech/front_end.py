"""The front end of Mozilla DeepSpeech 0.4.1, batched and differentiable.

Source: ``python_speech_features`` 0.6 (``base.py``, ``sigproc.py``), as ``util/audio.py`` of DeepSpeech 0.4.1 calls it:
26 cepstra of 26 filters over 0-8000 Hz, 32 ms Hamming windows every 20 ms, samples in 16-bit units, no normalisation,
and nine frames of context on each side.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torchaudio.functional
from torch import Tensor, nn

from asrtransfer.recognisers.deepspeech.sizes import CEPSTRA, CONTEXT, HOP, INPUTS, SAMPLE_RATE, WINDOW, count_frames

PRE_EMPHASIS = 0.97
FILTERS = 26
LIFTER = 22
Change = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""An augmentation in training: maps log mel bands (batch, frames, 26), log energy (batch, frames) and frame counts
(batch,) to new bands and energy."""
# The epsilon of float64, by which python_speech_features replaces zero before a logarithm.
FLOOR = 2.220446049250313e-16


def frame_counts(samples: Tensor) -> Tensor:
    """Count the frames of utterances.

    As :func:`asrtransfer.recognisers.deepspeech.sizes.count_frames`, of a tensor.

    Args:
        samples: int64 tensor of any shape, lengths in samples.
    """
    return 1 + torch.div((samples - WINDOW).clamp(min=0) + HOP - 1, HOP, rounding_mode="floor")


def mel_filters() -> Tensor:
    """Build triangular mel filters on whole FFT bins, float32 (257, 26) (``base.get_filterbanks``)."""
    top = 2595 * math.log10(1 + (SAMPLE_RATE / 2) / 700)
    mel = torch.linspace(0, top, FILTERS + 2, dtype=torch.float64)
    hertz = 700 * (10 ** (mel / 2595) - 1)
    edges = torch.floor((WINDOW + 1) * hertz / SAMPLE_RATE)
    bins = torch.arange(WINDOW // 2 + 1, dtype=torch.float64)[:, None]
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    rising = (bins - left) / (centre - left)
    falling = (right - bins) / (right - centre)
    inside_left = (bins >= left) & (bins < centre)
    inside_right = (bins >= centre) & (bins < right)
    filters = torch.where(inside_left, rising, torch.zeros(()).double())
    return torch.where(inside_right, falling, filters).float()


def lifter() -> Tensor:
    """Compute the weights of the cepstra, float32 (26,): ``1 + L/2 sin(pi n / L)``, L = 22 (``base.lifter``)."""
    n = torch.arange(CEPSTRA, dtype=torch.float64)
    return (1 + LIFTER / 2 * torch.sin(math.pi * n / LIFTER)).float()


class FrontEnd(nn.Module):
    """Convert audio to the 494 inputs per frame of DeepSpeech 0.4.1, differentiable with respect to the audio.

    Attributes:
        window: (512,) Hamming window.
        filters: (257, 26) mel filters.
        cosines: (26, 26) discrete cosine transform.
        weights: (26,) lifter.
    """

    window: Tensor
    filters: Tensor
    cosines: Tensor
    weights: Tensor

    def __init__(self) -> None:
        super().__init__()
        constants = {
            "window": torch.hamming_window(WINDOW, periodic=False, dtype=torch.float64).float(),
            "filters": mel_filters(),
            "cosines": torchaudio.functional.create_dct(CEPSTRA, FILTERS, norm="ortho"),
            "weights": lifter(),
        }
        for name, value in constants.items():
            self.register_buffer(name, value, persistent=False)

    def forward(self, audio: Tensor, lengths: Tensor, change: Change | None = None) -> tuple[Tensor, Tensor]:
        """Stack the cepstra of every frame with their context.

        The result does not depend on ``audio`` after the length of an utterance.

        Args:
            audio: float32 (batch, samples), 16-bit units.
            lengths: int64 (batch,), in samples, each at most ``samples``.
            change: augmentation between mel bands and cepstra, or None.

        Returns:
            float32 (batch, frames, 494), and int64 (batch,), the number of valid frames of each utterance.
        """
        counts = frame_counts(lengths)
        cepstra = self.cepstra(audio, lengths, change)
        frames = torch.arange(cepstra.shape[1], device=audio.device)
        cepstra = cepstra * (frames < counts[:, None])[:, :, None]
        padded = nn.functional.pad(cepstra, (0, 0, CONTEXT, CONTEXT))
        stacked = padded.unfold(1, 2 * CONTEXT + 1, 1).transpose(2, 3)
        return stacked.reshape(*cepstra.shape[:2], INPUTS), counts

    def cepstra(self, audio: Tensor, lengths: Tensor, change: Change | None = None) -> Tensor:
        """Compute liftered cepstra with the log energy as coefficient 0; arguments as for `forward`.

        Returns:
            float32 (batch, frames, 26); frames after the end of an utterance are those of silence.
        """
        samples = torch.arange(audio.shape[1], device=audio.device)
        audio = audio * (samples < lengths[:, None])
        emphasised = torch.cat((audio[:, :1], audio[:, 1:] - PRE_EMPHASIS * audio[:, :-1]), dim=1)
        # Pre-emphasis extends the utterance by one sample; the published code frames the utterance without it.
        emphasised = emphasised * (samples < lengths[:, None])
        frames = count_frames(audio.shape[1])
        padded = nn.functional.pad(emphasised, (0, (frames - 1) * HOP + WINDOW - audio.shape[1]))
        windows = padded.unfold(1, WINDOW, HOP) * self.window
        spectrum = torch.fft.rfft(windows, n=WINDOW)
        power = (spectrum.real.square() + spectrum.imag.square()) / WINDOW
        energy = power.sum(dim=2).clamp(min=FLOOR).log()
        bands = (power @ self.filters).clamp(min=FLOOR).log()
        if change is not None:
            bands, energy = change(bands, energy, frame_counts(lengths))
        cepstra = bands @ self.cosines * self.weights
        return torch.cat((energy[:, :, None], cepstra[:, :, 1:]), dim=2)
