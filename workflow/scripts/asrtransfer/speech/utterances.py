"""Utterances of one split of the corpus, and batches of them."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from asrtransfer.files import parquet
from asrtransfer.speech import audio

# Splits up to this size are decoded once and kept, one byte pair a sample: four hours are 0.5 GB.
KEPT_SECONDS = 4 * 3600.0
# Threads that read ahead of a larger split's training. Decoding FLAC leaves Python's lock free, so that they run beside
# it and each other; one decodes some 500 times faster than the audio plays.
READERS = 4


class Speech:
    """The utterances of a table, ascending by length as the corpus lists them.

    Args:
        table: columns utterance_id, speaker, path, seconds, text, and sha256 where audio has a checksum.
        folder: what the paths are relative to.
    """

    def __init__(self, table: pd.DataFrame, folder: Path) -> None:
        self.table = table.reset_index(drop=True)
        self.folder = folder
        self.texts: list[str] = list(self.table["text"])
        self.utterance_ids: list[str] = list(self.table["utterance_id"])
        self._paths: list[str] = [str(path) for path in self.table["path"]]
        checksums = self.table["sha256"] if "sha256" in self.table else [None] * len(self.table)
        self._checksums: list[object] = list(checksums)
        self._keep = float(self.table["seconds"].sum()) <= KEPT_SECONDS
        self._kept: dict[int, NDArray[np.int16]] = {}

    @classmethod
    def read(cls, path: Path, folder: Path | None = None) -> Speech:
        """Read a split written by a corpus; paths in it are relative to ``folder``, by default its own.

        Raises:
            InputError: if the table is missing or damaged.
        """
        return cls(parquet.read(path), folder or path.parent)

    def __len__(self) -> int:
        return len(self.table)

    def digest(self) -> str:
        """SHA-256 of the table but for its paths: equal for models trained on the same data in the same order."""
        columns = [name for name in self.table.columns if name != "path"]
        content = self.table[columns].to_json(orient="records", double_precision=15)
        return hashlib.sha256(content.encode()).hexdigest()

    def samples(self, index: int) -> NDArray[np.int16]:
        """The audio of one utterance, int16 at 16 kHz.

        Raises:
            InputError: if the file is missing, damaged, or not the one that the table was made with.
        """
        if index in self._kept:
            return self._kept[index]
        samples = audio.read_flac(self.folder / self._paths[index], self._checksums[index])
        if self._keep:
            self._kept[index] = samples
        return samples

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Padded audio of some utterances and their lengths; see :func:`pad`."""
        return pad([self.samples(index) for index in indices])

    def loaded(
        self, batches: Iterable[Sequence[int]], readers: int = READERS
    ) -> Generator[tuple[Tensor, Tensor], None, None]:
        """What :meth:`batch` gives for each of some batches, in their order, read ahead by threads.

        Args:
            readers: threads; with none, each batch is read when it is asked for. What is read is the same.
        """
        if self._keep or not readers:
            yield from map(self.batch, batches)
            return
        waiting: deque[Future[tuple[Tensor, Tensor]]] = deque()
        with ThreadPoolExecutor(readers, "reader") as pool:
            try:
                for indices in batches:
                    waiting.append(pool.submit(self.batch, indices))
                    if len(waiting) > 2 * readers:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def batches(self, size: int) -> Iterator[list[int]]:
        """Indices in the table's order, ``size`` at a time."""
        for start in range(0, len(self), size):
            yield list(range(start, min(start + size, len(self))))


def pad(utterances: Sequence[NDArray[np.int16]]) -> tuple[Tensor, Tensor]:
    """Stack utterances of different lengths.

    Returns:
        float32 (batch, samples) in 16-bit units, zero after each end, and int64 (batch,) lengths in samples.
    """
    lengths = [len(utterance) for utterance in utterances]
    padded = np.zeros((len(utterances), max(lengths)), np.float32)
    for row, utterance in zip(padded, utterances, strict=True):
        row[: len(utterance)] = utterance
    return torch.from_numpy(padded), torch.tensor(lengths)


def make_noise(utterances: int, seconds: float) -> list[NDArray[np.int16]]:
    """Make noise that comes and goes as syllables do, int16 at 16 kHz, to measure what does not depend on words."""
    random = np.random.default_rng(1)
    time = np.arange(int(seconds * 16_000)) / 16_000
    loudness = 1500 * np.square(np.sin(2 * np.pi * 2 * time))
    return [np.rint(random.normal(0, 1, len(time)) * loudness).astype(np.int16) for _ in range(utterances)]
