"""Attacks from files of the user's: what they raise and return is checked at each call, and blamed on their line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from asrtransfer.attacks.batch import Build
from asrtransfer.attacks.method import Method
from asrtransfer.extension import blamed, describe_value
from asrtransfer.files.errors import InputError


class GuardedMethod(Method):
    """An attack of the user's, step by step.

    Args:
        inner: the user's.
        audio: as it was given to the user's; the copy here is what samples are made from.
        lengths: of the utterances, as they were given to the user's.
        file: where its class stands.
        limit: seconds that a call may take; None sets no limit.
    """

    def __init__(self, inner: Method, audio: Tensor, lengths: list[int], file: Path, limit: float | None) -> None:
        self.inner = inner
        self.audio = audio
        self.lengths = lengths
        self.file = file
        self.limit = limit

    def _call(self, work: Callable[[], Any]) -> Any:
        with blamed(self.file, self.limit):
            return work()

    def _checked(self, found: Any, name: str, shape: tuple[int, ...]) -> Tensor:
        """A tensor that the user's code returned.

        Raises:
            InputError: if it is none, or not finite.
        """
        if not isinstance(found, Tensor) or found.shape != shape or found.dtype != torch.float32:
            what = describe_value(found)
            raise InputError(f"{self.file}: {name} returned {what}; return a float32 tensor of shape {tuple(shape)}")
        if not bool(found.isfinite().all()):
            raise InputError(f"{self.file}: {name} returned values that are not finite numbers")
        return found

    def perturbation(self) -> Tensor:
        """See :meth:`asrtransfer.attacks.method.Method.perturbation`."""
        return self._checked(self._call(self.inner.perturbation), "perturbation", tuple(self.audio.shape))

    def bounds(self) -> Tensor:
        """See :meth:`asrtransfer.attacks.method.Method.bounds`."""
        found = self._checked(self._call(self.inner.bounds), "bounds", (len(self.audio),))
        if bool((found < 0).any()):
            raise InputError(f"{self.file}: bounds returned a negative number")
        return found

    def begin(self, perturbation: Tensor) -> None:
        """See :meth:`asrtransfer.attacks.method.Method.begin`."""
        self._call(lambda: self.inner.begin(perturbation))

    def step(self, gradient: Tensor) -> None:
        """See :meth:`asrtransfer.attacks.method.Method.step`."""
        self._call(lambda: self.inner.step(gradient))

    def keep(self, rows: Tensor) -> None:
        """See :meth:`asrtransfer.attacks.method.Method.keep`."""
        self.audio = self.audio[rows]
        self.lengths = [self.lengths[row] for row in rows.tolist()]
        self._call(lambda: self.inner.keep(rows))

    @property
    def improves(self) -> bool:
        """See :attr:`asrtransfer.attacks.method.Method.improves`."""
        return bool(self._call(lambda: self.inner.improves))

    def stride(self) -> Tensor:
        """See :meth:`asrtransfer.attacks.method.Method.stride`."""
        return self._checked(self._call(self.inner.stride), "stride", (len(self.audio),))

    def noise(self) -> Tensor | None:
        """See :meth:`asrtransfer.attacks.method.Method.noise`."""
        found = self._call(self.inner.noise)
        return None if found is None else self._checked(found, "noise", tuple(self.audio.shape))

    def succeeded(self, rows: list[int]) -> None:
        """See :meth:`asrtransfer.attacks.method.Method.succeeded`."""
        self._call(lambda: self.inner.succeeded(rows))


def guarded(build: Build, file: Path, limit: float | None) -> Build:
    """Check every call of an attack of the user's."""

    def made(audio: Tensor, lengths: list[int], generators: list[torch.Generator]) -> Method:
        with blamed(file, limit):
            inner = build(audio.clone(), list(lengths), generators)
        return GuardedMethod(inner, audio, lengths, file, limit)

    return made
