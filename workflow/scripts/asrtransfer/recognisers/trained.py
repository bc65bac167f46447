"""Families that a study trains: what their module ``trainer`` is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
        arm: ``none``, ``twin``, ``ulp``, ``native``, ``data``, ``tuned`` or ``shares``: what it differs in from its
            base, the model of its seed, or what makes it of its donor.
        which: of the arm's models, from 1; of ``tuned`` the epochs, of ``data`` the part; 0 for no arm.
        donor: the weights of the model that ``tuned`` starts from, or whose layers ``shares`` has; None for others.
        shared: names of these layers, which are not trained.
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
    donor: Path | None
    shared: tuple[str, ...]
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


def list_shared(layers: Sequence[str], recurrent: str, shared: str) -> list[str]:
    """List the layers that a model has of its donor.

    Args:
        layers: of the family, from the input to the output.
        recurrent: the recurrent one among them; empty where there is none.
        shared: ``2`` (the first two), ``last-2`` or ``recurrent``.

    Raises:
        ValueError: if the family has no such layers, or none would be left to train.
    """
    if shared == "recurrent":
        if not recurrent:
            raise ValueError("has no recurrent layer")
        return [recurrent]
    count = int(shared.removeprefix("last-"))
    if count >= len(layers):
        raise ValueError(f"has {len(layers)} layers, of which one at least must be its own")
    return list(layers[-count:] if shared.startswith("last-") else layers[:count])


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
