"""Reading audio files of users, and writing byte-identical FLAC."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asrtransfer.files.errors import InputError
from asrtransfer.speech import audio

LIMIT = audio.Limit(600.0, "raise the limit")


@pytest.fixture
def tone() -> audio.Samples:
    rng = np.random.default_rng(0)
    return (6000 * np.sin(np.arange(8000) / 9) + rng.normal(0, 50, 8000)).astype(np.int16)


def test_extremes_survive_flac_bit_for_bit() -> None:
    samples = np.array([-32768, 32767, 0, -1, 1] * 100, np.int16)
    assert np.array_equal(audio.decode_flac(audio.encode_flac(samples)), samples)


def test_reading_16_khz_mono_changes_nothing(tmp_path: Path, tone: audio.Samples) -> None:
    soundfile.write(tmp_path / "a.wav", tone, 16_000, subtype="PCM_16")
    read = audio.read(tmp_path / "a.wav", LIMIT)
    assert read.dtype == np.int16
    assert np.array_equal(read, tone)


def test_channels_are_averaged(tmp_path: Path) -> None:
    stereo = np.stack([np.full(100, 1000), np.full(100, -400)], axis=1).astype(np.int16)
    soundfile.write(tmp_path / "a.flac", stereo, 16_000)
    assert set(audio.read(tmp_path / "a.flac", LIMIT)) == {300}


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100])
def test_other_rates_keep_pitch_level_and_length(tmp_path: Path, rate: int) -> None:
    seconds = np.arange(rate) / rate
    soundfile.write(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * 440 * seconds), rate, subtype="FLOAT")
    samples = audio.read(tmp_path / "a.wav", LIMIT)
    expected = 16384 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    assert len(samples) == 16_000
    assert np.abs(samples - expected)[200:-200].max() < 150


def test_ten_minutes_of_8_bits_in_stereo(tmp_path: Path) -> None:
    second = np.linspace(-1, 1, 8000)
    soundfile.write(tmp_path / "a.wav", np.tile(np.stack([second, second], axis=1), (600, 1)), 8000, subtype="PCM_U8")
    samples = audio.read(tmp_path / "a.wav", LIMIT)
    assert len(samples) == 600 * 16_000
    # Every second is the same, except at its ends, within the precision of 256 levels.
    seconds = samples.reshape(600, 16_000)[:, 500:-500].astype(int)
    expected = np.repeat(second, 2)[500:-500] * 32768
    assert np.abs(seconds - expected).max() < 2 * 256


def test_one_sample(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.array([0.5]), 16_000, subtype="PCM_16")
    assert audio.read(tmp_path / "a.wav", LIMIT).tolist() == [16384]


@pytest.mark.parametrize(("claimed", "read"), [(1000, 500), (10**6, None), (0xFFFFFFFF, None)])
def test_a_header_that_lies_about_its_length(
    tmp_path: Path, tone: audio.Samples, claimed: int, read: int | None
) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone, 16_000, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = claimed.to_bytes(4, "little")
    path.write_bytes(content)
    if read is None:
        with pytest.raises(InputError, match=r"a\.wav: truncated"):
            audio.read(path, LIMIT)
    else:
        # Other chunks may follow the sound, so bytes beyond the claimed length are not sound.
        assert np.array_equal(audio.read(path, LIMIT), tone[:read])


def test_louder_than_full_scale_is_clipped(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.array([2.0, -2.0, 0.25]), 16_000, subtype="FLOAT")
    assert audio.read(tmp_path / "a.wav", LIMIT).tolist() == [32767, -32768, 8192]


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.wav: no such audio file"):
        audio.read(tmp_path / "gone.wav", LIMIT)


def test_not_audio(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("hello")
    with pytest.raises(InputError, match=r"a\.wav: not readable") as caught:
        audio.read(tmp_path / "a.wav", LIMIT)
    assert "\n" not in str(caught.value)


def test_empty_audio(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(0, np.int16), 16_000)
    with pytest.raises(InputError, match=r"a\.wav: holds no samples"):
        audio.read(tmp_path / "a.wav", LIMIT)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_no_numbers(tmp_path: Path, value: float) -> None:
    soundfile.write(tmp_path / "a.wav", np.array([0.0, value, 0.0]), 16_000, subtype="FLOAT")
    with pytest.raises(InputError, match=r"a\.wav: holds NaN or infinite"):
        audio.read(tmp_path / "a.wav", LIMIT)


@pytest.mark.parametrize("name", ["a.wav", "a.aiff", "a.au", "a.flac", "a.ogg", "a.mp3"])
def test_truncated_file(tmp_path: Path, tone: audio.Samples, name: str) -> None:
    path = tmp_path / name
    soundfile.write(path, np.tile(tone, 4), 16_000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=rf"{name}: (truncated|not readable|holds no samples)"):
        audio.read(path, LIMIT)


def test_flac_is_the_same_bytes_again(tone: audio.Samples) -> None:
    assert audio.encode_flac(tone) == audio.encode_flac(tone.copy())


@pytest.mark.parametrize("wrong", [np.zeros(4), np.zeros((2, 2), np.int16)])
def test_flac_takes_mono_int16_only(wrong: audio.Samples) -> None:
    with pytest.raises(TypeError, match="int16"):
        audio.encode_flac(wrong)


def test_stored_audio_of_another_kind_is_refused(tmp_path: Path, tone: audio.Samples) -> None:
    soundfile.write(tmp_path / "a.flac", tone, 8000)
    with pytest.raises(InputError, match="8000"):
        audio.decode_flac((tmp_path / "a.flac").read_bytes())
    with pytest.raises(InputError, match="not readable"):
        audio.decode_flac(b"fLaC and nothing else")


def test_failed_write_leaves_the_old_file(tmp_path: Path, tone: audio.Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.flac"
    audio.write_flac(path, tone)

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        audio.write_flac(path, tone[:10])
    assert np.array_equal(audio.read(path, LIMIT), tone)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.flac"]
