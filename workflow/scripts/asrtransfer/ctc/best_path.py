"""Greedy decoding: the text of the most probable alignment, which need not be the most probable text."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from asrtransfer.text.alphabet import BLANK, CHARACTERS

_CODES = np.frombuffer((CHARACTERS + "-").encode("ascii"), dtype=np.uint8)


def greedy(log_probs: Tensor, lengths: Tensor) -> list[str]:
    """The collapsed text of each row's most probable class per frame (the first of equal ones).

    `log_probs` is (batch, frames, 29), in any monotonous scale; `lengths` (batch,) int64.
    """
    path = log_probs.detach().argmax(dim=-1).cpu().numpy()
    keep = path != BLANK
    keep[:, 1:] &= path[:, 1:] != path[:, :-1]
    keep &= np.arange(path.shape[1]) < lengths.cpu().numpy()[:, None]
    return [_CODES[row[kept]].tobytes().decode("ascii") for row, kept in zip(path, keep, strict=True)]


def spelt(path: NDArray[np.int64]) -> str:
    """The collapsed text of one alignment, (frames,) class indices."""
    keep = path != BLANK
    keep[1:] &= path[1:] != path[:-1]
    return _CODES[path[keep]].tobytes().decode("ascii")
