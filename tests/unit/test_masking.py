"""The masking threshold, against the formulas of Qin et al. (2019) written out bin by bin with Python's own numbers."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from asrtransfer.attacks.samples import audibility
from asrtransfer.speech import masking

BINS = 1025


def bark(place: int) -> float:
    hertz = place * 16000 / 2048
    return 13 * math.atan(0.00076 * hertz) + 3.5 * math.atan((hertz / 7500) ** 2)


def quiet(place: int) -> float:
    if bark(place) < 1:
        return -math.inf
    f = place * 16000 / 2048 / 1000
    return 3.64 * f**-0.8 - 6.5 * math.exp(-0.6 * (f - 3.3) ** 2) + 0.001 * f**4 - 12


def decibels(amount: float) -> float:
    return 10 * math.log10(amount) if amount > 0 else -math.inf


def threshold_of(levels: list[float]) -> list[float]:
    """The threshold of one frame whose levels are on the scale of the threshold in quiet."""
    maskers: list[tuple[int, float]] = []
    for place in range(1, BINS - 1):
        if levels[place] > levels[place - 1] and levels[place] > levels[place + 1]:
            level = decibels(sum(10 ** (levels[near] / 10) for near in (place - 1, place, place + 1)))
            if level > quiet(place):
                maskers.append((place, level))
    kept: list[tuple[int, float]] = []
    for place, level in maskers:
        if kept and bark(place) - bark(kept[-1][0]) < 0.5:
            kept[-1] = max(kept[-1], (place, level), key=lambda masker: masker[1])
        else:
            kept.append((place, level))
    found = []
    for place in range(BINS):
        total = 10 ** (quiet(place) / 10)
        for masker, level in kept:
            dz = bark(place) - bark(masker)
            slope = 27 if dz <= 0 else -27 + 0.37 * max(level - 40, 0)
            total += 10 ** ((level - 6.025 - 0.275 * bark(masker) + slope * dz) / 10)
        found.append(decibels(total))
    return found


def speech_like(samples: int, seed: int) -> NDArray[np.float64]:
    random = np.random.default_rng(seed)
    time = np.arange(samples) / 16000
    tones = sum(3000 / k * np.sin(2 * np.pi * 180 * k * time + random.uniform(0, 6)) for k in range(1, 20))
    return tones * (1 + np.sin(2 * np.pi * 3 * time)) + random.normal(0, 20, samples)


def test_power_is_the_spectrum_of_a_hann_window() -> None:
    signal = speech_like(2048, 1)
    for place in (0, 23, 500, 1024):
        wave = sum(
            sample * (0.5 - 0.5 * math.cos(2 * math.pi * n / 2048)) * cmath.exp(-2j * math.pi * place * n / 2048)
            for n, sample in enumerate(signal)
        )
        assert masking.as_decibels(masking.power(signal))[0, place] == pytest.approx(
            decibels(8 / 3 * abs(wave / 2048) ** 2), abs=1e-6
        )


@pytest.mark.parametrize(("samples", "frames"), [(1, 1), (2048, 1), (2049, 2), (2560, 2), (2561, 3), (28000, 52)])
def test_every_sample_is_in_a_frame(samples: int, frames: int) -> None:
    assert masking.power(np.ones(samples)).shape == (frames, BINS)


def test_the_threshold_follows_its_formulas() -> None:
    signal = speech_like(3000, 2)
    found = masking.find_threshold(signal)
    levels = masking.as_decibels(masking.power(signal))
    assert found.shift == pytest.approx(96 - levels.max())
    for frame in range(len(levels)):
        expected = threshold_of((levels[frame] + found.shift).tolist())
        assert found.levels[frame].tolist() == pytest.approx(expected, abs=1e-6)


def test_a_tone_masks_what_is_near_and_little_below() -> None:
    time = np.arange(2048) / 16000
    found = masking.find_threshold(1000 * np.sin(2 * np.pi * 1000 * time)).levels[0]
    place = 128
    level = masking.list_maskers(
        masking.as_decibels(masking.power(1000 * np.sin(2 * np.pi * 1000 * time)))[0] + 96, *masking._bark_scale()
    )
    assert [masker for masker, _ in level] == [place]
    assert 80 < found[place] < 96
    # A Bark is about 160 Hz here: 20 bins. Masking falls by 27 dB a Bark below, and by less above.
    assert found[place] - found[place - 20] == pytest.approx(27, abs=4)
    assert found[place] - found[place + 20] < 15


def test_audio_hides_what_silence_does_not() -> None:
    loud, noise = speech_like(16000, 3), np.random.default_rng(4).normal(0, 5, 16000)
    threshold = masking.find_threshold(loud)
    faint, strong = (masking.measure_audibility(threshold, size * noise) for size in (1, 100))
    assert faint.share < strong.share <= 1
    assert 0 <= faint.excess_db < strong.excess_db
    nothing = masking.measure_audibility(threshold, np.zeros(16000))
    assert nothing == (0, 0)
    half = np.concatenate([noise[:8000] * 100, np.zeros(8000)])
    assert masking.measure_audibility(threshold, half).share == pytest.approx(strong.share / 2, abs=0.06)


def test_the_scale_of_the_audio_does_not_matter() -> None:
    loud, noise = speech_like(8000, 5), np.random.default_rng(6).normal(0, 50, 8000)
    one = masking.measure_audibility(masking.find_threshold(loud), noise)
    two = masking.measure_audibility(masking.find_threshold(loud / 8), noise / 8)
    assert one == pytest.approx(two, rel=1e-6)


def test_columns_of_samples() -> None:
    clean = speech_like(8000, 7).clip(-32768, 32767).astype(np.int16)
    near, far = (clean + np.random.default_rng(8).integers(-size, size + 1, 8000) for size in (3, 300))
    quiet_one, loud_one = audibility(clean, [near.astype(np.int16), far.astype(np.int16)])
    assert quiet_one["audible_db"] is not None and loud_one["audible_db"] is not None
    assert quiet_one["audible_db"] < loud_one["audible_db"]
    assert audibility(np.zeros(8000, np.int16), [clean]) == [{"audible_db": None, "audible_share": None}]
