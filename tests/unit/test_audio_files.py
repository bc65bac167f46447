"""Arbitrary files as recordings: each is read correctly or refused by name and reason, in bounded memory and time."""

from __future__ import annotations

import re
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile
import torch
import torchaudio.functional
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from limited import Worker

from asrtransfer.files.errors import InputError
from asrtransfer.speech import audio, resampling

LIMIT = audio.Limit(600.0, "raise the limit")
REASONS = (
    r"not readable as audio \(.*\); replace the file",
    r"its header says -?\d+ Hz, outside 1000\.\.768000 Hz; replace the file",
    r"its header says \d+ channels, more than 64; replace the file",
    r"holds [0-9.e+]+ s of audio, more than the limit of 600 s; raise the limit",
    r"truncated, its header promises more audio than it holds; replace the file",
    r"holds NaN or infinite samples; replace the file",
    r"holds no samples; remove or replace the file",
    r"raw audio without a header; convert it to WAV or FLAC",
)


class Recipe(NamedTuple):
    """A file: sound in a container, or raw bytes, and what is then written over it or cut off."""

    ending: str
    subtype: str
    rate: int
    channels: int
    frames: int
    changes: list[tuple[float | int, bytes]]
    kept: float

    def sound(self) -> np.ndarray:
        rng = np.random.default_rng([self.frames, self.channels])
        return rng.integers(-32768, 32768, (self.frames, self.channels)).astype(np.int16)

    def write(self, folder: Path) -> Path:
        path = folder / f"a.{self.ending}"
        if self.subtype:
            container = {"wav": "WAV", "flac": "FLAC", "ogg": "OGG", "aiff": "AIFF"}[self.ending]
            soundfile.write(path, self.sound(), self.rate, format=container, subtype=self.subtype)
            content = bytearray(path.read_bytes())
        else:
            content = bytearray(self.sound().tobytes())
        for place, change in self.changes:
            start = place if isinstance(place, int) else int(place * len(content))
            content[start : start + len(change)] = change
        path.write_bytes(content[: int(len(content) * self.kept)])
        return path


CONTAINERS = [
    *(("wav", subtype) for subtype in ("PCM_16", "PCM_16", "PCM_U8", "PCM_24", "FLOAT", "ULAW", "IMA_ADPCM")),
    *(("flac", subtype) for subtype in ("PCM_16", "PCM_24")),
    *(("ogg", subtype) for subtype in ("VORBIS", "OPUS")),
    *(("aiff", subtype) for subtype in ("PCM_16", "FLOAT")),
]
RAW = [(ending, "") for ending in ("wav", "flac", "ogg", "aiff", "mp3", "raw", "")]
NUMBERS = [
    number.to_bytes(4, order)
    for number in (0, 1, 999, 1000, 44_101, 768_000, 767_999, 2**31 - 1, 2**31, 2**32 - 1)
    for order in ("little", "big")
]
# Where the headers of WAV (size, format, channels, rate, bits, length), FLAC and AIFF have their numbers.
FIELDS = [4, 16, 20, 22, 24, 28, 32, 34, 40, 8, 10, 12, 14, 18, 20, 21, 26]
CHANGES = st.one_of(
    st.tuples(st.floats(0.3, 1, exclude_max=True), st.binary(min_size=1, max_size=12)),
    st.tuples(st.sampled_from(FIELDS), st.one_of(st.sampled_from(NUMBERS), st.binary(min_size=1, max_size=4))),
    st.tuples(st.integers(0, 80), st.binary(min_size=1, max_size=2)),
)
RECIPES = st.builds(
    lambda kind, *others: Recipe(*kind, *others),
    # Nine of ten are in a container, and of those most can still be opened.
    st.integers(0, 9).flatmap(lambda number: st.sampled_from(CONTAINERS if number else RAW)),
    st.sampled_from([8000, 12_000, 16_000, 24_000, 48_000]),
    st.integers(1, 2),
    st.one_of(st.integers(1, 3000), st.integers(0, 10)),
    st.one_of(st.lists(CHANGES, max_size=1), st.lists(CHANGES, max_size=3)),
    st.integers(0, 4).flatmap(lambda number: st.just(1.0) if number else st.floats(0, 1)),
)


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    worker = Worker(lambda path: audio.read(path, LIMIT))
    yield worker
    worker.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


