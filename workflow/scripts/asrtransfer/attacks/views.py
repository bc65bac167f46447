"""Views of the audio: what an attack lowers is the mean loss over several of them (Athalye et al., 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from asrtransfer.attacks.method import FULL_SCALE
from asrtransfer.attacks.section import ViewsSection
from asrtransfer.machine.random import torch_stream
from asrtransfer.speech.audio import SAMPLE_RATE


class Views:
    """Draws how a batch of utterances is heard, each utterance from a stream of its own.

    Source: the expectation over transformations of Athalye et al., "Synthesizing Robust Adversarial Examples" (2018),
    by the mean of some draws. The first view is the audio as it is: whether a sample may have been found is read there.

    Args:
        keys: which changes are drawn, and how large; None: the audio as it is, alone.
        names: of the utterances, among all of all jobs.
    """

    def __init__(self, keys: ViewsSection | None, names: Sequence[str]) -> None:
        self.keys = keys
        self.count = 1 if keys is None else keys.count
        self._streams = [torch_stream(f"{name}\0view") for name in names]

    def hear(self, number: int, audio: Tensor, lengths: Sequence[int]) -> Tensor:
        """Change the audio of each utterance at random; the first view, 0, is the audio itself.

        Args:
            number: of the view.
            audio: float32 (batch, samples), 16-bit units, zero after each utterance's end.
            lengths: of the utterances, in samples.

        Returns:
            As ``audio``, with its graph.
        """
        if self.keys is None or number == 0:
            return audio
        rows = []
        for row, length, stream in zip(audio, lengths, self._streams, strict=True):
            seen = change(self.keys, row[:length], stream)
            rows.append(torch.nn.functional.pad(seen, (0, len(row) - length)))
        return torch.stack(rows).clamp(-FULL_SCALE, FULL_SCALE - 1)

    def keep(self, rows: Tensor) -> None:
        """Go on with these utterances (int64) alone."""
        self._streams = [self._streams[row] for row in rows.tolist()]


def change(keys: ViewsSection, signal: Tensor, stream: torch.Generator) -> Tensor:
    """Change one utterance as a view of it: gain, shift, low-pass, room, noise, each where its key asks for it.

    Args:
        keys: how large each change may be.
        signal: float32 (samples,), 16-bit units.
        stream: on the CPU, draws everything.

    Returns:
        Float32 (samples,), with its graph.
    """
    if keys.gain:
        signal = signal * 10 ** (keys.gain * _draw(stream, -1, 1) / 20)
    if keys.shift:
        signal = shift(signal, int(torch.randint(-keys.shift, keys.shift + 1, (), generator=stream)))
    if keys.cutoff is not None:
        signal = low_pass(signal, _draw(stream, keys.cutoff, SAMPLE_RATE / 2))
    if keys.room is not None:
        signal = reverberate(signal, _draw(stream, 0.05, keys.room), stream)
    if keys.noise:
        signal = signal + (torch.randn(len(signal), generator=stream) * keys.noise).to(signal.device)
    return signal


def shift(signal: Tensor, samples: int) -> Tensor:
    """Move a signal to a later moment, or an earlier one if negative; what leaves it is lost, zeros come in."""
    before, after = max(0, samples), max(0, -samples)
    moved = torch.nn.functional.pad(signal[after : max(after, len(signal) - before)], (before, after))
    return moved[: len(signal)]


def low_pass(signal: Tensor, cutoff: float) -> Tensor:
    """Remove all frequencies (Hz) above a cut-off."""
    size = fast_size(len(signal))
    frequencies = torch.linspace(0, SAMPLE_RATE / 2, size // 2 + 1, device=signal.device)
    return _filter(signal, (frequencies <= cutoff).to(torch.complex64))


def reverberate(signal: Tensor, seconds: float, stream: torch.Generator) -> Tensor:
    """Let a signal sound in a room that is drawn: direct sound, and noise of equal energy that decays (Polack, 1988).

    Args:
        seconds: in which the noise falls by 60 dB.
        stream: draws the noise.
    """
    time = torch.arange(1, int(seconds * SAMPLE_RATE) + 1) / SAMPLE_RATE
    tail = torch.randn(len(time), generator=stream) * 10 ** (-3 * time / seconds)
    response = torch.cat([torch.ones(1), tail / tail.norm()]) / 2**0.5
    size = fast_size(len(signal) + len(response) - 1)
    return _filter(signal, torch.fft.rfft(response.to(signal.device), size))


class _Filter(torch.autograd.Function):
    """Multiplies a spectrum. Its gradient is filtered alike, by the conjugate; PyTorch's own takes twice the time."""

    @staticmethod
    def forward(ctx: Any, signal: Tensor, response: Tensor) -> Tensor:
        """Filter (samples,) by a response, complex64 (size / 2 + 1,)."""
        ctx.save_for_backward(response)
        size = 2 * (len(response) - 1)
        return torch.fft.irfft(torch.fft.rfft(signal, size) * response, size)[: len(signal)]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Filter the gradient backwards in time."""
        (response,) = ctx.saved_tensors
        size = 2 * (len(response) - 1)
        return torch.fft.irfft(torch.fft.rfft(gradient, size) * response.conj(), size)[: len(gradient)], None


def _filter(signal: Tensor, response: Tensor) -> Tensor:
    filtered: Tensor = _Filter.apply(signal, response)
    return filtered


def fast_size(samples: int) -> int:
    """Return the next of 4, 5, 6 and 7 times a power of two; transforms of sizes with large primes take far longer."""
    step = 1 << max(1, (samples - 1).bit_length() - 3)
    return step * -(-samples // step)


def _draw(stream: torch.Generator, low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand((), generator=stream))
