"""The section ``neighbours``: the models of the transfer curve."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

from asrtransfer.section import Field, Int, Section, read_plain

Share = Annotated[float, Field(ge=0, le=1), BeforeValidator(read_plain)]


class Neighbours(Section):
    """The models of the transfer curve (`make study ARGS=transfer_curve`), between a surrogate and a stranger."""

    epochs: Int = Field(default=3, ge=1, le=3, description="how many of the last three epochs of a training to take")
    shares: Annotated[list[Share], Field(min_length=1, max_length=100)] = Field(
        default=[0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0],
        description="how far along the line from a surrogate's weights to those of the next model of another seed",
    )
