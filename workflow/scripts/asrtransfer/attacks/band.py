"""A limit on the frequencies of a perturbation, for any attack."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asrtransfer.attacks.batch import Build
from asrtransfer.attacks.method import Method, Whole
from asrtransfer.attacks.whole import as_samples
from asrtransfer.recognisers.base import Surrogate
from asrtransfer.speech.audio import SAMPLE_RATE

TAPS = 127
"""Length of the filter; an odd one is symmetric around a sample."""
TRANSITION = 6.27 / 2 / (TAPS - 1) * SAMPLE_RATE
"""Width (Hz) in which the filter falls to -53 dB: 6.27 pi / M for a Hamming window, by the comparison of windows in
Oppenheim and Schafer, "Discrete-Time Signal Processing", on the design of FIR filters."""


@cache
def design_filter(highest: float) -> tuple[float, ...]:
    """Design a low-pass filter.

    Args:
        highest: frequency (Hz) above which it lets through less than -40 dB.

    Returns:
        The middle tap, and those to its right; those to its left are the same.
    """
    # Half a second to import, and few studies need it.
    from scipy.signal import firwin

    return tuple(firwin(TAPS, highest - TRANSITION / 2, fs=SAMPLE_RATE)[TAPS // 2 :].tolist())


def lowpass(signal: Tensor, lengths: Sequence[int], highest: float) -> Tensor:
    """Take the frequencies above a limit away.

    The filter is symmetric, and so its own transpose: it also takes a gradient back to what was filtered. It adds tap
    by tap, so that a sample depends neither on the batch nor on its padding.

    Args:
        signal: float32 (batch, samples).
        lengths: samples of each row; what comes after is taken as zero, and stays so.
        highest: in Hz.
    """
    size, reach = signal.shape[1], TAPS // 2
    inside = torch.arange(size, device=signal.device) < torch.tensor(lengths, device=signal.device)[:, None]
    padded = torch.nn.functional.pad(signal * inside, (reach, reach))
    middle, *taps = design_filter(highest)
    filtered = padded[:, reach : reach + size] * middle
    for distance, tap in enumerate(taps, start=1):
        pair = padded[:, reach - distance :][:, :size] + padded[:, reach + distance :][:, :size]
        filtered += pair.mul_(tap)
    return filtered.mul_(inside)


class LimitedMethod(Method):
    """An attack step by step whose perturbation is filtered, then clipped to its bounds.

    Args:
        inner: the attack.
        audio: see :class:`asrtransfer.attacks.method.Method`.
        lengths: samples of each utterance.
        highest: frequency of the perturbation, in Hz.
    """

    def __init__(self, inner: Method, audio: Tensor, lengths: list[int], highest: float) -> None:
        self.inner = inner
        self.audio = audio
        self.lengths = lengths
        self.highest = highest

    def perturbation(self) -> Tensor:
        """What of the attack's perturbation is in the band."""
        bounds = self.bounds()[:, None]
        return lowpass(self.inner.perturbation(), self.lengths, self.highest).clamp(-bounds, bounds)

    def bounds(self) -> Tensor:
        """See :meth:`asrtransfer.attacks.method.Method.bounds`."""
        return self.inner.bounds()

    def step(self, gradient: Tensor) -> None:
        """Hand the attack the gradient for what it perturbs, which is not filtered."""
        self.inner.step(lowpass(gradient, self.lengths, self.highest))

    def keep(self, rows: Tensor) -> None:
        """See :meth:`asrtransfer.attacks.method.Method.keep`."""
        self.audio = self.audio[rows]
        self.lengths = [self.lengths[row] for row in rows.tolist()]
        self.inner.keep(rows)

    @property
    def improves(self) -> bool:
        """See :attr:`asrtransfer.attacks.method.Method.improves`."""
        return self.inner.improves

    def noise(self) -> Tensor | None:
        """See :meth:`asrtransfer.attacks.method.Method.noise`."""
        return self.inner.noise()

    def succeeded(self, rows: list[int]) -> None:
        """See :meth:`asrtransfer.attacks.method.Method.succeeded`."""
        self.inner.succeeded(rows)


def limit_method(build: Build, highest: float) -> Build:
    """Limit the perturbations of an attack that goes step by step to frequencies up to ``highest`` (Hz)."""

    def made(audio: Tensor, lengths: list[int], generators: list[torch.Generator]) -> Method:
        return LimitedMethod(build(audio, lengths, generators), audio, lengths, highest)

    return made


class LimitedWhole(Whole):
    """An attack as a whole; of what it adds to the audio, the frequencies up to a limit are kept.

    Args:
        inner: the attack.
        highest: frequency of the perturbation, in Hz.
    """

    def __init__(self, inner: Whole, highest: float) -> None:
        self.inner = inner
        self.highest = highest

    def craft(
        self, surrogates: list[Surrogate], audio: NDArray[np.int16], phrase: str, generator: np.random.Generator
    ) -> NDArray[Any]:
        """See :meth:`asrtransfer.attacks.method.Whole.craft`."""
        clean = audio.astype(np.float32)
        change = as_samples(self.inner.craft(surrogates, audio.copy(), phrase, generator), audio) - clean
        filtered = lowpass(torch.from_numpy(change)[None], [len(audio)], self.highest)[0].numpy()
        bound = self.bound(audio)
        return clean + (filtered if bound is None else filtered.clip(-bound, bound))

    def bound(self, audio: NDArray[np.int16]) -> float | None:
        """See :meth:`asrtransfer.attacks.method.Whole.bound`."""
        return self.inner.bound(audio)
