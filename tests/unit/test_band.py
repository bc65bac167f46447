"""A limit on a perturbation's frequencies: what it lets through, and that attacks reach their target under it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from asrtransfer.attacks.band import TRANSITION, lowpass
from asrtransfer.attacks.run import run_attack
from asrtransfer.attacks.task import Outcome, Task
from asrtransfer.recognisers.deepspeech import DeepSpeech
from asrtransfer.speech.utterances import Speech

HIGHEST = 3800.0
PHRASE = "dab"
WHOLE = """
import numpy as np
from asrtransfer.attacks.method import Whole
from asrtransfer.attacks.section import AttackSection


class Keys(AttackSection):
    "Adds white noise."


class Mine(Whole):
    label = "Mine"
    section = Keys

    def craft(self, surrogates, audio, phrase, generator):
        return audio + generator.uniform(-300, 300, len(audio))

    def bound(self, audio):
        return 250.0


ATTACK = Mine
"""


def level(signal: NDArray[np.float64], frequency: float) -> float:
    """Amplitude of a frequency (Hz), away from the ends."""
    middle = signal[1000:-1000]
    turns = np.exp(-2j * np.pi * frequency * np.arange(len(middle)) / 16000)
    return float(2 * np.abs(np.mean(middle * turns)))


def share_above(signal: NDArray[np.float64], frequency: float) -> float:
    """Share of the energy above a frequency (Hz)."""
    energy = np.square(np.abs(np.fft.rfft(signal)))
    return float(energy[np.fft.rfftfreq(len(signal), 1 / 16000) > frequency].sum() / energy.sum())


@pytest.mark.parametrize("frequency", [100, 1000, 3000, 3350, 3800, 4000, 5000, 7900])
def test_frequencies_pass_up_to_the_limit(frequency: float) -> None:
    tone = torch.sin(2 * torch.pi * frequency * torch.arange(16000) / 16000)[None]
    passed = level(lowpass(tone, [16000], HIGHEST)[0].double().numpy(), frequency)
    if frequency >= HIGHEST:
        assert passed < 10 ** (-40 / 20)
    else:
        assert frequency < HIGHEST - TRANSITION
        assert passed == pytest.approx(1, abs=0.01)


def test_the_filter_is_its_own_transpose() -> None:
    generator = torch.Generator().manual_seed(1)
    first, second = torch.randn(2, 3, 900, generator=generator, dtype=torch.float64)
    lengths = [900, 500, 20]
    forth = (lowpass(first, lengths, HIGHEST) * second).sum(dim=1)
    back = (first * lowpass(second, lengths, HIGHEST)).sum(dim=1)
    torch.testing.assert_close(forth, back)


def test_a_row_depends_on_neither_batch_nor_padding() -> None:
    generator = torch.Generator().manual_seed(1)
    lengths = [4000, 3777, 1, 64]
    signal = torch.randn(4, 4000, generator=generator)
    together = lowpass(signal, lengths, HIGHEST)
    for row, length in enumerate(lengths):
        alone = lowpass(signal[row : row + 1, :length], [length], HIGHEST)
        assert torch.equal(together[row, :length], alone[0])
        assert not together[row, length:].any()


def attack(toy: DeepSpeech, dev: Speech, use: str, **keys: object) -> list[Outcome]:
    tasks = [Task(name, dev.samples(index), PHRASE) for index, name in enumerate(dev.utterance_ids[:6])]
    keys = {"iterations": 150, "keep": 1, "threshold": None, **keys}
    return run_attack([toy], tasks, use, keys, seed="test")


@pytest.mark.parametrize("use", ["cw", "pgd"])
def test_an_attack_reaches_its_target_within_the_band(toy: DeepSpeech, dev_split: Speech, use: str) -> None:
    shares = {}
    for highest in (None, HIGHEST):
        outcomes = attack(toy, dev_split, use, lowpass=highest)
        assert sum(outcome.status == "sample" for outcome in outcomes) >= 4
        changes = [sample.audio - one.task.audio.astype(np.float64) for one in outcomes for sample in one.samples]
        shares[highest] = np.mean([share_above(change, HIGHEST) for change in changes])
        for one in outcomes:
            for sample in one.samples:
                assert sample.bound is not None
                assert np.abs(sample.audio.astype(int) - one.task.audio).max() <= sample.bound
    # What is left above comes from clipping to the bound and from rounding.
    assert shares[HIGHEST] < 0.05
    assert shares[HIGHEST] < shares[None] / 3


def test_the_audio_of_a_whole_attack_is_limited(toy: DeepSpeech, dev_split: Speech, tmp_path: Path) -> None:
    """White noise of 300 breaks the attack's bound of 250; what is left of it in the band is clipped to the bound."""
    (tmp_path / "mine.py").write_text(WHOLE)
    # The target is what the model hears already.
    tasks = [
        Task(name, dev_split.samples(index), dev_split.texts[index])
        for index, name in enumerate(dev_split.utterance_ids[:8])
    ]

    def samples(highest: float | None) -> list[tuple[NDArray[np.int16], NDArray[np.int16]]]:
        keys = {"threshold": None, "lowpass": highest}
        outcomes = run_attack([toy], tasks, str(tmp_path / "mine.py"), keys, seed="test")
        return [(one.task.audio, sample.audio) for one in outcomes for sample in one.samples]

    assert samples(None) == []
    found = samples(HIGHEST)
    assert found
    for clean, audio in found:
        change = audio - clean.astype(np.float64)
        assert 0 < np.abs(change).max() <= 250
        assert share_above(change, HIGHEST) < 0.05
