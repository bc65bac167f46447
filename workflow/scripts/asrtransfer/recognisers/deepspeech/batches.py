"""The batches of a split, whose mel spectra are computed once where the split is kept in memory."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing

from torch import Tensor

from asrtransfer.recognisers.deepspeech.front_end import FrontEnd, Spectrum
from asrtransfer.speech.utterances import Speech


class Batch:
    """Utterances that run at once.

    Args:
        audio: float32 (batch, samples), padded.
        lengths: int64 (batch,), in samples.
        texts: what is said.

    Attributes:
        texts: what is said.
    """

    def __init__(self, audio: Tensor, lengths: Tensor, texts: list[str]) -> None:
        self.texts = texts
        self._audio: tuple[Tensor, Tensor] | None = (audio, lengths)
        self._spectrum: Spectrum | None = None

    def analyse(self, front_end: FrontEnd) -> Spectrum:
        """Return the mel spectrum, on the front end's device; it takes the place of the audio, ten times as large."""
        device = front_end.window.device
        if self._spectrum is None:
            assert self._audio is not None
            audio, lengths = self._audio
            self._spectrum = front_end.analyse(audio.to(device), lengths.to(device))
            self._audio = None
        return Spectrum(*(part.to(device) for part in self._spectrum))


class Batches:
    """All batches of a split, in the order of its table.

    Args:
        speech: the split.
        size: utterances of a batch; the last may have fewer.
    """

    def __init__(self, speech: Speech, size: int) -> None:
        self._speech = speech
        self._indices = list(speech.batches(size))
        self._kept: dict[int, Batch] = {}

    def __len__(self) -> int:
        return len(self._indices)

    def read(self, places: Sequence[int]) -> Generator[Batch, None, None]:
        """Yield the batches at some places, read ahead."""
        missing = (self._indices[place] for place in places if place not in self._kept)
        with closing(self._speech.loaded(missing)) as loaded:
            for place in places:
                yield self._kept[place] if place in self._kept else self._make(place, *next(loaded))

    def _make(self, place: int, audio: Tensor, lengths: Tensor) -> Batch:
        batch = Batch(audio, lengths, [self._speech.texts[index] for index in self._indices[place]])
        if self._speech.kept:
            self._kept[place] = batch
        return batch
