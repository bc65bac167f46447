"""Phrases as a voice says them that speaks no corpus."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from asrtransfer.speech import audio
from asrtransfer.speech.espeak import Engine, trim_silence

VOICES = tuple(f"{accent}+{variant}" for variant in ("m5", "m8", "f5") for accent in ("en-us", "en-gb-x-rp", "en"))
"""Voices of espeak-ng that speak no corpus: accents of :mod:`asrtransfer.corpora.synthetic`, in other variants."""


def speak_phrase(engine: Engine, phrase: str, random: np.random.Generator) -> NDArray[np.float64]:
    """Speak a phrase, in 16-bit units, with 0.15 s of silence at both ends.

    Args:
        engine: that speaks.
        phrase: what is said.
        random: draws voice, rate and pitch.

    Returns:
        Float64 (samples,), 16 kHz.
    """
    voice = VOICES[int(random.integers(len(VOICES)))]
    rate, pitch = int(random.integers(160, 186)), int(random.integers(40, 61))
    spoken = engine.say(phrase, voice, rate=rate, pitch=pitch, volume=60)
    return audio.resample(trim_silence(spoken.astype(np.float64), engine.rate), engine.rate)


def lay_phrase(
    phrase: str, utterance: NDArray[np.int16], snr: float, random: np.random.Generator
) -> NDArray[np.float64]:
    """Speak a phrase somewhere in the time of an utterance, at a given level.

    Args:
        phrase: what is said.
        utterance: int16 (samples,), 16 kHz.
        snr: energy of the utterance over that of the spoken phrase, dB.
        random: draws voice, rate, pitch and place.

    Returns:
        The spoken phrase alone, float64 (samples,), 16-bit units; all zero if the utterance is too short for it.
    """
    with Engine() as engine:
        spoken = np.trim_zeros(speak_phrase(engine, phrase, random))
    laid = np.zeros(len(utterance))
    room = len(utterance) - len(spoken)
    if room >= 0:
        start = int(random.integers(room + 1))
        gain = np.linalg.norm(utterance.astype(np.float64)) / np.linalg.norm(spoken) * 10 ** (-snr / 20)
        laid[start : start + len(spoken)] = gain * spoken
    return laid
