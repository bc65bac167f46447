"""From log-probabilities to texts: greedy, the ten most probable texts, and with a language model."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from torch import Tensor

from asrtransfer.ctc.base import TOP, Decoder, GreedyDecoder, Hypothesis, frames
from asrtransfer.ctc.ctcdecode_backend import CTCDecodeDecoder
from asrtransfer.ctc.flashlight import FlashlightDecoder
from asrtransfer.ctc.language_model import LanguageModelDecoder
from asrtransfer.ctc.proof import proven
from asrtransfer.files.errors import InputError

__all__ = [
    "BACKENDS",
    "TOP",
    "CTCDecodeDecoder",
    "Decoder",
    "FlashlightDecoder",
    "GreedyDecoder",
    "Hypothesis",
    "LanguageModelDecoder",
    "build",
    "frames",
    "is_top",
    "proven",
]

BACKENDS: dict[str, type[Decoder]] = {
    "flashlight": FlashlightDecoder,
    "ctcdecode": CTCDecodeDecoder,
    "greedy": GreedyDecoder,
    "language-model": LanguageModelDecoder,
}


def build(backend: str, **settings: Any) -> Decoder:
    """The decoder of that name with the keyword arguments of its class.

    :raises InputError: for an unknown name, or a backend that is not installed or cannot read its files.
    """
    if backend not in BACKENDS:
        raise InputError(f"decoder backend {backend!r} is unknown: use one of {', '.join(BACKENDS)}")
    return BACKENDS[backend](**settings)


def is_top(log_probs: Tensor, length: int, text: str, decoder: Decoder | None = None) -> bool:
    """`Decoder.is_top` of the given decoder, or else of a FlashlightDecoder as it is by default."""
    return (decoder or _default()).is_top(log_probs, length, text)


@lru_cache(maxsize=1)
def _default() -> Decoder:
    return FlashlightDecoder()
