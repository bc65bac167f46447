"""What a recogniser has to provide, by what is done with it.

Three classes, each more than the one before: a :class:`Recogniser` hears, which makes a remote; a :class:`Surrogate`
tells how far audio is from being heard as a text, with a gradient, so that it can be attacked; :class:`Frames` gives
the log-probabilities of characters frame by frame, as character CTC models do, so that losses, beam search and proofs
are computed from them here. They are classes and no protocols, since most of each follows from little: a family gives
what is its own and inherits the rest.

This module imports no PyTorch: a configuration is read with the classes of its recognisers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from asrtransfer.recognisers.section import FamilySection, LoadedSection

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import Tensor

MOST_TEXTS = 10
"""Texts of a hearing: the published study keeps the ten most likely transcriptions."""


@dataclass(frozen=True)
class Heard:
    """What a recogniser hears in one utterance.

    Attributes:
        texts: in this project's alphabet (a-z, space, apostrophe), different, best first, at most ten; ``[""]`` for
            nothing.
        scores: of the texts, falling: ln P(text | audio) in nats; None where the recogniser tells none.
        raw: the best text as the recogniser wrote it; None where it is the same.
    """

    texts: list[str]
    scores: list[float] | None = None
    raw: str | None = None


class Aim(NamedTuple):
    """How far audio is from being heard as a text.

    Attributes:
        loss: -ln P(text | audio) in nats, float32 (batch,), with its graph; row i depends on row i alone. Infinite
            where the text cannot be heard.
        says: tells, without another pass, for each row whether the most likely path says the text: a cheap test that
            may err; what it accepts is heard again.
    """

    loss: Tensor
    says: Callable[[], list[bool]]


@dataclass(frozen=True)
class Cost:
    """What a recogniser takes, for the plan of a study and what its jobs ask a cluster for.

    Attributes:
        multiplications: of one second of audio on its way through the network, if a rate of this machine can be
            converted by them; else None.
        speed: seconds of audio heard a second, where there are no multiplications.
        memory: MB that it takes once loaded.
        activations: MB of a batch on its way through: of (utterances, seconds of the longest, whether a gradient is
            computed).
    """

    multiplications: float | None
    speed: float
    memory: float
    activations: Callable[[int, float, bool], float]


class Recogniser(ABC):
    """What hears.

    Attributes:
        section: the keys of its family.
        trained: whether a study trains it, by the module ``training`` of its package.
        pads: whether what stands after an utterance's end changes nothing, so that utterances of different lengths may
            share a batch.
        layers: of a family that is trained: names of its layers with weights, from the input to the output, which a
            model can share with another.
        recurrent: the recurrent one among them; empty where there is none.
    """

    section: ClassVar[type[FamilySection]] = LoadedSection
    trained: ClassVar[bool] = False
    pads: ClassVar[bool] = False
    layers: ClassVar[tuple[str, ...]] = ()
    recurrent: ClassVar[str] = ""

    @classmethod
    def choose(cls, keys: Any) -> type[Recogniser]:
        """Return the class that models of a section are of: one of several, where keys decide what a model can do."""
        return cls

    @classmethod
    def load(cls, keys: Any, device: str, weights: Path | None) -> Recogniser:
        """Make the recogniser of a section ready to hear.

        Args:
            keys: its section.
            device: ``cpu`` or ``cuda``.
            weights: the file that training wrote; None for a family that is not trained.
        """
        return cls(keys, device)  # type: ignore[call-arg]

    @classmethod
    def cost(cls, keys: Any) -> Cost:
        """What it takes; by default what its section says."""
        return Cost(None, keys.speed, keys.memory, lambda utterances, seconds, gradient: 0.0)

    @classmethod
    def find_recurrent(cls, keys: Any) -> str:
        """Name the recurrent layer that models of a section have; empty where there is none."""
        return cls.recurrent

    @property
    @abstractmethod
    def identity(self) -> str:
        """SHA-256 over everything that decides what is heard: weights, settings, versions of libraries."""

    @abstractmethod
    def hear(self, utterances: Sequence[NDArray[np.int16]]) -> list[Heard]:
        """Hear utterances, each on its own: neither order nor company changes what is heard.

        Args:
            utterances: int16 (samples,) each, 16 kHz, at least one sample.
        """


class Surrogate(Recogniser):
    """What hears and can be attacked.

    Attributes:
        device: where :meth:`aim` wants its tensors.
    """

    device: torch.device

    @abstractmethod
    def aim(self, audio: Tensor, lengths: Tensor, texts: Sequence[str]) -> Aim:
        """Tell how far audio is from being heard as texts, with a gradient down to the audio.

        Args:
            audio: float32 (batch, samples), 16-bit units, zero after each utterance's end. Of one length, unless the
                family :attr:`pads`.
            lengths: int64 (batch,), in samples.
            texts: one a row.
        """

    def feasible(self, samples: int, text: str) -> bool:
        """Whether a text can be heard in an utterance of this many samples at all."""
        return True

    def bytes(self, utterances: int, samples: int, *, gradient: bool) -> float:
        """Memory that a batch takes, the longest utterance of this many samples; with a gradient, that of an attack."""
        # Wave2vec-like networks keep some 40 numbers a sample for a gradient; most others less.
        return utterances * samples * 4.0 * (60 if gradient else 10)


class Frames(Surrogate):
    """What gives log-probabilities of characters frame by frame: a character CTC model."""

    @abstractmethod
    def log_probs(self, audio: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the log-probabilities of every frame, with a gradient down to the audio.

        Args:
            audio: as in :meth:`Surrogate.aim`.
            lengths: int64 (batch,), in samples.

        Returns:
            Natural log-probabilities, float32 (batch, frames, 29), normalised over the classes of
            :mod:`asrtransfer.text.alphabet`; and int64 (batch,), the frames of each row that count.
        """

    @abstractmethod
    def frames(self, samples: int) -> int:
        """Count the frames of an utterance of this many samples."""

    def feasible(self, samples: int, text: str) -> bool:
        """Whether CTC can emit the text in as many frames as the utterance has."""
        from asrtransfer.text.alphabet import frames_needed

        return frames_needed(text) <= self.frames(samples)

    def aim(self, audio: Tensor, lengths: Tensor, texts: Sequence[str]) -> Aim:
        """See :meth:`Surrogate.aim`: the CTC loss."""
        from asrtransfer.ctc.best_path import says
        from asrtransfer.ctc.confidence import ctc_loss

        log_probs, counts = self.log_probs(audio, lengths)
        found = log_probs.detach()
        return Aim(ctc_loss(log_probs, counts, texts), lambda: says(found, counts, texts))

    def hear(self, utterances: Sequence[NDArray[np.int16]]) -> list[Heard]:
        """See :meth:`Recogniser.hear`: the most likely texts of a beam search without a language model.

        Of texts that differ in their spaces alone, the most likely one stands for all.
        """
        import torch

        from asrtransfer.ctc import backends
        from asrtransfer.speech.utterances import pad

        # By a computed name: a training has a part in this class, and an edit of a decoder shall not run it again.
        decoder = import_module(backends.module(backends.BACKEND)).DECODER()
        found = []
        with torch.no_grad():
            for utterance in utterances:
                audio, lengths = pad([utterance])
                log_probs, counts = self.log_probs(audio.to(self.device), lengths.to(self.device))
                (top,) = decoder.top(log_probs, counts)
                best: dict[str, float] = {}
                for one in top:
                    best.setdefault(" ".join(one.text.split()), one.log_probability)
                found.append(Heard(list(best), list(best.values())))
        return found
