"""A smoke study that holds every feature: an ensemble, a rung, a channel, families of others, files of the user's."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import tiny_models
import yaml
from copies import EXTENDED, LAB, SMOKE, Repository, add_extensions

EVERYTHING = f"{LAB}/everything.yaml"
CONFIGURATIONS = (SMOKE, EXTENDED, EVERYTHING)
MODELS = (
    *("seed-1", "seed-2", "seed-1.tuned-2", "seed-1@phone", "window.seed-1"),
    *("loudness", "wav2vec", "whisper", "sphinx", "program"),
)
WORDS = ("the", "my", "a", "door", "lights", "music", "call", "turn", "open", "play", "on", "off", "and", "please")
"""What PocketSphinx knows."""


def describe_window(repository: Path) -> dict[str, Any]:
    """A family as the smoke study's, whose memory is a window."""
    family = yaml.safe_load((repository / SMOKE).read_text())["families"]["deepspeech"]
    return {**family, "use": "deepspeech", "network": {**family["network"], "recurrence": "window"}}


def describe(folder: Path) -> dict[str, Any]:
    """The configuration that is laid over the extended study's, and in a folder the models that it names."""
    tiny_models.make_ctc(folder / "wav2vec")
    tiny_models.make_whisper(folder / "whisper")
    tiny_models.make_program(folder)
    knows = tiny_models.make_pocketsphinx(folder, WORDS)
    program = f"{LAB}/program.py"
    return {
        "models": list(MODELS),
        "surrogates": ["seed-1", ["seed-1", "seed-2"]],
        "design": "balanced",
        "channels": {"phone": {"telephone": True}},
        "families": {
            "window": describe_window(folder.parent),
            "wav2vec": {"use": "transformers", "model": f"{LAB}/wav2vec"},
            "whisper": {"model": f"{LAB}/whisper", "beam": 1},
            "sphinx": {"use": "pocketsphinx", **{key: f"{LAB}/{Path(path).name}" for key, path in knows.items()}},
            "program": {"use": "command", "command": f"{sys.executable} {program}", "reads": [program]},
        },
        "selection": {"utterances": 4},
        "attacks": {
            "cw": {"ranks": [], "words": [1], "judge": "seed-1.tuned-2"},
            "pgd": {"views": {"count": 2, "noise": 20}, "momentum": {}},
            "mix": {"phrases": ["go"], "iterations": 1, "threshold": None, "confidences": {"loud": {"snr": -10}}},
        },
    }


def add_everything(repository: Repository) -> None:
    """Save the user's files of docs/extending.md, small models in the forms of others, and what names them all."""
    add_extensions(repository.path)
    (repository.path / EVERYTHING).write_text(yaml.safe_dump(describe(repository.path / LAB)))
