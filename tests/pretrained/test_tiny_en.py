"""Whisper tiny.en on real speech: as a remote, by faster-whisper, and as a surrogate, by transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from clips import Clip

from asrtransfer import recognisers
from asrtransfer.attacks.run import run_attack
from asrtransfer.attacks.task import Task
from asrtransfer.recognisers.base import Recogniser
from asrtransfer.recognisers.whisper import Whisper
from asrtransfer.text import error_rates

# The lane fetches 71 MB that a third party has packed.
pytestmark = [pytest.mark.pretrained, pytest.mark.timeout(7200)]


@pytest.fixture(scope="module")
def remote(model: Path) -> Recogniser:
    return recognisers.load("fasterwhisper", {"folder": str(model), "beam": 5}, "cpu")


@pytest.fixture(scope="module")
def surrogate(converted: Path) -> Whisper:
    found = recognisers.load("whisper", {"model": str(converted), "beam": 5}, "cpu")
    assert isinstance(found, Whisper)
    return found


def test_the_remote_hears_read_speech(remote: Recogniser, clips: list[Clip]) -> None:
    heard = remote.hear([clip.audio for clip in clips])
    assert error_rates.wer([clip.text for clip in clips], [one.texts[0] for one in heard]) < 0.3
    # Spellings of one text are merged, so that some clips have one text alone.
    assert any(len(one.texts) > 1 for one in heard)
    again = remote.hear([clip.audio for clip in clips[:3]][::-1])[::-1]
    assert [one.texts for one in again] == [one.texts for one in heard[:3]]


@pytest.mark.parametrize("audio", [np.zeros(16000, np.int16), np.array([100], np.int16)], ids=["silence", "a sample"])
def test_the_remote_hears_odd_audio(remote: Recogniser, audio: np.ndarray) -> None:
    (heard,) = remote.hear([audio])
    assert len(heard.texts) >= 1 and heard.scores is not None and heard.scores == sorted(heard.scores, reverse=True)


def test_the_converted_weights_score_as_the_originals(remote: Any, surrogate: Whisper, clips: list[Clip]) -> None:
    """On the same spectra: the two runtimes pad differently."""
    network = surrogate._network
    audio = torch.from_numpy(clips[0].audio.astype(np.float32))[None] / 32768
    spectra = network.analyse(audio)[0].numpy()
    (found,) = remote._model.model.generate(
        remote._model.encode(spectra),
        [network._prompt],
        beam_size=5,
        return_scores=True,
        length_penalty=0,
        # What is suppressed changes the scores of all else.
        suppress_blank=False,
        suppress_tokens=[],
    )
    written = network._tokenizer.decode(found.sequences_ids[0])
    assert float(network.aim(audio, [written]).loss[0]) == pytest.approx(-found.scores[0], abs=0.02)


def test_both_runtimes_hear_the_same_words(remote: Recogniser, surrogate: Whisper, clips: list[Clip]) -> None:
    audio = [clip.audio for clip in clips[:4]]
    texts = [[one.texts[0] for one in recogniser.hear(audio)] for recogniser in (remote, surrogate)]
    assert error_rates.wer(*texts) < 0.15


@pytest.mark.parametrize(
    ("use", "keys", "number", "phrase"),
    [
        ("pgd", {}, 0, "you did want to come"),
        ("cw", {"shrink": 1.0}, 1, "he could wait much longer"),
    ],
    ids=["pgd", "cw"],
)
def test_one_word_is_changed_and_the_other_runtime_lists_it(
    remote: Recogniser, surrogate: Whisper, clips: list[Clip], use: str, keys: dict[str, Any], number: int, phrase: str
) -> None:
    """A target near what is said takes few iterations, and each takes as long as 30 s of audio."""
    asked = {"phrases": [phrase], "iterations": 60, "test_every": 2, "keep": 1, "threshold": None, **keys}
    (outcome,) = run_attack([surrogate], [Task("clip", clips[number].audio, phrase)], use, asked, seed="tiny")
    assert outcome.status == "sample"
    stored = [outcome.samples[-1].audio]
    assert surrogate.hear(stored)[0].texts[0] == phrase
    assert phrase in remote.hear(stored)[0].texts
