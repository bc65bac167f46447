"""Recognisers: what hears, what can be attacked, and how one of a study is loaded.

A family of recognisers is a package here, or a file of the user's, that ends in ``RECOGNISER = TheClass``: a subclass
of :class:`asrtransfer.recognisers.base.Recogniser`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from asrtransfer import extension
from asrtransfer.recognisers.base import Recogniser

__all__ = ["list_neighbours", "load"]


def load(
    use: str, keys: Mapping[str, Any], device: str, weights: Path | None = None, limit: float | None = None
) -> Recogniser:
    """Load a recogniser.

    Args:
        use: the family's name in this library, or the path of the user's file.
        keys: its section as plain values.
        device: ``cpu`` or ``cuda``.
        weights: the file that training wrote; None for a family that is not trained.
        limit: seconds that a call of the user's code may take; None sets no limit.

    Raises:
        InputError: if there is no such family, its files are missing or damaged, or the user's code fails.
    """
    found = extension.find("recogniser", use)
    class_ = found.class_
    section = class_.section.model_validate(dict(keys))
    with extension.blamed(found.file, limit):
        recogniser: Recogniser = class_.load(section, device, weights)
    if found.file is None:
        return recogniser
    from asrtransfer.recognisers.guard import guarded

    return guarded(recogniser, found.file, limit)


def list_neighbours(use: str, **settings: Any) -> Iterator[Any]:
    """List the models between a surrogate and a stranger, as the module ``neighbours`` of their family makes them.

    Args:
        use: the family's name in this library.
        **settings: of the family's own ``list_neighbours``.
    """
    found: Iterator[Any] = import_module(f"asrtransfer.recognisers.{use}.neighbours").list_neighbours(**settings)
    return found
