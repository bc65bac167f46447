"""Utterances of one split of the corpus, and batches of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from asrtransfer import audio, parquet

# Splits up to this size are decoded once and kept, one byte pair a sample: four hours are 0.5 GB.
KEPT_SECONDS = 4 * 3600.0


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
        row = self.table.iloc[index]
        samples = audio.read_flac(self.folder / str(row["path"]), row.get("sha256"))
        if self._keep:
            self._kept[index] = samples
        return samples

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Padded audio of some utterances and their lengths; see :func:`pad`."""
        return pad([self.samples(index) for index in indices])

    def batches(self, size: int) -> Iterator[list[int]]:
        """Indices in the table's order, ``size`` at a time."""
        for start in range(0, len(self), size):
            yield list(range(start, min(start + size, len(self))))


def pad(utterances: Sequence[NDArray[np.int16]]) -> tuple[Tensor, Tensor]:
    """Stack utterances of different lengths.

    Returns:
        float32 (batch, samples) in 16-bit units, zero after each end, and int64 (batch,) lengths in samples.
    """
    lengths = torch.tensor([len(utterance) for utterance in utterances])
    padded = torch.zeros(len(utterances), int(lengths.max()))
    for row, utterance in zip(padded, utterances, strict=True):
        row[: len(utterance)] = torch.from_numpy(utterance)
    return padded, lengths
