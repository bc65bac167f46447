"""A penalty on what of a perturbation can be heard beside the audio, once a sample has been found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asrtransfer.attacks.gradients import divide_by_mean
from asrtransfer.attacks.section import MaskingSection
from asrtransfer.speech import masking

RAISE, LOWER, LEAST = 1.2, 0.8, 0.0005
"""Qin et al.'s public code: factors on the penalty's weight after a hit and after a miss, and its smallest value."""


class Unmasked:
    """No penalty; the base of the other way. The last samples are the best."""

    lasting = False
    """Whether further iterations make a sample better after its utterance has succeeded."""

    def add(self, gradient: Tensor, delta: Tensor, lengths: Sequence[int]) -> Tensor:
        """Add the penalty's gradient.

        Args:
            gradient: of the loss, float32 (batch, samples), zero after each utterance's end.
            delta: the perturbation, float32 (batch, samples), 16-bit units.
            lengths: of the utterances, in samples.
        """
        return gradient

    def note(self, hits: Sequence[int], rows: int) -> None:
        """Take note of a test: which utterances have reached their target in it, by row; and the number of rows."""

    def rate(self, row: int, iteration: int, sample: NDArray[np.int16]) -> float:
        """Rate a sample, int16 (samples,): of an utterance, those with the lowest rates are kept."""
        return -iteration

    def keep(self, rows: Tensor) -> None:
        """Go on with these utterances (int64) alone."""


class Masked(Unmasked):
    """Steps against the loss and against what is above the masking threshold, from an utterance's first success on.

    Source: Qin et al., "Imperceptible, Robust, and Targeted Adversarial Examples for Automatic Speech Recognition"
    (2019), equation 5 and section 4.2: the mean over frames and bins of what the perturbation's power has above the
    threshold, with a weight that grows after each hit and falls after each miss; of the samples the least audible is
    kept. Two things differ. Their code takes two steps of Adam an iteration, one against each gradient; here any
    attack takes one step, against the sum of the two gradients, each over its mean magnitude. Their weight changes
    every 20 or 50 iterations; here it changes at each test.

    Args:
        keys: the weight at the start.
        utterances: clean audio of each, int16 (samples,).
        device: where the perturbations are.
    """

    lasting = True

    def __init__(
        self, keys: MaskingSection, utterances: Sequence[NDArray[np.int16]], device: torch.device | str
    ) -> None:
        self._utterances = list(utterances)
        self._thresholds = [masking.find_threshold(one.astype(np.float64)) if one.any() else None for one in utterances]
        self._weights = [keys.weight] * len(utterances)
        self._found = [False] * len(utterances)
        self._device = device
        self._window = torch.from_numpy(masking.WEIGHTS).to(device, torch.float32)
        self._tensors: tuple[Tensor, Tensor, Tensor] | None = None

    def add(self, gradient: Tensor, delta: Tensor, lengths: Sequence[int]) -> Tensor:
        rows = [row for row, found in enumerate(self._found) if found and self._thresholds[row] is not None]
        if not rows:
            return gradient
        point = delta.detach().requires_grad_()
        (penalty,) = torch.autograd.grad(self.excess(point).sum(), point)
        joined = gradient.clone()
        loss, heard = divide_by_mean(gradient, lengths), divide_by_mean(penalty, lengths)
        for row in rows:
            joined[row] = loss[row] + self._weights[row] * heard[row]
        return joined

    def excess(self, delta: Tensor) -> Tensor:
        """What of each perturbation is above the threshold: the mean over frames and bins of its power beyond it.

        Args:
            delta: float32 (batch, samples), 16-bit units.

        Returns:
            Float32 (batch,), on the scale on which the audio's loudest bin has 96 dB.
        """
        if self._tensors is None:
            self._tensors = self._stack()
        limits, counts, scales = self._tensors
        frames = limits.shape[1]
        width = (frames - 1) * masking.HOP + masking.WINDOW
        padded = torch.nn.functional.pad(delta, (0, max(0, width - delta.shape[1])))[:, :width]
        spectra = torch.fft.rfft(padded.unfold(1, masking.WINDOW, masking.HOP) * self._window) / masking.WINDOW
        power = 8 / 3 * (spectra.real.square() + spectra.imag.square()) * scales[:, None, None]
        return torch.relu(power - limits).sum(dim=(1, 2)) / counts

    def _stack(self) -> tuple[Tensor, Tensor, Tensor]:
        """Thresholds as power, infinite where nothing counts, (batch, frames, 1025); how many of each utterance count;
        and the factor to their scale.
        """
        counted = masking.find_counted()
        frames = max((len(one.levels) for one in self._thresholds if one is not None), default=1)
        limits = torch.full((len(self._thresholds), frames, len(counted)), torch.inf)
        scales = torch.ones(len(self._thresholds))
        for row, one in enumerate(self._thresholds):
            if one is not None:
                power = np.where(counted, 10 ** (one.levels / 10), np.inf)
                limits[row, : len(power)] = torch.from_numpy(power.astype(np.float32))
                scales[row] = 10 ** (one.shift / 10)
        counts = limits.isfinite().sum(dim=(1, 2)).clamp(min=1)
        return limits.to(self._device), counts.to(self._device), scales.to(self._device)

    def note(self, hits: Sequence[int], rows: int) -> None:
        reached = set(hits)
        for row in range(rows):
            if row in reached:
                self._weights[row] *= RAISE if self._found[row] else 1.0
                self._found[row] = True
            elif self._found[row]:
                self._weights[row] = max(LEAST, self._weights[row] * LOWER)

    def rate(self, row: int, iteration: int, sample: NDArray[np.int16]) -> float:
        threshold = self._thresholds[row]
        if threshold is None:
            return -iteration
        return masking.measure_excess(threshold, sample.astype(np.float64) - self._utterances[row])

    def keep(self, rows: Tensor) -> None:
        chosen = rows.tolist()
        self._utterances = [self._utterances[row] for row in chosen]
        self._thresholds = [self._thresholds[row] for row in chosen]
        self._weights = [self._weights[row] for row in chosen]
        self._found = [self._found[row] for row in chosen]
        self._tensors = None
