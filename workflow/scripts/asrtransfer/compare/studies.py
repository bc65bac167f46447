"""Finished studies, read from their folders of results."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from asrtransfer.files import parquet
from asrtransfer.files.cards import read_card
from asrtransfer.files.errors import InputError
from asrtransfer.report.facts import Facts, gather
from asrtransfer.tables import Design

TABLES = (
    *("checks", "near-targets", "arms", "transfers", "attack-success", "failures", "models", "claims"),
    *("doses", "ladder"),
)
"""Tables that a comparison reads."""
MACHINE = ("python", "torch", "machine", "processor", "accelerator", "cuda", "driver")
"""Facts of a model's card about the machine that made it."""


@dataclass(frozen=True)
class Study:
    """A finished study.

    Attributes:
        name: in the page.
        configuration: what decided its results, as nested plain values.
        design: what was attacked and heard.
        tables: by name.
        cards: by model.
    """

    name: str
    configuration: Mapping[str, Any]
    design: Design
    tables: Mapping[str, pd.DataFrame]
    cards: Mapping[str, Mapping[str, Any]]

    @cached_property
    def facts(self) -> Facts:
        """The study in numbers."""
        return gather(self.design, self.tables)

    def label(self, attack: str) -> str:
        """Return an attack's name as people read it."""
        return self.design.attacks[attack].label


Studies = Mapping[str, Study]
"""Studies by name, in the order of the columns."""


def read(folders: Sequence[Path]) -> dict[str, Study]:
    """Read studies from their folders of results, by name: that of the folder, or its path where two are called so.

    Raises:
        InputError: if there are fewer than two folders, one is listed twice, or a file is missing or damaged.
    """
    if len(folders) < 2:
        raise InputError(f"compare: {len(folders)} folders; name two at least")
    places = [folder.resolve() for folder in folders]
    for folder, place in zip(folders, places, strict=True):
        if places.count(place) > 1:
            raise InputError(f"compare: {folder} is listed twice; list it once")
    short = [place.name for place in places]
    names = [name if short.count(name) == 1 else str(folder) for name, folder in zip(short, folders, strict=True)]
    return {name: _read_study(name, folder) for name, folder in zip(names, folders, strict=True)}


def _read_study(name: str, folder: Path) -> Study:
    path = folder / "configuration.json"
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; correct the path in compare")
    try:
        content = json.loads(path.read_bytes())
        configuration, design = content["configuration"], Design.from_dict(content["design"])
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); finish the study of this folder") from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: no configuration ({error!r}); delete it and run its study again") from None
    tables = {table: parquet.read(folder / "tables" / f"{table}.parquet") for table in TABLES}
    cards = {model: read_card(folder / "models" / design.find_source(model) / "card.json") for model in design.models}
    return Study(name, configuration, design, tables, cards)
