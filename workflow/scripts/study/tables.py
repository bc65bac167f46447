"""The tables of a study, and what they need to know of its configuration."""

from __future__ import annotations

from typing import Any

from study import designs, names
from study.config import Study
from study.config.extensions import find

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


def list_tables(study: Study) -> list[str]:
    """Every table: one an attack, and those that every study has."""
    return [*(f"phrases-{attack}" for attack in study.attacks), *COMMON]


def describe_design(study: Study) -> dict[str, Any]:
    """What ``asrtransfer.tables.Design.from_dict`` takes."""
    jobs = designs.list_jobs(study)
    return {
        "jobs": [[job.attack, job.surrogate, job.target, job.confidence] for job in jobs],
        "hearings": [[*pair, designs.relate(study, *pair)] for pair in designs.list_hearings(study)],
        "attacks": {name: _describe_attack(study, name) for name in study.attacks},
        "targets": {target: _describe_target(target) for target in dict.fromkeys(job.target for job in jobs)},
        "models": {name: _describe_model(study, name) for name in study.models},
        "surrogates": {name: names.split_surrogate(name) for name in study.attacked},
        "settings": study.statistics.model_dump(),
    }


def _describe_attack(study: Study, name: str) -> dict[str, Any]:
    section = study.attacks[name]
    found = find("attack", name, section.use)
    return {
        "label": found.class_.label,
        "threshold": section.threshold,
        "phrases": {names.slug(text): text for text in section.phrases},
        "published": found.published,
    }


def _describe_target(target: str) -> dict[str, Any]:
    rank = names.find_rank(target)
    return {"kind": "phrase" if rank is None else "near", "rank": rank}


def _describe_model(study: Study, name: str) -> dict[str, Any]:
    model = study.parsed(name)
    return {"family": model.family, "base": model.base, "seed": model.seed, "arm": model.arm}
