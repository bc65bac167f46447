"""The spoken mix: the utterance fades into the phrase, at the SNR that was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from asrtransfer.attacks.mix import Mix, SpokenMix
from asrtransfer.attacks.run import run_attack
from asrtransfer.attacks.task import Task
from asrtransfer.machine.random import numpy_stream
from asrtransfer.recognisers.deepspeech import DeepSpeech
from asrtransfer.speech.audio import to_int16
from asrtransfer.speech.phrases import BACKGROUND, lay_phrase

AUDIO = np.rint(800 * np.sin(np.arange(40000) / 7)).astype(np.int16)


def mix(audio: np.ndarray, snr: float, name: str = "a", phrase: str = "open the door") -> np.ndarray:
    return SpokenMix(Mix(snr=snr)).craft([], audio, phrase, numpy_stream(name))


@pytest.mark.parametrize("snr", [20.0, 0.0, -2.0])
def test_the_change_has_the_share_of_energy_that_is_asked_for(snr: float) -> None:
    change = to_int16(mix(AUDIO, snr)).astype(float) - AUDIO
    measured = 10 * np.log10(np.square(AUDIO.astype(float)).sum() / np.square(change).sum())
    assert measured == pytest.approx(snr, abs=0.01)


def test_it_is_the_same_voice_at_every_level() -> None:
    loud, quiet = mix(AUDIO, 0.0) - AUDIO, mix(AUDIO, 20.0) - AUDIO
    assert loud == pytest.approx(10 * quiet)
    assert np.flatnonzero(loud).size > 8000


def test_the_end_is_the_phrase_alone() -> None:
    """Of the utterance nothing is left, and the energy is the same but for faint noise, which no frame is without."""
    end = mix(AUDIO, -10.0)
    assert np.array_equal(end, mix(AUDIO, -6.0))
    assert np.linalg.norm(end) == pytest.approx(np.linalg.norm(AUDIO.astype(float)), rel=0.001)
    assert 0 < np.abs(np.round(end[:200])).max() <= BACKGROUND


def test_utterances_get_other_voices() -> None:
    first, second = (mix(AUDIO, 0.0, name) - AUDIO for name in ("a", "b"))
    assert not np.array_equal(first, second)
    assert np.array_equal(first, mix(AUDIO, 0.0, "a") - AUDIO)


@pytest.mark.parametrize(("seconds", "tempo"), [(0.7, "faster"), (1.0, "as drawn"), (1.9, "slower")])
def test_the_phrase_fills_the_utterance(seconds: float, tempo: str) -> None:
    audio = np.resize(AUDIO, int(seconds * 16000))
    spoken = np.flatnonzero(lay_phrase("open the door", audio, 0.0, numpy_stream("a")))
    before, after = spoken[0], len(audio) - 1 - spoken[-1]
    assert abs(before - after) <= 1, tempo
    assert before + after < 0.45 * 16000, tempo


def test_an_utterance_that_is_too_short_stays_as_it_is_and_fails(toy: DeepSpeech) -> None:
    short = AUDIO[:6000]
    assert np.array_equal(mix(short, 0.0), short)
    tasks = [Task("u", short, "ab")]
    assert run_attack([toy], tasks, "mix", {"threshold": None, "snr": -10.0}, seed="s")[0].status == "failed"


def test_silence_stays_silence() -> None:
    silence = np.zeros(40000, np.int16)
    assert np.array_equal(mix(silence, 0.0), silence)
