"""The utterances of a split of the corpus, and batches of them."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from asrtransfer.files import parquet
from asrtransfer.speech import audio

# Splits up to this size are decoded once and kept in memory, two bytes per sample: four hours take 0.5 GB.
KEPT_SECONDS = 4 * 3600.0
# Threads that prefetch batches of a larger split. FLAC decoding releases Python's global lock, so they run in parallel
# with training; one thread decodes about 500 times faster than real time.
READERS = 4


class Speech:
    """The utterances of one split.

    Args:
        table: columns utterance_id, speaker, path, seconds and text; sha256 if the audio has checksums. The corpus
            lists rows by ascending length.
        folder: the folder to which the paths are relative.

    Attributes:
        table: the table, with a fresh index.
        folder: the folder to which the paths are relative.
        texts: the text of each utterance.
        utterance_ids: the identifier of each utterance.
        kept: whether the split is small enough to be kept in memory.
    """

    def __init__(self, table: pd.DataFrame, folder: Path) -> None:
        self.table = table.reset_index(drop=True)
        self.folder = folder
        self.texts: list[str] = list(self.table["text"])
        self.utterance_ids: list[str] = list(self.table["utterance_id"])
        self._paths: list[str] = [str(path) for path in self.table["path"]]
        checksums = self.table["sha256"] if "sha256" in self.table else [None] * len(self.table)
        self._checksums: list[object] = list(checksums)
        self.kept = float(self.table["seconds"].sum()) <= KEPT_SECONDS
        self._kept: dict[int, NDArray[np.int16]] = {}

    @classmethod
    def read(cls, path: Path, folder: Path | None = None) -> Speech:
        """Read a split that a corpus has written.

        Args:
            path: the Parquet table.
            folder: the folder to which the audio paths are relative; by default that of the table.

        Raises:
            InputError: if the table is missing or damaged.
        """
        return cls(parquet.read(path), folder or path.parent)

    def part(self, names: Collection[str]) -> Speech:
        """Return the utterances of some names, in the order of the table."""
        return Speech(self.table[self.table["utterance_id"].isin(names)], self.folder)

    def __len__(self) -> int:
        return len(self.table)

    def digest(self) -> str:
        """Compute the SHA-256 of the table without paths; equal digests mean the same data in the same order."""
        columns = [name for name in self.table.columns if name != "path"]
        content = self.table[columns].to_json(orient="records", double_precision=15)
        return hashlib.sha256(content.encode()).hexdigest()

    def samples(self, index: int) -> NDArray[np.int16]:
        """Read the audio of one utterance.

        Args:
            index: row in the table.

        Returns:
            int16 (samples,) at 16 kHz.

        Raises:
            InputError: if the file is missing, damaged, or has another checksum than the table.
        """
        if index in self._kept:
            return self._kept[index]
        samples = audio.read_flac(self.folder / self._paths[index], self._checksums[index])
        if self.kept:
            self._kept[index] = samples
        return samples

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Read utterances and stack their audio; arguments as for `samples`, results as for :func:`pad`."""
        return pad([self.samples(index) for index in indices])

    def loaded(
        self, batches: Iterable[Sequence[int]], readers: int = READERS
    ) -> Generator[tuple[Tensor, Tensor], None, None]:
        """Yield the result of :meth:`batch` for each batch, in order, prefetched by threads.

        Args:
            batches: row indices of each batch.
            readers: number of threads; with 0, each batch is read on demand, with the same result.
        """
        if self.kept or not readers:
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
        """Yield the row indices in batches of ``size``, in the order of the table."""
        for start in range(0, len(self), size):
            yield list(range(start, min(start + size, len(self))))


def pad(utterances: Sequence[NDArray[np.int16]]) -> tuple[Tensor, Tensor]:
    """Stack utterances of different lengths.

    Args:
        utterances: int16 (samples,) each.

    Returns:
        float32 (batch, samples) in 16-bit units, padded with zeros, and int64 (batch,) lengths in samples.
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
