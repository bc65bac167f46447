"""The tables of a study, and what they need to know of its configuration."""

from __future__ import annotations

from typing import Any

from study import grid
from study.config import Study, slug

COMMON = (
    "checks",
    "near-targets",
    "arms",
    "transfers",
    "controls",
    "attack-success",
    "failures",
    "confidence-definitions",
    "models",
    "paired",
    "claims",
    "columns",
)


def names(study: Study) -> list[str]:
    """Every table: one an attack, and those that every study has."""
    return [*study.configured, *COMMON]


def design(study: Study) -> dict[str, Any]:
    """What ``asrtransfer.tables.Design.from_dict`` takes."""
    return {
        "jobs": [[job.attack, job.surrogate, job.target, job.confidence] for job in grid.jobs(study)],
        "hearings": [[*pair, grid.arm(*pair)] for pair in grid.hearings(study)],
        "phrases": {name: {slug(text): text for text in attack.phrases} for name, attack in study.configured.items()},
        "thresholds": {name: attack.threshold for name, attack in study.configured.items()},
        "models": list(study.models),
        "settings": study.statistics.model_dump(),
    }
