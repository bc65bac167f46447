"""Configurations as a study reads them: files laid over config/config.yaml, and keys over these."""

from __future__ import annotations

from pathlib import Path

import yaml
from snakemake.utils import update_config

from study import config

CONFIG = Path(__file__).resolve().parents[1] / "config"


def read_study(*files: str | Path, **changes: object) -> config.Study:
    """The study of config/config.yaml with files, of config/ by name or anywhere, and keys laid over it in turn."""
    content: dict[str, object] = {}
    for file in ("config.yaml", *files):
        update_config(content, yaml.safe_load((CONFIG / file).read_text()))
    update_config(content, changes)
    return config.read(content)
