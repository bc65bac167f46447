"""Families that a study trains: what their module ``trainer`` is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

Report = Callable[[str, bool], None]
"""Told how it goes: a line, and whether it is the last one."""


class Interrupted(Exception):
    """Training was asked to stop; its checkpoint is written."""


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """One model to train.

    Attributes:
        model: its name.
        family: its family's.
        seed: of its initial weights and of its dropout.
        arm: ``none``, ``twin``, ``ulp`` or ``native``: what it differs in from the model of its seed.
        which: of the arm's models, from 1; 0 for no arm.
        keys: section of its family.
        train, dev: tables of the splits.
        weights, epochs, curve, card: files to write; the checkpoint lies beside the weights.
        device: ``cpu`` or ``cuda``.
        threads: of the CPU.
        code: digests of the code that trains, so that a checkpoint of other code is left aside.
    """

    model: str
    family: str
    seed: int
    arm: str
    which: int
    keys: Any
    train: Path
    dev: Path
    weights: Path
    epochs: Path
    curve: Path
    card: Path
    device: str
    threads: int
    code: Any


def train_model(use: str, job: TrainingJob, report: Report, stop: Callable[[], bool]) -> None:
    """Train a model with the module ``trainer`` of its family's package.

    Args:
        use: the family's name in this library.
        report: told how it goes.
        stop: asked often; once it is true, training ends with a checkpoint.

    Raises:
        Interrupted: if ``stop`` said so.
        InputError: if the recipe does not work, or a file is damaged.
    """
    import_module(f"asrtransfer.recognisers.{use}.trainer").train_model(job, report, stop)
