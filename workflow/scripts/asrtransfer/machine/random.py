"""Streams of random numbers, each named by a text: what is drawn depends on the name alone."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def torch_stream(name: str) -> torch.Generator:
    """A stream of PyTorch's, on the CPU."""
    import torch

    return torch.Generator().manual_seed(int.from_bytes(_digest(name)[:8], "big") >> 1)


def numpy_stream(name: str) -> np.random.Generator:
    """A stream of NumPy's."""
    return np.random.default_rng(list(_digest(name)))


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()
