"""The decoder back ends by name, without importing any: the rules read this table at parse time, without PyTorch.

A back end is one module of this package that ends in ``DECODER = TheClass``, and one line here. Its module is imported
when it is chosen, by a computed name, so that an edit of one back end reruns no job that decodes with another.
"""

from __future__ import annotations

from typing import Final

from asrtransfer.files.errors import InputError

BEAM = 100
"""Hypotheses that a beam search keeps from frame to frame, where nothing else is said."""
BACKEND: Final = "flashlight"
"""The back end where nothing else is said."""
BACKENDS = {
    "flashlight": "flashlight",
    "ctcdecode": "ctcdecode_backend",
    "greedy": "greedy",
    "language-model": "language_model",
}
"""The module in this package that holds each back end."""


def module(backend: str) -> str:
    """Return the dotted name of the module that holds a back end.

    Args:
        backend: a key of BACKENDS.

    Raises:
        InputError: if the name is unknown.
    """
    if backend not in BACKENDS:
        raise InputError(f"decoder backend {backend!r} is unknown: use one of {', '.join(BACKENDS)}")
    return f"asrtransfer.ctc.{BACKENDS[backend]}"
