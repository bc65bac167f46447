"""What an attack has to provide: step by step, or as a whole.

This module imports no PyTorch, and neither do the attacks of this library: a configuration is read with their classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from asrtransfer.attacks.section import AttackSection
from asrtransfer.files.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import Tensor

    from asrtransfer.recognisers.base import Surrogate

# One more than the largest 16-bit sample.
FULL_SCALE = 32768.0


class Attack(ABC):
    """An attack: what it is called, and its keys.

    Attributes:
        label: in tables, figures and the verdict.
        section: its keys, a subclass of :class:`AttackSection`.
    """

    label: ClassVar[str]
    section: ClassVar[type[AttackSection]]


class Method(Attack):
    """An attack step by step: the perturbations of a batch of utterances, and how a gradient moves them.

    An attack keeps one row of state for each utterance. The loop (:mod:`asrtransfer.attacks.loop`) asks for the
    perturbation, hands back the gradient of each utterance's loss with respect to it, and tells which utterances
    have just succeeded.

    Args:
        audio: float32 (batch, samples), the clean audio in 16-bit units, zero after each utterance's end.
        lengths: samples of each utterance.
        generators: one for each utterance, on the CPU, for everything the attack draws for it.
        keys: the attack's section, with what the confidence overrides.
    """

    def __init__(self, audio: Tensor, lengths: list[int], generators: list[torch.Generator], keys: Any) -> None:
        self.audio = audio
        self.lengths = lengths
        self.generators = generators
        self.keys = keys

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
        """Go on with these rows (int64) alone; subclasses select the rows of their own state, too."""
        self.audio = self.audio[rows]
        self.lengths = [self.lengths[row] for row in rows.tolist()]
        self.generators = [self.generators[row] for row in rows.tolist()]

    def begin(self, perturbation: Tensor) -> None:
        """Start from a perturbation, float32 (batch, samples), 16-bit units, as far as the bounds let it.

        Raises:
            InputError: if the attack cannot.
        """
        raise InputError(f"spoken_start: {type(self).__name__} starts where it starts; set it to null, or write begin")

    @property
    def improves(self) -> bool:
        """Whether further iterations make a sample better after its utterance has succeeded."""
        return False

    def stride(self) -> Tensor:
        """How far a step goes: float32 (batch,), 16-bit units; `momentum.lookahead` needs it.

        Raises:
            InputError: if the attack does not tell.
        """
        raise InputError(f"momentum.lookahead: {type(self).__name__} has no stride; set it to false, or write one")

    def noise(self) -> Tensor | None:
        """What the loop adds to the audio beside the perturbation, drawn anew: None, or (batch, samples)."""
        return None

    def succeeded(self, rows: list[int]) -> None:
        """Take note that these utterances have reached their target with the present perturbation."""

    def normal(self, deviation: float) -> Tensor:
        """Draw Gaussian noise, float32 (batch, samples), for each utterance from its own generator.

        So the noise of an utterance does not depend on the others in the batch.
        """
        noise = self.audio.new_zeros(self.audio.shape, device="cpu")
        for row, length, generator in zip(noise, self.lengths, self.generators, strict=True):
            row[:length].normal_(std=deviation, generator=generator)
        return noise.to(self.audio.device)


class Whole(Attack):
    """An attack as a whole: a recogniser, audio and a phrase become audio; for code that people already have.

    The caller decides on the 16-bit audio whether the phrase is reached, and measures the distortion.

    Args:
        keys: the attack's section, with what the confidence overrides.
    """

    def __init__(self, keys: Any) -> None:
        self.keys = keys

    @abstractmethod
    def craft(
        self, surrogates: list[Surrogate], audio: NDArray[np.int16], phrase: str, generator: np.random.Generator
    ) -> NDArray[Any]:
        """Make audio that the surrogates should hear as the phrase.

        Args:
            surrogates: whom to fool; mostly one.
            audio: of one utterance, int16 (samples,), 16 kHz.
            phrase: what they should hear.
            generator: draws everything the attack draws for this utterance.

        Returns:
            (samples,), integers or floats in 16-bit units; the caller rounds and clips it.
        """

    def bound(self, audio: NDArray[np.int16]) -> float | None:
        """The largest magnitude of a perturbation of this audio, 16-bit units; None promises none.

        Audio that breaks the promise is no sample.
        """
        return None
