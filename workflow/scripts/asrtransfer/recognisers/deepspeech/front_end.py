"""The front end of Mozilla DeepSpeech 0.4.1, batched and differentiable.

Source: ``python_speech_features`` 0.6 (``base.py``, ``sigproc.py``), as ``util/audio.py`` of DeepSpeech 0.4.1 calls it:
26 cepstra of 26 filters over 0-8000 Hz, 32 ms Hamming windows every 20 ms, samples in 16-bit units, no normalisation,
and nine frames of context on each side.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
import torchaudio.functional
from torch import Tensor, nn

from asrtransfer.recognisers.deepspeech.sizes import (
    ACTIVATION_CEILING,
    CEPSTRA,
    CHANNELS,
    CONTEXT,
    CONVOLUTIONS,
    FRAMES_STACKED,
    HOP,
    SAMPLE_RATE,
    WINDOW,
    count_frames,
)

PRE_EMPHASIS = 0.97
FILTERS = 26
LIFTER = 22
# The epsilon of float64, by which python_speech_features replaces zero before a logarithm.
FLOOR = 2.220446049250313e-16
# Of read speech: 9.8 and 4.2 in 122 recordings of LibriSpeech.
BAND_MEAN, BAND_DEVIATION = 10.0, 4.0


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


class Spectrum(NamedTuple):
    """Log mel bands, float32 (batch, frames, 26), log energy (batch, frames), and int64 (batch,) valid frames."""

    bands: Tensor
    energy: Tensor
    counts: Tensor


class _Power(torch.autograd.Function):
    """Power spectra of overlapping windows.

    The gradient of PyTorch's own operators takes a complex transform of twice the size and adds windows up sample by
    sample; this one takes half of a transform and two additions.
    """

    @staticmethod
    def forward(ctx: Any, audio: Tensor, window: Tensor) -> Tensor:
        """Map (batch, samples) to (batch, frames, 257)."""
        spectrum = torch.fft.rfft(audio.unfold(1, WINDOW, HOP) * window, n=WINDOW)
        ctx.save_for_backward(spectrum, window)
        return (spectrum.real.square() + spectrum.imag.square()) / WINDOW

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Transform back: of the sum over all frequencies, the inverse transform counts all but two of them twice."""
        spectrum, window = ctx.saved_tensors
        weighted = spectrum * gradient
        weighted[:, :, [0, -1]] *= 2
        return _overlap(torch.fft.irfft(weighted, n=WINDOW) * window), None


def _overlap(windows: Tensor) -> Tensor:
    """Add up windows (batch, frames, 512), one every hop, to (batch, samples)."""
    batch, frames, _ = windows.shape
    audio = windows.new_zeros(batch, frames + 1, HOP)
    audio[:, :-1] = windows[:, :, :HOP]
    audio[:, 1:, : WINDOW - HOP] += windows[:, :, HOP:]
    return audio.reshape(batch, -1)[:, : (frames - 1) * HOP + WINDOW]


