"""Real speech: the shortest utterances of LibriSpeech that are beside the repository."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

FOLDER = Path(__file__).resolve().parents[3] / "shared/data/librispeech/LibriSpeech"


class Clip(NamedTuple):
    """An utterance: int16 (samples,), 16 kHz, and what is said in it, in lower case."""

    audio: np.ndarray
    text: str


def read_clips(count: int) -> list[Clip]:
    """The shortest utterances, the shortest first."""
    found = []
    for listed in FOLDER.rglob("*.trans.txt"):
        for line in listed.read_text().splitlines():
            name, _, text = line.partition(" ")
            path = listed.with_name(f"{name}.flac")
            found.append((soundfile.info(path).frames, str(path), text.lower()))
    return [Clip(soundfile.read(path, dtype="int16")[0], text) for _, path, text in sorted(found)[:count]]
