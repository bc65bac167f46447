"""A study of DeepSpeech, Whisper and PocketSphinx on real speech, in a copy of the repository.

DeepSpeech learns the clips by heart: its test split holds them a second time under other names. Whisper tiny.en is
attacked as transformers runs it, and hears as faster-whisper runs it as well. PocketSphinx hears.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import soundfile
import yaml
from clips import Clip
from copies import LAB, Repository

LAID = f"{LAB}/real.yaml"
RESULTS = "results-real"
MODELS = ["seed-1", "tiny", "tiny-faster", "sphinx"]


def describe(model: Path, converted: Path, attacks: dict[str, Any], utterances: int) -> dict[str, Any]:
    """The configuration: ``model`` is the folder that faster-whisper reads, ``converted`` that of transformers."""
    return {
        "results": RESULTS,
        "corpus": {"kind": "manifest", "manifest": {"path": f"{LAB}/clips.csv", "disjoint_speakers": False}},
        "models": MODELS,
        "surrogates": ["seed-1", "tiny"],
        "families": {
            "deepspeech": {
                "network": {"units": 128, "dropout": 0.0},
                "training": {
                    "epochs": 130,
                    "batch": 4,
                    "learning_rate": 0.002,
                    "order": "shuffled",
                    "schedule": "cosine",
                    "clip": 20,
                },
            },
            "tiny": {"use": "whisper", "model": str(converted), "beam": 5},
            "tiny-faster": {"use": "fasterwhisper", "folder": str(model), "beam": 5},
            "sphinx": {"use": "pocketsphinx"},
        },
        "selection": {"utterances": utterances},
        "attacks": attacks,
    }


def lay(copy: Repository, clips: Sequence[Clip], content: dict[str, Any]) -> None:
    """Write clips, their manifest and the configuration into a copy."""
    folder = copy.path / LAB
    (folder / "clips").mkdir(parents=True)
    rows = []
    for number, clip in enumerate(clips):
        # The dev split only says when training has learnt nothing.
        for split in ("train", "test", "dev") if number < 3 else ("train", "test"):
            path = f"clips/{split}-{number}.flac"
            soundfile.write(folder / path, clip.audio, 16000)
            rows.append((path, clip.text, f"reader-{number}", split))
    pd.DataFrame(rows, columns=["path", "text", "speaker", "split"]).to_csv(folder / "clips.csv", index=False)
    (copy.path / LAID).write_text(yaml.safe_dump(content))
