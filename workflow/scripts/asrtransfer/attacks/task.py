"""What an attack is asked for, and what becomes of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from asrtransfer.attacks.section import MaskingSection, MomentumSection, ViewsSection

Status = Literal["sample", "failed", "infeasible"]


@dataclass(frozen=True)
class Task:
    """One utterance to attack.

    Attributes:
        utterance_id: names it.
        audio: int16 (samples,), 16 kHz.
        phrase: what the surrogates shall hear; None: the utterance has no such target.
    """

    utterance_id: str
    audio: NDArray[np.int16]
    phrase: str | None


@dataclass(frozen=True, kw_only=True)
class Goal:
    """When an attack has succeeded, and how long it tries.

    Attributes:
        threshold: K1 that the stored audio must exceed, or None: the target need only be the top transcription.
        iterations: steps at the most.
        test_every: iterations between tests for success.
        keep: samples kept of an utterance, the last that qualify, or with ``masking`` the least audible. Where the
            attack does not improve on a success, an utterance is finished when it has them.
        margin: what is lowered: by how much a surrogate's frames miss a margin, in nats; None: the loss of its aim.
        combine: what is lowered of several surrogates; see :data:`asrtransfer.attacks.ensembles.COMBINATIONS`.
        views: how the audio is heard in each iteration; see :class:`asrtransfer.attacks.views.Views`.
        momentum: what gradients make a step; see :class:`asrtransfer.attacks.momentum.Momentum`.
        masking: the penalty on what can be heard; see :class:`asrtransfer.attacks.masked.Masked`.
        spoken_start: SNR, in dB, of the spoken phrase with which the attack starts; None: where the attack starts.
    """

    threshold: float | None
    iterations: int
    test_every: int
    keep: int
    margin: float | None = None
    combine: str = "mean"
    views: ViewsSection | None = None
    momentum: MomentumSection | None = None
    masking: MaskingSection | None = None
    spoken_start: float | None = None


@dataclass(frozen=True)
class Sample:
    """Audio that reached its target.

    Attributes:
        iteration: from 1; of a whole attack the last.
        audio: int16 as stored.
        loss: -ln P(target | stored audio) in nats; of several surrogates the largest.
        k5: see :func:`asrtransfer.ctc.confidence.k5`; of several surrogates the smallest. None where one is no CTC.
        bound: the largest magnitude that the perturbation was allowed, 16-bit units; None where none was promised.
    """

    iteration: int
    audio: NDArray[np.int16]
    loss: float
    k5: float | None
    bound: float | None


@dataclass
class Outcome:
    """What became of one task; samples in the order of their iterations, and the smallest loss that was seen."""

    task: Task
    status: Status
    best_loss: float = math.inf
    samples: list[Sample] = field(default_factory=list)
