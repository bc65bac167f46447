"""What the classes of the last layer are: characters, as published, or the words of the training split."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor

from asrtransfer.ctc import confidence, labels
from asrtransfer.ctc.best_path import greedy
from asrtransfer.text import alphabet
from asrtransfer.text.vocabulary import Vocabulary


class Output(ABC):
    """Classes of a CTC network.

    Attributes:
        size: of the classes, blank included.
    """

    size: int

    @abstractmethod
    def count_frames(self, text: str) -> int:
        """Count the frames that CTC needs to emit a text.

        Raises:
            InputError: if no classes say it.
        """

    @abstractmethod
    def compute_loss(self, log_probs: Tensor, counts: Tensor, texts: Sequence[str]) -> Tensor:
        """Compute -ln P(text | audio) in nats, (batch,), with its graph; infinite where the text does not fit.

        Args:
            log_probs: (batch, frames, classes) natural log-probabilities.
            counts: int64 (batch,), the frames of each row that count.
            texts: one a row.

        Raises:
            InputError: if no classes say a text.
        """

    @abstractmethod
    def read(self, log_probs: Tensor, counts: Tensor) -> list[str]:
        """Return the text of each row's most probable alignment; arguments as for :meth:`compute_loss`."""


class Characters(Output):
    """The characters of :mod:`asrtransfer.text.alphabet`."""

    size = alphabet.SIZE

    def count_frames(self, text: str) -> int:
        """See :meth:`Output.count_frames`."""
        return alphabet.frames_needed(text)

    def compute_loss(self, log_probs: Tensor, counts: Tensor, texts: Sequence[str]) -> Tensor:
        """See :meth:`Output.compute_loss`."""
        return confidence.ctc_loss(log_probs, counts, texts)

    def read(self, log_probs: Tensor, counts: Tensor) -> list[str]:
        """See :meth:`Output.read`."""
        return greedy(log_probs, counts)


class Words(Output):
    """Whole words.

    Args:
        words: different ones, at least one.

    Attributes:
        vocabulary: which class is which word.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.vocabulary = Vocabulary(words)
        self.size = self.vocabulary.size

    def count_frames(self, text: str) -> int:
        """See :meth:`Output.count_frames`."""
        return alphabet.frames_needed(self.vocabulary.encode(text))

    def compute_loss(self, log_probs: Tensor, counts: Tensor, texts: Sequence[str]) -> Tensor:
        """See :meth:`Output.compute_loss`."""
        encoded = [tuple(self.vocabulary.encode(text)) for text in texts]
        return labels.ctc_loss(log_probs, counts, encoded, self.vocabulary.blank)

    def read(self, log_probs: Tensor, counts: Tensor) -> list[str]:
        """See :meth:`Output.read`."""
        paths = log_probs.detach().argmax(dim=2).tolist()
        rows = zip(paths, counts.tolist(), strict=True)
        return [self.vocabulary.decode(alphabet.collapse(path[:count], self.vocabulary.blank)) for path, count in rows]
