"""Negative controls, made again from the seeds that name them."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]
KINDS = ("clean", "shuffled", "moved", "noise")


def rebuild(kind: str, clean: Samples, made: Samples, other: Samples, seed: str) -> Samples:
    """Make a control of a sample.

    Args:
        kind: clean audio; the perturbation in another order, or on another utterance; or noise of its size.
        clean: the utterance, int16.
        made: the sample, as long.
        other: the utterance that the perturbation is moved to.
        seed: of the sample.

    Returns:
        int16 (samples,).
    """
    change = made.astype(np.float64) - clean.astype(np.float64)
    generator = np.random.default_rng(list(hashlib.sha256(f"{seed}\0{kind}".encode()).digest()))
    match kind:
        case "clean":
            return clean
        case "shuffled":
            return _store(clean + generator.permutation(change))
        case "noise":
            noise = generator.standard_normal(len(clean))
            return _store(clean + noise * np.sqrt((change**2).sum() / (noise**2).sum()))
    length = min(len(change), len(other))
    return _store(other + np.append(change[:length], np.zeros(len(other) - length)))


def _store(signal: NDArray[Any]) -> Samples:
    return np.clip(np.round(signal), -32768, 32767).astype(np.int16)
