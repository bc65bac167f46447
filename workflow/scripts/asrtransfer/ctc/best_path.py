"""Greedy decoding: the text of the most probable alignment, which need not be the most probable text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from asrtransfer.text.alphabet import BLANK, CHARACTERS

_CODES = np.frombuffer((CHARACTERS + "-").encode("ascii"), dtype=np.uint8)


def greedy(log_probs: Tensor, lengths: Tensor) -> list[str]:
    """Collapse each row's most probable class per frame into a text.

    Args:
        log_probs: (batch, frames, 29), any monotonic function of the probabilities; the first of equal classes wins.
        lengths: (batch,) int64, valid frames of each row.

    Returns:
        One text per row.
    """
    path = log_probs.detach().argmax(dim=-1).cpu().numpy()
    keep = path != BLANK
    keep[:, 1:] &= path[:, 1:] != path[:, :-1]
    keep &= np.arange(path.shape[1]) < lengths.cpu().numpy()[:, None]
    return [_CODES[row[kept]].tobytes().decode("ascii") for row, kept in zip(path, keep, strict=True)]


def says(log_probs: Tensor, lengths: Tensor, texts: Sequence[str]) -> list[bool]:
    """Tell for each row whether its most probable alignment says its text; arguments as for :func:`greedy`."""
    return [said == text for said, text in zip(greedy(log_probs, lengths), texts, strict=True)]


def collapse_path(path: NDArray[np.int64]) -> str:
    """Collapse one alignment, (frames,) class indices, into its text."""
    keep = path != BLANK
    keep[1:] &= path[1:] != path[:-1]
    return _CODES[path[keep]].tobytes().decode("ascii")
