"""The configuration: every key with its type, range, default and meaning, a module a section.

These modules, and the sections that attacks and families bring, are the one source: ``python -m study.document`` makes
``workflow/schemas/config.schema.json`` and the tables in ``config/README.md`` from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from study.config.errors import ConfigError, explain
from study.config.extensions import read_sections
from study.config.study import Study

__all__ = ["ConfigError", "Study", "read"]


def read(config: Any) -> Study:
    """Make sense of a configuration as Snakemake hands it over.

    Raises:
        ConfigError: one line that names the key and says what is allowed.
    """
    try:
        return Study.model_validate(_with_sections(config) if isinstance(config, Mapping) else config)
    except ValidationError as error:
        raise ConfigError(explain(error)) from None


def _with_sections(config: Mapping[Any, Any]) -> dict[Any, Any]:
    """The configuration with the sections of attacks and families read; the default family has one in any case."""
    families = config.get("families", {})
    default = config.get("family", Study.model_fields["family"].default)
    if isinstance(families, Mapping) and isinstance(default, str):
        families = {default: {}, **families}
    found = {**config, "families": read_sections("families", "recogniser", families)}
    if "attacks" in config:
        found["attacks"] = read_sections("attacks", "attack", config["attacks"])
    return found
