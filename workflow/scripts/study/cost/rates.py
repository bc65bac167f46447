"""How fast a machine works: what the plan and the resources of jobs are computed from.

``config/rates.json`` holds the rates that ship with the repository. ``<results>/rates.json``, where there is one, is
laid over it, key by key: what was measured on the machine that the study runs on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from study.config.errors import ConfigError

Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Part(BaseModel):
    """Some rates; ``source`` says of each whether it was measured, computed or assumed, and where."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str


class Device(Part):
    """What the network does on a device, in one job.

    Attributes:
        multiplications: that a second of audio takes in the network that the rates are of; for another network they
            are converted by its own.
        training: seconds of audio trained on a second: forward, backward and step, each epoch counted.
        attack: seconds of audio times iterations a second: forward, gradient, step and test.
        listening: seconds of audio through the network a second, without decoding.
    """

    multiplications: Rate
    training: Rate
    attack: Rate
    listening: Rate


class Rates(Part):
    """All rates.

    Attributes:
        cpu: jobs on the CPU, with the study's number of threads.
        cuda: jobs on a GPU.
        decoding: seconds of audio decoded a second, by one thread.
        synthesis: seconds of audio spoken a second, for a synthetic corpus.
        download: megabytes a second, for a corpus that is downloaded.
        tables: hearings counted a second, by the rules that make tables and report.
        start: seconds in which a job starts, ends and does nothing else.
        queue: seconds that a job takes on a cluster beyond its work, until its end has been noticed.
    """

    cpu: Device
    cuda: Device
    decoding: Rate
    synthesis: Rate
    download: Rate
    tables: Rate
    start: float = Field(ge=0, allow_inf_nan=False)
    queue: float = Field(ge=0, allow_inf_nan=False)


def read(paths: Iterable[Path]) -> Rates:
    """Read rates; of several files the later are laid over the earlier, and those that are missing left out.

    Raises:
        ConfigError: one line that names the files and what is wrong.
    """
    found: dict[str, Any] = {}
    files = [path for path in paths if path.exists()]
    names = ", ".join(map(str, files))
    try:
        for path in files:
            found = _laid_over(found, json.loads(path.read_text()))
        return Rates.model_validate(found)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        key = ".".join(map(str, problem["loc"]))
        raise ConfigError(f"{names}: {key}: {problem['msg'].lower()}; see study/cost/rates.py for the keys") from None
    except (OSError, ValueError, AttributeError) as error:
        raise ConfigError(f"{names}: cannot be read ({error}); mend or delete it") from None


def _laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(below.get(key), dict)
        merged[key] = _laid_over(below[key], value) if both else value
    return merged