class _Stacked(torch.autograd.Function):
    """Every frame with its context; the gradient adds up a frame's places, not one number after the other."""

    @staticmethod
    def forward(ctx: Any, padded: Tensor) -> Tensor:
        """Map (batch, context + frames + context, values) to (batch, frames, 19 x values)."""
        frames = padded.shape[1] - 2 * CONTEXT
        return padded.unfold(1, FRAMES_STACKED, 1).transpose(2, 3).reshape(padded.shape[0], frames, -1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Add up the gradients of the 19 places that a frame has."""
        batch, frames, _ = gradient.shape
        placed = gradient.reshape(batch, frames, FRAMES_STACKED, -1)
        total = gradient.new_zeros(batch, frames + 2 * CONTEXT, placed.shape[3])
        for place in range(FRAMES_STACKED):
            total[:, place : place + frames] += placed[:, :, place]
        return total


class FrontEnd(nn.Module):
    """Convert audio to the 494 inputs per frame of DeepSpeech 0.4.1, differentiable with respect to the audio.

    Args:
        values: that the network sees of a frame: of 26 cepstra the first ones.

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

    def __init__(self, values: int = CEPSTRA) -> None:
        super().__init__()
        self.values = values
        constants = {
            "window": torch.hamming_window(WINDOW, periodic=False, dtype=torch.float64).float(),
            "filters": mel_filters(),
            "cosines": torchaudio.functional.create_dct(CEPSTRA, FILTERS, norm="ortho"),
            "weights": lifter(),
        }
        for name, value in constants.items():
            self.register_buffer(name, value, persistent=False)

    def forward(self, audio: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Stack the cepstra of every frame with their context.

        The result does not depend on ``audio`` after the length of an utterance.

        Args:
            audio: float32 (batch, samples), 16-bit units.
            lengths: int64 (batch,), in samples, each at most ``samples``.

        Returns:
            float32 (batch, frames, 494), and int64 (batch,), the number of valid frames of each utterance.
        """
        spectrum = self.analyse(audio, lengths)
        return self.stack(spectrum), spectrum.counts

    def analyse(self, audio: Tensor, lengths: Tensor) -> Spectrum:
        """Compute the mel spectrum; arguments as for `forward`. After an utterance's end it is that of silence."""
        samples = torch.arange(audio.shape[1], device=audio.device)
        audio = audio * (samples < lengths[:, None])
        emphasised = torch.cat((audio[:, :1], audio[:, 1:] - PRE_EMPHASIS * audio[:, :-1]), dim=1)
        # Pre-emphasis extends the utterance by one sample; the published code frames the utterance without it.
        emphasised = emphasised * (samples < lengths[:, None])
        frames = count_frames(audio.shape[1])
        padded = nn.functional.pad(emphasised, (0, (frames - 1) * HOP + WINDOW - audio.shape[1]))
        power = _Power.apply(padded, self.window)
        energy = power.sum(dim=2).clamp(min=FLOOR).log()
        bands = (power @ self.filters).clamp(min=FLOOR).log()
        return Spectrum(bands, energy, frame_counts(lengths))

    def cepstra(self, spectrum: Spectrum) -> Tensor:
        """Compute liftered cepstra, float32 (batch, frames, 26), with the log energy as coefficient 0."""
        cepstra = spectrum.bands @ self.cosines * self.weights
        return torch.cat((spectrum.energy[:, :, None], cepstra[:, :, 1:]), dim=2)

    def describe(self, spectrum: Spectrum) -> Tensor:
        """Compute what the network sees of a frame, float32 (batch, frames, values): the first cepstra."""
        cepstra = self.cepstra(spectrum)
        return cepstra if self.values == CEPSTRA else cepstra[:, :, : self.values]

    def stack(self, spectrum: Spectrum) -> Tensor:
        """Stack every frame with its context, float32 (batch, frames, 19 x values)."""
        described = self.describe(spectrum)
        frames = torch.arange(described.shape[1], device=described.device)
        described = described * (frames < spectrum.counts[:, None])[:, :, None]
        padded = nn.functional.pad(described, (0, 0, CONTEXT, CONTEXT))
        stacked: Tensor = _Stacked.apply(padded)
        return stacked


class LogMel(FrontEnd):
    """The 26 log mel bands in place of their cepstra, scaled to about zero and one.

    Cepstra but the first are about zero as they are. Bands are not: unscaled, training ends at half of the words wrong.
    """

    def describe(self, spectrum: Spectrum) -> Tensor:
        """Return the bands, float32 (batch, frames, 26)."""
        return (spectrum.bands - BAND_MEAN) / BAND_DEVIATION


class Waveform(FrontEnd):
    """Convolutions over the waveform, which training learns, in place of the spectrum.

    Seven of them, with the kernels and strides of wav2vec 2.0 (Baevski et al., 2020), so that frames come as often as
    those of the spectrum. Each is clipped like the dense layers; the last has 26 channels.
    """

    def __init__(self, values: int = CEPSTRA) -> None:
        super().__init__(values)
        widths = [1, *[CHANNELS] * (len(CONVOLUTIONS) - 1), values]
        self.convolutions = nn.ModuleList(
            nn.Conv1d(before, after, kernel, stride)
            for before, after, (kernel, stride) in zip(widths, widths[1:], CONVOLUTIONS, strict=False)
        )

    def analyse(self, audio: Tensor, lengths: Tensor) -> Spectrum:
        """Return the audio in place of bands, float32 (batch, samples), silence after each utterance's end."""
        samples = torch.arange(audio.shape[1], device=audio.device)
        audio = audio * (samples < lengths[:, None])
        frames = count_frames(audio.shape[1])
        padded = nn.functional.pad(audio, (0, (frames - 1) * HOP + WINDOW - audio.shape[1]))
        return Spectrum(padded, padded[:, :0], frame_counts(lengths))

    def describe(self, spectrum: Spectrum) -> Tensor:
        """Run the convolutions: float32 (batch, frames, 26)."""
        # Speech of a usual loudness is then about one.
        heard = spectrum.bands[:, None] / 1000
        for place, convolution in enumerate(self.convolutions):
            heard = convolution(heard)
            if place < len(self.convolutions) - 1:
                heard = heard.clamp(0, ACTIVATION_CEILING)
        frames = count_frames(spectrum.bands.shape[1])
        return heard.transpose(1, 2)[:, :frames]


FRONT_ENDS: dict[str, type[FrontEnd]] = {"mfcc": FrontEnd, "log-mel": LogMel, "waveform": Waveform}
"""By the value of ``network.front_end``."""
