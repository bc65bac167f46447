"""Phrases as a voice says them that speaks no corpus."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from asrtransfer.speech import audio
from asrtransfer.speech.espeak import Engine, trim_silence

VOICES = tuple(f"{accent}+{variant}" for variant in ("m5", "m8", "f5") for accent in ("en-us", "en-gb-x-rp", "en"))
"""Voices of espeak-ng that speak no corpus: accents of :mod:`asrtransfer.corpora.synthetic`, in other variants."""
SLOWEST, FASTEST = 80, 260
"""Words a minute: the slowest that espeak-ng speaks, and half as fast again as its default, 175."""
BACKGROUND = 10
"""The largest sample of faint noise, in 16-bit units."""


def speak_phrase(engine: Engine, phrase: str, random: np.random.Generator) -> NDArray[np.float64]:
    """Speak a phrase, in 16-bit units, with 0.15 s of silence at both ends.

    Args:
        engine: that speaks.
        phrase: what is said.
        random: draws voice, rate and pitch.

    Returns:
        Float64 (samples,), 16 kHz.
    """
    return _say(engine, phrase, *_draw_voice(random))


def lay_phrase(
    phrase: str, utterance: NDArray[np.int16], snr: float, random: np.random.Generator
) -> NDArray[np.float64]:
    """Speak a phrase in the middle of an utterance's time, as slowly as fills it, at a given level.

    A recogniser that knows no pauses writes letters where a long silence is.

    Args:
        phrase: what is said.
        utterance: int16 (samples,), 16 kHz.
        snr: energy of the utterance over that of the spoken phrase, dB.
        random: draws voice and pitch.

    Returns:
        The spoken phrase alone, float64 (samples,), 16-bit units; all zero if the utterance is too short for it.
    """
    voice, rate, pitch = _draw_voice(random)
    with Engine() as engine:
        drawn = _say(engine, phrase, voice, rate, pitch)
        words = len(np.trim_zeros(drawn))
        # The silence at both ends stays as long.
        fitting = round(rate * words / max(1, len(utterance) - (len(drawn) - words)))
        spoken = np.trim_zeros(_say(engine, phrase, voice, min(max(SLOWEST, fitting), FASTEST), pitch))
    laid = np.zeros(len(utterance))
    room = len(utterance) - len(spoken)
    if room >= 0:
        gain = np.linalg.norm(utterance.astype(np.float64)) / np.linalg.norm(spoken) * 10 ** (-snr / 20)
        laid[room // 2 : room // 2 + len(spoken)] = gain * spoken
    return laid


def add_background(signal: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    """Add faint noise: digital silence has no finite logarithm.

    Args:
        signal: float64 (samples,), 16-bit units.
        random: draws the noise.
    """
    return signal + random.integers(-BACKGROUND, BACKGROUND + 1, size=len(signal))


def _draw_voice(random: np.random.Generator) -> tuple[str, int, int]:
    """A voice, its rate (words a minute) and its pitch (espeak-ng's, 0 to 99)."""
    voice = VOICES[int(random.integers(len(VOICES)))]
    return voice, int(random.integers(160, 186)), int(random.integers(40, 61))


def _say(engine: Engine, phrase: str, voice: str, rate: int, pitch: int) -> NDArray[np.float64]:
    spoken = engine.say(phrase, voice, rate=rate, pitch=pitch, volume=60)
    return audio.resample(trim_silence(spoken.astype(np.float64), engine.rate), engine.rate)
