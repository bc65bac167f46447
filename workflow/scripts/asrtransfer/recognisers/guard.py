"""Recognisers from files of the user's: each call is checked, and what is wrong is blamed on their file and line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asrtransfer.extension import blamed, describe_value
from asrtransfer.files.errors import InputError
from asrtransfer.recognisers.base import MOST_TEXTS, Aim, Frames, Heard, Recogniser, Surrogate
from asrtransfer.text import alphabet

# How far the probabilities of a frame may be from adding up to one, for rounding in float32.
NORMALISED = 1e-3


def check_heard(heard: Any, utterances: int) -> list[Heard]:
    """Check what ``hear`` returned.

    Raises:
        InputError: says what is wrong with it.
    """
    if not isinstance(heard, list) or len(heard) != utterances:
        raise InputError(
            f"hear returned {describe_value(heard)} for {utterances} utterances; return a list of one Heard each"
        )
    for one in heard:
        if not isinstance(one, Heard):
            raise InputError(f"hear returned {describe_value(one)} for an utterance; return a Heard")
        _check_texts(one)
        _check_scores(one)
    return heard


def _check_texts(one: Heard) -> None:
    texts = one.texts
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InputError(f"hear returned the texts {describe_value(texts)}; return a list of strings")
    if not 1 <= len(texts) <= MOST_TEXTS:
        raise InputError(
            f"hear returned {len(texts)} texts of an utterance; return one to {MOST_TEXTS}, [''] for nothing"
        )
    if len(set(texts)) < len(texts):
        raise InputError(f"hear returned a text twice: {texts!r}; return different ones, the best first")
    for text in texts:
        strange = sorted(set(text) - set(alphabet.CHARACTERS))
        if strange:
            raise InputError(
                f"hear returned {text!r}, which has {strange[0]!r}; bring texts to a-z, space and apostrophe, and "
                "put the text as it was into raw"
            )
        if text != " ".join(text.split()):
            raise InputError(f"hear returned {text!r}, with outer or double spaces; remove them")


def _check_scores(one: Heard) -> None:
    scores = one.scores
    if scores is None:
        return
    if len(scores) != len(one.texts) or not all(isinstance(score, float) for score in scores):
        raise InputError(
            f"hear returned the scores {scores!r} for {len(one.texts)} texts; return a float each, or None"
        )
    if any(math.isnan(score) or score > NORMALISED for score in scores) or sorted(scores, reverse=True) != scores:
        raise InputError(f"hear returned the scores {scores!r}; ln P is at most 0, and the best text comes first")


def check_loss(loss: Any, batch: int) -> Tensor:
    """Check the losses of an ``aim``.

    Raises:
        InputError: says what is wrong with them.
    """
    if not isinstance(loss, Tensor) or loss.shape != (batch,) or loss.dtype != torch.float32:
        raise InputError(f"aim returned the loss {describe_value(loss)}; return float32 of shape ({batch},), one a row")
    if bool(loss.isnan().any()):
        raise InputError("aim returned a loss that is not a number")
    return loss


def check_log_probs(log_probs: Any, counts: Any, batch: int) -> None:
    """Check what ``log_probs`` returned.

    Raises:
        InputError: says what is wrong with it.
    """
    if not isinstance(log_probs, Tensor) or log_probs.dim() != 3 or log_probs.dtype != torch.float32:
        raise InputError(
            f"log_probs returned {describe_value(log_probs)}; return float32 (batch, frames, {alphabet.SIZE})"
        )
    if len(log_probs) != batch or log_probs.shape[2] != alphabet.SIZE:
        shape = tuple(log_probs.shape)
        raise InputError(
            f"log_probs returned shape {shape} for {batch} rows; return ({batch}, frames, {alphabet.SIZE})"
        )
    if not isinstance(counts, Tensor) or counts.shape != (batch,) or counts.dtype != torch.int64:
        raise InputError(f"log_probs returned the counts {describe_value(counts)}; return int64 of shape ({batch},)")
    if bool((counts < 0).any()) or bool((counts > log_probs.shape[1]).any()):
        raise InputError(f"log_probs returned the counts {counts.tolist()} for {log_probs.shape[1]} frames")
    for row, count in zip(log_probs.detach(), counts.tolist(), strict=True):
        sums = row[:count].exp().sum(dim=1)
        if not bool(((sums - 1).abs() < NORMALISED).all()):
            raise InputError("log_probs returned frames whose probabilities do not add up to one; use log_softmax")


class GuardedRecogniser(Recogniser):
    """A recogniser of the user's that hears.

    Args:
        inner: the user's.
        file: where its class stands.
        limit: seconds that a call may take; None sets no limit.
    """

    def __init__(self, inner: Recogniser, file: Path, limit: float | None) -> None:
        self.inner: Any = inner
        self.file = file
        self.limit = limit
        self.pads = inner.pads  # type: ignore[misc]
        if isinstance(inner, Surrogate):
            self.device = torch.device(self._call(lambda: inner.device))
        found = self._call(lambda: inner.identity)
        if not isinstance(found, str) or not found:
            raise InputError(f"{file}: its identity is {found!r}; return a SHA-256 as text")
        self._identity = found

    def _call(self, work: Any) -> Any:
        with blamed(self.file, self.limit):
            return work()

    def _check(self, work: Any) -> Any:
        try:
            return work()
        except InputError as error:
            raise InputError(f"{self.file}: {error}") from None

    @property
    def identity(self) -> str:
        """See :attr:`asrtransfer.recognisers.base.Recogniser.identity`."""
        return self._identity

    def hear(self, utterances: Sequence[NDArray[np.int16]]) -> list[Heard]:
        """See :meth:`asrtransfer.recognisers.base.Recogniser.hear`."""
        # Copies: what the user's code writes into them must not change the study's audio.
        heard = self._call(lambda: self.inner.hear([utterance.copy() for utterance in utterances]))
        return list(self._check(lambda: check_heard(heard, len(utterances))))


class GuardedSurrogate(GuardedRecogniser, Surrogate):
    """A recogniser of the user's that can be attacked."""

    device: torch.device

    def aim(self, audio: Tensor, lengths: Tensor, texts: Sequence[str]) -> Aim:
        """See :meth:`asrtransfer.recognisers.base.Surrogate.aim`."""
        found = self._call(lambda: self.inner.aim(audio, lengths, texts))
        if not isinstance(found, Aim):
            raise InputError(f"{self.file}: aim returned {describe_value(found)}; return an Aim")
        loss = self._check(lambda: check_loss(found.loss, len(audio)))
        return Aim(loss, lambda: self._says(found, len(audio)))

    def _says(self, found: Aim, batch: int) -> list[bool]:
        said = [bool(one) for one in self._call(found.says)]
        if len(said) != batch:
            raise InputError(f"{self.file}: says returned {len(said)} values for {batch} rows")
        return said

    def feasible(self, samples: int, text: str) -> bool:
        """See :meth:`asrtransfer.recognisers.base.Surrogate.feasible`."""
        return bool(self._call(lambda: self.inner.feasible(samples, text)))

    def bytes(self, utterances: int, samples: int, *, gradient: bool) -> float:
        """See :meth:`asrtransfer.recognisers.base.Surrogate.bytes`."""
        return float(self._call(lambda: self.inner.bytes(utterances, samples, gradient=gradient)))


class GuardedFrames(GuardedSurrogate, Frames):
    """A character CTC model of the user's."""

    aim = Frames.aim

    def log_probs(self, audio: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """See :meth:`asrtransfer.recognisers.base.Frames.log_probs`."""
        found = self._call(lambda: self.inner.log_probs(audio, lengths))
        if not isinstance(found, tuple) or len(found) != 2:
            raise InputError(
                f"{self.file}: log_probs returned {describe_value(found)}; return log-probabilities and counts"
            )
        self._check(lambda: check_log_probs(*found, len(audio)))
        return found[0], found[1].to(found[0].device)

    def frames(self, samples: int) -> int:
        """See :meth:`asrtransfer.recognisers.base.Frames.frames`."""
        return int(self._call(lambda: self.inner.frames(samples)))


def guarded(inner: Recogniser, file: Path, limit: float | None) -> Recogniser:
    """Check every call of a recogniser of the user's."""
    if isinstance(inner, Frames):
        return GuardedFrames(inner, file, limit)
    if isinstance(inner, Surrogate):
        return GuardedSurrogate(inner, file, limit)
    return GuardedRecogniser(inner, file, limit)
