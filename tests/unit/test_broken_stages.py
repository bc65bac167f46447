"""A stage that is broken on purpose: a control notices, on real samples of a tiny model."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest
from torch import Tensor

from asrtransfer.attacks import batch, samples
from asrtransfer.attacks.run import run_attack
from asrtransfer.attacks.task import Task
from asrtransfer.ctc import decoding
from asrtransfer.files.errors import InputError
from asrtransfer.hearing import transfer
from asrtransfer.recognisers.deepspeech import DeepSpeech
from asrtransfer.recognisers.deepspeech.network import Network
from asrtransfer.speech.utterances import Speech
from asrtransfer.tables import checks
from asrtransfer.tables.counting import adversarial
from asrtransfer.tables.results import scored

Chain = Callable[[], tuple[pd.DataFrame, pd.DataFrame]]


@pytest.fixture
def chain(toy: DeepSpeech, dev_split: Speech) -> Chain:
    """Attack and transcription as their jobs do them: the samples, and how their surrogate hears them."""

    def run() -> tuple[pd.DataFrame, pd.DataFrame]:
        names = dev_split.utterance_ids[:4]
        clean = {name: dev_split.samples(index) for index, name in enumerate(names)}
        tasks = [Task(name, clean[name], "dab") for name in names]
        outcomes = run_attack([toy], tasks, "cw", {"iterations": 60, "keep": 2, "threshold": None}, seed="s")
        job = {"attack": "cw", "surrogate": "seed-1", "target": "dab", "target_kind": "phrase", "confidence": "low"}
        table = samples.table(outcomes, samples.capped(outcomes, None, "s"), dev_split.texts[:4], job).to_pandas()
        made = table[table["status"] == "sample"]
        assert len(made) >= 4
        texts = dict(zip(clean, dev_split.texts, strict=False))
        rows = transfer.Listener(toy, decoding.build("flashlight"), clean, texts, certify=False).transcripts(made)
        return made, adversarial(scored(transfer.as_table(rows, "seed-1", "hash", "self")))

    return run


def test_whole_stages_pass(chain: Chain) -> None:
    made, heard = chain()
    assert heard["hit"].all()
    check = checks.stored_audio(made, heard)
    assert check["passed"]
    assert check["checked"] == len(made)


def test_transcripts_in_another_order(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    hear = transfer.hear
    monkeypatch.setattr(transfer, "hear", lambda *given: hear(*given)[::-1])
    check = checks.stored_audio(*chain())
    assert not check["passed"]
    assert check["fatal"]


def test_audio_stored_before_rounding(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    def unrounded(audio: Tensor, perturbation: Tensor, bounds: Tensor) -> Tensor:
        return audio + perturbation

    monkeypatch.setattr(batch, "as_stored", unrounded)
    check = checks.stored_audio(*chain())
    assert not check["passed"]
    assert check["fatal"]


def test_a_scorer_that_always_says_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asrtransfer.tables.checks.scored", lambda table: scored(table).assign(hit=False))
    with pytest.raises(InputError, match="no table can be trusted"):
        checks.planted()


def test_a_remote_with_the_wrong_weights(chain: Chain, toy: DeepSpeech, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights whose name and hash are right while others are computed with: the surrogate knows its samples no more."""
    made, _ = chain()
    network = Network(toy.network.units)
    network.initialise(5)
    other = DeepSpeech(network.eval().requires_grad_(False))
    listen = transfer.hear
    monkeypatch.setattr(transfer, "hear", lambda _, *given: listen(other, *given))
    _, heard = chain()
    check = checks.stored_audio(made, heard)
    assert not check["passed"]
