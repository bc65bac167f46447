"""A recogniser trained in seconds: letters are tones, so that everything can be tried on a real model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from asrtransfer.recognisers.deepspeech import DeepSpeech, training
from asrtransfer.recognisers.deepspeech.network import Network
from asrtransfer.speech.audio import write_flac
from asrtransfer.speech.utterances import Speech

TONES = {"a": 400.0, "b": 800.0, "c": 1500.0, "d": 2600.0}
LETTER_SECONDS = 0.12
# Every seed learns within half of these epochs: processors round differently, and one that learns late fails elsewhere.
RECIPE = training.Recipe(epochs=40, batch=8, learning_rate=3e-3, order="shuffled", schedule="cosine", clip=10.0)


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


def trained(train: Speech, dev: Speech, checkpoint: Path, seed: int = 1, nudge: int = 0) -> DeepSpeech:
    """A recogniser trained on tones."""
    network = Network(64, dropout=0.05)
    network.initialise(seed)
    if nudge:
        network.nudge(nudge)
    return DeepSpeech(learn(network, train, dev, checkpoint, seed))


def learn(network: Network, train: Speech, dev: Speech, checkpoint: Path, seed: int = 1) -> Network:
    """Train a network, and make it ready to hear."""
    training.train(
        network, train, dev, RECIPE, seed=seed, checkpoint=checkpoint, identity="toy", report=lambda epoch: None
    )
    return network.requires_grad_(False).eval()


class RowByRow(DeepSpeech):
    """Computes each row alone: matrix products of other sizes round differently, on some processors more than others.

    So what differs between batches is the attack's doing.
    """

    def log_probs(self, audio: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        rows = [
            super(RowByRow, self).log_probs(row[None, :length], length[None])[0][0]
            for row, length in zip(audio, lengths, strict=True)
        ]
        counts = torch.tensor([len(row) for row in rows])
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), counts
