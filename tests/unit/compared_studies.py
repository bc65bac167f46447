"""Two fabricated studies with different attacks, arms and families, as finished folders of results."""

from __future__ import annotations

import json
from pathlib import Path

from fabricated import DESCRIBED, Heard, Study, deaf
from fabricated_doses import AudibleDoses, optimum
from fabricated_report import TEMPLATES, AudibleStudy

__all__ = ["TEMPLATES", "write_curves", "write_pair"]


def transferring(heard: Heard) -> list[str]:
    """Every model of another seed hears the phrase, too."""
    return [heard.phrase] if (heard.kind, heard.arm) == ("adversarial", "seed") else deaf(heard)


def write_pair(folder: Path) -> list[Path]:
    """Write a narrow study in which all transfers, and a wide one in which nothing does."""
    narrow = AudibleStudy(folder / "narrow", utterances=3, hears=transferring).write()
    wide = AudibleStudy.wide(folder / "wide", utterances=2).write()  # type: ignore[attr-defined]
    return [_finish(narrow), _finish(wide)]


def write_curves(folder: Path) -> list[Path]:
    """Write a study with an optimum in its dose curve, and one in which nothing transfers at any dose."""
    some = AudibleDoses(folder / "some", hears=optimum)
    none = AudibleDoses(folder / "none", hears=deaf)
    return [_finish(study.write()) for study in (some, none)]


def _finish(study: Study) -> Path:
    """Write what the rule ``tables`` writes beside the tables."""
    design = study.plain_design()
    attacks = sorted({job[0] for job in study.jobs})
    configuration = {
        "models": study.models,
        "selection": {"utterances": study.utterances, "seed": 0},
        "families": {
            name: {"use": None} for name in sorted({str(DESCRIBED[model]["family"]) for model in study.models})
        },
        "attacks": {name: {"phrases": ["open the door"], "iterations": 80} for name in attacks},
        "device": "cpu",
    }
    content = {"configuration": configuration, "design": design}
    (study.folder / "configuration.json").write_text(json.dumps(content))
    return study.folder
