"""From log-probabilities to texts: the chosen decoder, and whether a text is the most probable one."""

from __future__ import annotations

import importlib
from functools import lru_cache
from typing import Any

from torch import Tensor

from asrtransfer.ctc.backends import module
from asrtransfer.ctc.base import Decoder
from asrtransfer.ctc.flashlight import FlashlightDecoder


def build(backend: str, **settings: Any) -> Decoder:
    """Import a back end and construct its decoder.

    Args:
        backend: a key of BACKENDS.
        settings: keyword arguments of the decoder's class.

    Raises:
        InputError: for an unknown name, or a back end that is not installed or cannot read its files.
    """
    decoder: Decoder = importlib.import_module(module(backend)).DECODER(**settings)
    return decoder


def is_top(log_probs: Tensor, length: int, text: str, decoder: Decoder | None = None) -> bool:
    """Call `Decoder.is_top` of the given decoder, by default of a FlashlightDecoder with its default settings."""
    return (decoder or _build_default()).is_top(log_probs, length, text)


@lru_cache(maxsize=1)
def _build_default() -> Decoder:
    return FlashlightDecoder()
