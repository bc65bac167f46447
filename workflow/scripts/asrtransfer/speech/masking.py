"""How much of a perturbation can be heard beside the audio, by the masking of tones in the ear.

Source: Qin et al., "Imperceptible, Robust, and Targeted Adversarial Examples for Automatic Speech Recognition" (2019),
section 3 and appendix; psychoacoustic model 1 of ISO/IEC 11172-3, all maskers taken as tones. Their public code scales
the perturbation by 8/3 before the square and the audio after it, so that the perturbation counts 4.26 dB too much; here
both are scaled alike.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from asrtransfer.speech.audio import SAMPLE_RATE

Signal = NDArray[np.float64]

WINDOW, HOP = 2048, 512
LOUDEST = 96.0
"""dB of sound pressure that the loudest bin of the audio is taken to have."""
LEAST_BARK = 1.0
"""Below, there is no threshold in quiet, and nothing counts as audible."""
SMALLEST = 1e-20
WEIGHTS = np.hanning(WINDOW + 1)[:-1]
"""The window, float64 (2048,)."""


class Audibility(NamedTuple):
    """How much of a perturbation is above the masking threshold of the audio.

    Attributes:
        excess_db: mean over all frames and bins by how much it is above, dB; zero where it is below.
        share: of the frames and bins in which it is above.
    """

    excess_db: float
    share: float


class Threshold(NamedTuple):
    """The masking threshold of some audio.

    Attributes:
        levels: dB, float64 (frames, 1025).
        shift: dB from power as :func:`power` gives it, in dB, to the scale of ``levels``.
    """

    levels: Signal
    shift: float


def power(signal: Signal) -> Signal:
    """Compute power spectra: 8/3 |X / 2048|^2 under a Hann window; the end is padded with silence.

    Args:
        signal: (samples,).

    Returns:
        Float64 (frames, 1025).
    """
    frames = 1 + max(0, -(-(len(signal) - WINDOW) // HOP))
    padded = np.zeros((frames - 1) * HOP + WINDOW)
    padded[: len(signal)] = signal
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    spectra = np.fft.rfft(windows * WEIGHTS) / WINDOW
    density: Signal = 8 / 3 * (np.square(spectra.real) + np.square(spectra.imag))
    return density


def as_decibels(density: Signal) -> Signal:
    """Convert power spectra to dB."""
    levels: Signal = 10 * np.log10(np.maximum(density, SMALLEST))
    return levels


def find_threshold(signal: Signal) -> Threshold:
    """Compute what the audio masks: the sum of all maskers' thresholds and the threshold in quiet.

    Args:
        signal: (samples,), not all zero.
    """
    levels = as_decibels(power(signal))
    shift = LOUDEST - float(levels.max())
    barks, quiet = _bark_scale()
    masked = np.stack([_mask(frame, barks, quiet) for frame in levels + shift])
    return Threshold(10 * np.log10(masked + 10 ** (quiet / 10)), shift)


def measure_audibility(threshold: Threshold, perturbation: Signal) -> Audibility:
    """Compare a perturbation with the masking threshold of its audio.

    Args:
        perturbation: (samples,), as long as the audio and in the same unit.
    """
    above = (as_decibels(power(perturbation)) + threshold.shift - threshold.levels)[:, find_counted()]
    return Audibility(float(above.clip(min=0).mean()), float((above > 0).mean()))


def measure_excess(threshold: Threshold, perturbation: Signal) -> float:
    """Compute by how much a perturbation's power is above the threshold, mean over frames and bins (Qin et al., eq. 5).

    On the scale of the threshold, on which the audio's loudest bin has 10^9.6.
    """
    above = power(perturbation) * 10 ** (threshold.shift / 10) - 10 ** (threshold.levels / 10)
    return float(above[:, find_counted()].clip(min=0).mean())


def find_counted() -> NDArray[np.bool_]:
    """Find the bins that count as audible at all: (1025,)."""
    counted: NDArray[np.bool_] = _bark_scale()[0] >= LEAST_BARK
    return counted


@cache
def _bark_scale() -> tuple[Signal, Signal]:
    """Each bin's Bark (Zwicker and Terhardt, 1980), and the threshold in quiet in dB (Terhardt, 1979)."""
    hertz = np.arange(WINDOW // 2 + 1) * SAMPLE_RATE / WINDOW
    barks = 13 * np.arctan(0.00076 * hertz) + 3.5 * np.arctan(np.square(hertz / 7500))
    kilohertz = np.maximum(hertz, 1) / 1000
    quiet = 3.64 * kilohertz**-0.8 - 6.5 * np.exp(-0.6 * np.square(kilohertz - 3.3)) + 0.001 * kilohertz**4 - 12
    return barks, np.where(barks >= LEAST_BARK, quiet, -np.inf)


def list_maskers(levels: Signal, barks: Signal, quiet: Signal) -> list[tuple[int, float]]:
    """List the maskers of a frame by bin and level.

    A masker is a bin louder than both neighbours, with the power of the three; above the threshold in quiet; and the
    loudest within half a Bark.
    """
    peaks = 1 + np.flatnonzero((levels[1:-1] > levels[:-2]) & (levels[1:-1] > levels[2:]))
    found: list[tuple[int, float]] = []
    linear = 10 ** (levels / 10)
    sums = 10 * np.log10(linear[peaks - 1] + linear[peaks] + linear[peaks + 1])
    heard = sums > quiet[peaks]
    for place, level in zip(peaks[heard].tolist(), sums[heard].tolist(), strict=True):
        if not found or barks[place] - barks[found[-1][0]] >= 0.5:
            found.append((place, level))
        elif level > found[-1][1]:
            found[-1] = (place, level)
    return found


def _mask(levels: Signal, barks: Signal, quiet: Signal) -> Signal:
    """What the maskers of a frame mask, as power: (1025,)."""
    maskers = list_maskers(levels, barks, quiet)
    if not maskers:
        return np.zeros_like(barks)
    places, sums = (np.array(column) for column in zip(*maskers, strict=True))
    distance = barks - barks[places][:, None]
    upward = -27 + 0.37 * np.maximum(sums - 40, 0)[:, None]
    spread = np.where(distance <= 0, 27 * distance, upward * distance)
    levels_masked = sums[:, None] - 6.025 - 0.275 * barks[places][:, None] + spread
    total: Signal = (10 ** (levels_masked / 10)).sum(axis=0)
    return total
