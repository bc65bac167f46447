"""Channels: what they do to audio, measured on it; and that audio alone decides what comes out."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from asrtransfer.channels.carry import carry, draw_room
from asrtransfer.channels.section import ChannelSection

RATE = 16_000
Audio = NDArray[np.int16]
EVERY = {
    "gain": {"gain": -6},
    "room": {"reverberation": 0.3},
    "noise": {"snr": 20},
    "telephone": {"telephone": True},
    "mp3": {"codec": "mp3", "bitrate": 32},
    "opus": {"codec": "opus", "bitrate": 24},
    "all": {"gain": 3, "reverberation": 0.2, "snr": 30, "telephone": True, "codec": "opus"},
}


def tone(hertz: float, seconds: float = 1.0, peak: float = 8000) -> Audio:
    time = np.arange(int(seconds * RATE)) / RATE
    return np.rint(peak * np.sin(2 * np.pi * hertz * time)).astype(np.int16)


def noise(samples: int, deviation: float = 2000, seed: int = 1) -> Audio:
    return np.rint(np.random.default_rng(seed).normal(0, deviation, samples)).astype(np.int16)


def level(audio: NDArray[np.generic]) -> float:
    """Power in dB."""
    return float(10 * np.log10(np.square(audio.astype(float)).mean()))


@pytest.mark.parametrize("samples", [1, 400, 1001, 16_000])
@pytest.mark.parametrize("name", EVERY)
def test_what_arrives_is_as_long_and_the_same_each_time(name: str, samples: int) -> None:
    sent = noise(samples)
    arrived = carry(EVERY[name], sent)
    assert (arrived.dtype, arrived.shape) == (np.int16, sent.shape)
    assert np.array_equal(arrived, carry(EVERY[name], sent))


@pytest.mark.parametrize("name", EVERY)
def test_silence_stays_near_silence(name: str) -> None:
    assert np.abs(carry(EVERY[name], np.zeros(8000, np.int16)).astype(int)).max() <= 64


def test_an_empty_channel_changes_nothing() -> None:
    sent = noise(5000, deviation=20_000)
    assert np.array_equal(carry({}, sent), sent)


def test_a_gain_is_in_decibels_and_clips() -> None:
    sent = tone(440)
    assert level(carry({"gain": -12}, sent)) == pytest.approx(level(sent) - 12, abs=0.01)
    assert carry({"gain": 20}, sent).max() == 32767
    assert carry({"gain": 20}, sent).min() == -32768


@pytest.mark.parametrize("snr", [0, 20, 40])
def test_noise_has_its_ratio(snr: float) -> None:
    sent = tone(300, seconds=4)
    added = carry({"snr": snr}, sent).astype(float) - sent
    assert level(sent) - level(added) == pytest.approx(snr, abs=0.2)


def test_noise_and_room_are_drawn_from_the_seed_and_noise_from_the_audio() -> None:
    sent, other = tone(300), tone(301)
    for keys in ({"snr": 10}, {"reverberation": 0.3}):
        assert not np.array_equal(carry(keys, sent), carry(keys | {"seed": 1}, sent))
    first, second = (carry({"snr": 10}, audio).astype(float) - audio for audio in (sent, other))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.05


@pytest.mark.parametrize("seconds", [0.2, 0.8])
def test_a_room_decays_by_60_db_in_its_time_and_is_half_direct(seconds: float) -> None:
    response = draw_room(seconds, seed=3)
    energy = np.square(response)
    assert energy.sum() == pytest.approx(1)
    assert energy[0] == pytest.approx(0.5)
    # Schroeder's backward integral of the tail, over the first half of the decay, where little is cut off.
    left = 10 * np.log10(np.cumsum(energy[:0:-1])[::-1])
    half = int(seconds / 2 * RATE)
    assert left[0] - left[half] == pytest.approx(30, abs=1.5)


def test_a_room_leaves_the_loudness() -> None:
    sent = noise(4 * RATE)
    assert level(carry({"reverberation": 0.3}, sent)) == pytest.approx(level(sent), abs=0.5)


def test_a_telephone_passes_its_band() -> None:
    def change(hertz: float) -> float:
        sent = tone(hertz)
        return level(carry({"telephone": True}, sent)[4000:-4000]) - level(sent)

    assert abs(change(1000)) < 1
    assert change(100) < -15
    assert change(5000) < -40


@pytest.mark.parametrize("codec", ["mp3", "opus"])
def test_a_codec_keeps_time_and_costs_more_at_a_lower_bitrate(codec: str) -> None:
    random = np.random.default_rng(4)
    time = np.arange(2 * RATE) / RATE
    envelope = np.square(np.sin(2 * np.pi * 2 * time))
    sent = np.rint(envelope * (4000 * np.sin(2 * np.pi * 400 * time) + random.normal(0, 800, len(time))))
    audio = sent.astype(np.int16)
    errors = []
    for bitrate in (64, 16):
        arrived = carry({"codec": codec, "bitrate": bitrate}, audio).astype(float)
        lags = np.correlate(arrived[8000:16_000], sent[7800:16_200], "valid")
        assert abs(int(lags.argmax()) - 200) <= 1
        errors.append(level(arrived - sent))
    assert errors[0] < errors[1] < level(sent)


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"codec": "aac"}, "codec"),
        ({"bitrate": 500}, "bitrate"),
        ({"reverberation": 0}, "reverberation"),
        ({"snr": float("nan")}, "snr"),
        ({"loudness": 1}, "loudness"),
    ],
)
def test_keys_are_checked(keys: dict[str, object], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        ChannelSection.model_validate(keys)
