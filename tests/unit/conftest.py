"""A recogniser trained on tones, so that everything can be tried on a real model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
import toys

from asrtransfer import quick
from asrtransfer.recognisers.deepspeech import DeepSpeech
from asrtransfer.speech.utterances import Speech


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)


@pytest.fixture
def put_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Mapping[str, str]], None]:
    """Play programs by shell scripts, by name, which are found before all others."""

    def put(scripts: Mapping[str, str]) -> None:
        for name, text in scripts.items():
            (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
            (tmp_path / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    return put


@pytest.fixture(scope="session")
def train_split(tmp_path_factory: pytest.TempPathFactory) -> Speech:
    return toys.tones(tmp_path_factory.mktemp("train"), 96, seed=1)


@pytest.fixture(scope="session")
def dev_split(tmp_path_factory: pytest.TempPathFactory) -> Speech:
    return toys.tones(tmp_path_factory.mktemp("dev"), 24, seed=2)


@pytest.fixture(scope="session")
def toy(train_split: Speech, dev_split: Speech, tmp_path_factory: pytest.TempPathFactory) -> DeepSpeech:
    """A recogniser that gets the tones right; its network is ``toy.network``."""
    return toys.trained(train_split, dev_split, tmp_path_factory.mktemp("toy") / "checkpoint.safetensors")


@pytest.fixture(scope="session")
def other_toy(train_split: Speech, dev_split: Speech, tmp_path_factory: pytest.TempPathFactory) -> DeepSpeech:
    """A recogniser of another seed."""
    return toys.trained(train_split, dev_split, tmp_path_factory.mktemp("other") / "checkpoint.safetensors", seed=2)


@pytest.fixture(scope="session")
def clips(dev_split: Speech, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of audio files of two kinds, one in a folder of its own, and a file that is none."""
    folder = tmp_path_factory.mktemp("clips")
    (folder / "more").mkdir()
    for number, name in enumerate(("b.wav", "a.flac", "more/c.wav")):
        quick.write_audio(folder / name, dev_split.samples(number))
    (folder / "readme.txt").touch()
    return folder
