"""Classes that are whole words: those of a vocabulary in alphabetical order, and the CTC blank (last)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from asrtransfer.files.errors import InputError


def list_words(texts: Iterable[str]) -> list[str]:
    """List the words of texts, each once, in alphabetical order."""
    return sorted({word for text in texts for word in text.split()})


class Vocabulary:
    """What words the classes are.

    Args:
        words: different ones.

    Attributes:
        blank: the class that is no word.
        size: of all classes.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._words = list(words)
        self._index = {word: index for index, word in enumerate(self._words)}
        self.blank = len(self._words)
        self.size = len(self._words) + 1

    def knows(self, text: str) -> bool:
        """Whether all words of a text are in the vocabulary."""
        return all(word in self._index for word in text.split())

    def encode(self, text: str) -> list[int]:
        """Convert a text to classes.

        Raises:
            InputError: if a word is not in the vocabulary.
        """
        try:
            return [self._index[word] for word in text.split()]
        except KeyError as error:
            raise InputError(f"{text!r} has {error.args[0]!r}, which no utterance of the training split says") from None

    def decode(self, labels: Iterable[int]) -> str:
        """Convert classes, without blanks, to a text."""
        return " ".join(self._words[label] for label in labels)
