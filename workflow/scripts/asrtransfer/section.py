"""What a group of settings is: keys with types, ranges, defaults and meanings, each written once.

An attack or a family of recognisers brings a section of its own; a study reads its configuration into them. This
module imports no PyTorch, so that a configuration is read in a moment.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.config import JsonDict

__all__ = [
    "MINUTES",
    "SAMPLES",
    "SECONDS",
    "BeforeValidator",
    "Bool",
    "Field",
    "FilePath",
    "FilePathOrNull",
    "Float",
    "Int",
    "Section",
    "Seed",
    "read_null",
    "read_plain",
]


def read_plain(value: object) -> object:
    """Read a number, true, false or null that arrives as text, and leave all else as it is.

    Snakemake hands over as text what ``--config`` sets inside a section, and YAML takes ``1e-4`` for a text.
    """
    if not isinstance(value, str) or len(value) > 40:
        return value
    words = {"true": True, "false": False, "null": None}
    if value.lower() in words:
        return words[value.lower()]
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value


def read_null(value: object) -> object:
    """Read null that arrives as text."""
    return None if value == "null" else value


Int = Annotated[int, BeforeValidator(read_plain)]
Float = Annotated[float, BeforeValidator(read_plain)]
Bool = Annotated[bool, BeforeValidator(read_plain)]
Seed = Annotated[int, Field(ge=0, lt=2**31), BeforeValidator(read_plain)]
FilePath = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00-\x1f]+$")]
FilePathOrNull = Annotated[FilePath | None, BeforeValidator(read_null)]

# A unit that is not in the meaning of its key.
SAMPLES: JsonDict = {"unit": "16-bit units"}
MINUTES: JsonDict = {"unit": "minutes"}
SECONDS: JsonDict = {"unit": "seconds"}


class Section(BaseModel):
    """A group of keys; unknown ones are refused, and so is a value of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, validate_default=True)