def converted(sound: np.ndarray, rate: int) -> np.ndarray:
    """Sound with full scale 1, (frames, channels), by one call of torchaudio for the whole."""
    mono = torch.from_numpy(sound.astype(np.float64).mean(axis=1))
    resampled = mono if rate == 16_000 else torchaudio.functional.resample(mono, rate, 16_000)
    return np.clip(np.rint(resampled.numpy() * 32768), -32768, 32767).astype(np.int16)


def wave_sound(path: Path) -> tuple[np.ndarray, int] | None:
    """The sound of a WAV file and its rate by Python's own reader, where that can read it."""
    try:
        with wave.open(str(path)) as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            frames = file.getnframes()
            data = file.readframes(frames)
    except (wave.Error, EOFError):
        return None
    # Where the sizes of the file and of its data chunk contradict each other, this reader stops at the first.
    if width not in (1, 2) or not data or len(data) != frames * width * channels:
        return None
    sound = np.frombuffer(data, "<i2") / 32768 if width == 2 else (np.frombuffer(data, np.uint8) - 128.0) / 128
    return sound.reshape(-1, channels), rate


def check(recipe: Recipe, folder: Path, worker: Worker) -> None:
    path = recipe.write(folder)
    found = worker.read(path)
    whole = not recipe.changes and recipe.kept == 1
    if isinstance(found, str):
        assert "\n" not in found
        assert any(re.fullmatch(f"{re.escape(str(path))}: {reason}", found) for reason in REASONS), found
        assert not (whole and recipe.subtype and recipe.frames), found
        return
    assert found.dtype == np.int16
    assert 0 < len(found) <= 600 * 16_000
    if whole and recipe.subtype == "PCM_16":
        assert np.array_equal(found, converted(recipe.sound() / 32768, recipe.rate))
    elif whole and recipe.subtype:
        assert np.array_equal(found, converted(*soundfile.read(path, always_2d=True)))
    elif recipe.ending == "wav" and (sound := wave_sound(path)) is not None:
        samples, rate = sound
        assert len(found) == -(-len(samples) * 16_000 // rate)
        # One call of torchaudio would take up to 98 GB at other rates.
        if rate % 100 == 0 or 16_000 % rate == 0:
            assert np.array_equal(found, converted(samples, rate))


@settings(max_examples=600, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(recipe=RECIPES)
@example(recipe=Recipe("wav", "PCM_16", 16_000, 1, 3000, [(24, (2**31 - 1).to_bytes(4, "little"))], 1.0))
@example(recipe=Recipe("wav", "PCM_16", 16_000, 1, 3000, [(24, (767_999).to_bytes(4, "little"))], 1.0))
def test_a_file_is_read_or_refused_by_name_and_reason(recipe: Recipe, folder: Path, worker: Worker) -> None:
    check(recipe, folder, worker)


@pytest.mark.slow
@settings(max_examples=6000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(recipe=RECIPES)
def test_thousands_of_files_are_read_or_refused(recipe: Recipe, folder: Path, worker: Worker) -> None:
    check(recipe, folder, worker)


def write_wav_header(path: Path, rate: int, seconds: float) -> None:
    """A well-formed 16-bit WAV file of silence that takes no room on the disk."""
    size = int(seconds * rate) * 2
    head = [b"RIFF", (size + 36).to_bytes(4, "little"), b"WAVEfmt ", (16).to_bytes(4, "little"), b"\x01\0\x01\0"]
    head += [
        rate.to_bytes(4, "little"),
        (2 * rate).to_bytes(4, "little"),
        b"\x02\0\x10\0data",
        size.to_bytes(4, "little"),
    ]
    with path.open("wb") as file:
        file.write(b"".join(head))
        file.truncate(44 + size)


def test_a_recording_of_a_day_is_refused_unread(folder: Path, worker: Worker) -> None:
    path = folder / "day.wav"
    write_wav_header(path, 16_000, 26 * 3600)
    assert worker.read(path) == f"{path}: holds 93600 s of audio, more than the limit of 600 s; raise the limit"


@pytest.mark.parametrize("rate", [8000, 16_000, 48_000])
def test_the_longest_recording_fits_into_memory(folder: Path, worker: Worker, rate: int) -> None:
    path = folder / "long.wav"
    write_wav_header(path, rate, 600)
    found = worker.read(path)
    assert len(found) == 600 * 16_000


def test_frames_that_only_the_header_has_take_no_memory(folder: Path, worker: Worker) -> None:
    path = folder / "a.flac"
    soundfile.write(path, np.ones(5000, np.int16), 16_000)
    content = bytearray(path.read_bytes())
    place = 18
    fields = int.from_bytes(content[place : place + 8])
    promised = fields >> 36 << 36 | 2**36 - 1
    path.write_bytes(content[:place] + promised.to_bytes(8) + content[place + 8 :])
    assert re.search("holds 4.29497e.06 s of audio, more than", str(worker.read(path)))
    with pytest.raises(InputError, match="more than the limit of 120 s; replace the file"):
        audio.read_flac(path, None)
    # Of a FLAC file from a pipe, the header does not know the length.
    unknown = fields >> 36 << 36
    path.write_bytes(content[:place] + unknown.to_bytes(8) + content[place + 8 :])
    assert np.array_equal(worker.read(path), np.ones(5000))


def test_a_length_that_no_header_tells_is_limited(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, np.ones(50_000, np.int16), 16_000)
    content = bytearray(path.read_bytes())
    content[21:26] = bytes([content[21] & 0xF0, 0, 0, 0, 0])
    path.write_bytes(content)
    with pytest.raises(InputError, match="more than the limit of 2 s; cut it"):
        audio.read(path, audio.Limit(2.0, "cut it"))


@pytest.mark.parametrize(("name", "subtype"), [("a.mp3", None), ("a.ogg", None), ("a.ogg", "OPUS"), ("a.wav", "FLOAT")])
@pytest.mark.parametrize("block", [1000, 4096])
def test_blocks_change_no_sample(
    tmp_path: Path, name: str, subtype: str | None, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = np.random.default_rng(1).normal(0, 0.1, (20_000, 2))
    soundfile.write(tmp_path / name, sound, 48_000, subtype=subtype)
    expected = converted(soundfile.read(tmp_path / name, always_2d=True)[0], 48_000)
    monkeypatch.setattr(audio, "_BLOCK", block)
    assert np.array_equal(audio.read(tmp_path / name, LIMIT), expected)


def test_a_file_that_cannot_be_sought_is_read(tmp_path: Path) -> None:
    tone = 0.25 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    soundfile.write(tmp_path / "a.wav", tone, 8000, subtype="GSM610")
    found = audio.read(tmp_path / "a.wav", LIMIT)
    # GSM 06.10 in WAV has blocks of 320 samples.
    assert len(found) == 2 * 8320
    assert np.corrcoef(found[1000:15_000], audio.resample(tone, 8000)[1000:15_000])[0, 1] > 0.99


@pytest.mark.parametrize("rate", [1000, 8000, 12_345, 22_050, 44_100, 48_000, 96_000, 768_000])
def test_parts_are_resampled_as_the_whole(rate: int, monkeypatch: pytest.MonkeyPatch) -> None:
    signal = np.random.default_rng(rate).normal(0, 0.2, 60_007)
    whole = audio.resample(signal, rate)
    once = torchaudio.functional.resample(torch.from_numpy(signal), rate, 16_000).numpy()
    assert np.array_equal(whole, once)
    for name in ("_CALL_BYTES", "_DENSE_KERNEL"):
        with monkeypatch.context() as patch:
            patch.setattr(resampling, name, 1 << 17 if name == "_CALL_BYTES" else 0)
            parts = audio.resample(signal, rate)
        assert len(parts) == len(whole)
        assert np.abs(parts - whole).max() < (1e-15 if name == "_CALL_BYTES" else 1e-12)
        assert np.array_equal(audio.to_int16(parts * 32768), audio.to_int16(whole * 32768))
