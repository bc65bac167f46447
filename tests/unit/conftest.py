"""A recogniser trained in seconds: letters are tones, so that everything can be tried on a real model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from asrtransfer.recognisers.deepspeech import training
from asrtransfer.recognisers.deepspeech.network import DeepSpeech
from asrtransfer.speech.audio import write_flac
from asrtransfer.speech.utterances import Speech

TONES = {"a": 400.0, "b": 800.0, "c": 1500.0, "d": 2600.0}
LETTER_SECONDS = 0.12


def spoken(text: str, rng: np.random.Generator) -> np.ndarray:
    """A text as tones with small gaps in noise, int16 at 16 kHz; in silence the model would be too sure to attack."""
    time = np.arange(int(LETTER_SECONDS * 16000)) / 16000
    parts = [np.zeros(1600)]
    for letter in text:
        frequency = TONES[letter] * rng.uniform(0.9, 1.1)
        parts += [3000 * np.sin(2 * np.pi * frequency * time) * np.hanning(len(time)), np.zeros(800)]
    signal = np.concatenate([*parts, np.zeros(1600)])
    return np.rint(signal + rng.normal(0, 300, len(signal))).astype(np.int16)


def tones(folder: Path, count: int, seed: int) -> Speech:
    """A split of ``count`` random strings of three to five letters."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(count):
        text = "".join(rng.choice(list(TONES), rng.integers(3, 6)))
        samples = spoken(text, rng)
        write_flac(folder / f"{number}.flac", samples)
        rows.append((f"u{number}", "tone", f"{number}.flac", len(samples) / 16000, text))
    table = pd.DataFrame(rows, columns=["utterance_id", "speaker", "path", "seconds", "text"])
    return Speech(table.sort_values(["seconds", "utterance_id"]), folder)


RECIPE = training.Recipe(epochs=24, batch=8, learning_rate=3e-3, order="shuffled", clip=10.0)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)


@pytest.fixture(scope="session")
def train_split(tmp_path_factory: pytest.TempPathFactory) -> Speech:
    return tones(tmp_path_factory.mktemp("train"), 96, seed=1)


@pytest.fixture(scope="session")
def dev_split(tmp_path_factory: pytest.TempPathFactory) -> Speech:
    return tones(tmp_path_factory.mktemp("dev"), 24, seed=2)


def trained(train: Speech, dev: Speech, checkpoint: Path, seed: int = 1, nudge: int = 0) -> DeepSpeech:
    model = DeepSpeech(64, dropout=0.05)
    model.initialise(seed)
    if nudge:
        model.nudge(nudge)
    training.train(
        model, train, dev, RECIPE, seed=seed, checkpoint=checkpoint, identity="toy", report=lambda epoch: None
    )
    model.requires_grad_(False)
    return model.eval()


@pytest.fixture(scope="session")
def toy(train_split: Speech, dev_split: Speech, tmp_path_factory: pytest.TempPathFactory) -> DeepSpeech:
    """A model that gets the tones right."""
    return trained(train_split, dev_split, tmp_path_factory.mktemp("toy") / "checkpoint.safetensors")
