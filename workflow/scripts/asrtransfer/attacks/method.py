"""What an attack has to provide."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

# One more than the largest 16-bit sample.
FULL_SCALE = 32768.0


class Method(ABC):
    """The perturbations of a batch of utterances, and how a gradient moves them.

    An attack keeps one row of state for each utterance. The loop (:mod:`asrtransfer.attacks.loop`) asks for the
    perturbation, hands back the gradient of each utterance's loss with respect to it, and tells which utterances
    have just succeeded.

    Args:
        audio: float32 (batch, samples), the clean audio in 16-bit units, zero after each utterance's end.
        lengths: samples of each utterance.
        generators: one for each utterance, for everything the attack draws for it.
        shrinks: whether a success calls for less distortion (the low-confidence regime).
    """

    def __init__(self, audio: Tensor, lengths: list[int], generators: list[torch.Generator], *, shrinks: bool) -> None:
        self.audio = audio
        self.lengths = lengths
        self.generators = generators
        self.shrinks = shrinks

    @abstractmethod
    def perturbation(self) -> Tensor:
        """The present perturbation: float32 (batch, samples), 16-bit units, within :meth:`bounds`."""

    @abstractmethod
    def bounds(self) -> Tensor:
        """The largest magnitude that each utterance's perturbation may have now: float32 (batch,), 16-bit units."""

    @abstractmethod
    def step(self, gradient: Tensor) -> None:
        """Move against a gradient of the loss: float32 (batch, samples), zero after each utterance's end."""

    @abstractmethod
    def keep(self, rows: Tensor) -> None:
        """Go on with these rows (int64) alone; subclasses select their own state besides."""
        self.audio = self.audio[rows]
        self.lengths = [self.lengths[row] for row in rows.tolist()]
        self.generators = [self.generators[row] for row in rows.tolist()]

    @property
    def improves(self) -> bool:
        """Whether further iterations make a sample better after its utterance has succeeded."""
        return False

    def noise(self) -> Tensor | None:
        """What is added to the audio in the loop besides the perturbation, drawn anew: None, or (batch, samples)."""
        return None

    def succeeded(self, rows: list[int]) -> None:  # noqa: B027
        """These utterances have reached their target with the present perturbation; most attacks do not mind."""

    def normal(self, deviation: float) -> Tensor:
        """Gaussian noise, float32 (batch, samples): each utterance from its own generator, so that it does not
        depend on the others in the batch."""
        noise = torch.zeros(self.audio.shape)
        for row, length, generator in zip(noise, self.lengths, self.generators, strict=True):
            row[:length].normal_(std=deviation, generator=generator)
        return noise.to(self.audio.device)
