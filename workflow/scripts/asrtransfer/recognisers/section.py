"""The keys that every family of recognisers has, and those of a recogniser that is loaded."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

from asrtransfer.section import Bool, Field, FilePathOrNull, Float, Section, read_null


class FamilySection(Section):
    """Keys that every family of recognisers has."""

    use: FilePathOrNull = Field(
        default=None,
        description="which recogniser: the name of one of this project's, or the path of a Python file of your own; "
        "null: the one that is called as the section is",
    )

    def files(self) -> list[str]:
        """Paths of the files that the recogniser reads; a change in one of them reruns its jobs."""
        return []

    def check(self, device: str) -> str | None:
        """Say which key does not fit the others or the device, and what to do; None where all fit."""
        return None

    @property
    def gpus(self) -> int:
        """GPUs that a training asks for, where the study has them."""
        return 1

    @property
    def last_part(self) -> int:
        """The largest P of the arms ``data-P``; 0 where there are none."""
        return 0


class LoadedSection(FamilySection):
    """Keys of a recogniser that is loaded, not trained."""

    votes: Annotated[Bool | None, BeforeValidator(read_null)] = Field(
        default=None,
        description="whether only utterances are selected that it hears right; null: if it is attacked",
    )
    speed: Float = Field(
        default=5.0, gt=0, le=1e6, description="seconds of audio that it hears a second, for plan and resources"
    )
    memory: Float = Field(default=2000.0, gt=0, le=1e7, description="MB that it takes, for plan and resources")
