"""A judge: it must hear the target before a sample counts, and has no other part in an attack."""

from __future__ import annotations

import numpy as np
import pytest
from test_attacks import CARLINI, THRESHOLD, as_bytes, tasks

from asrtransfer.attacks.run import run_attack
from asrtransfer.attacks.task import Outcome
from asrtransfer.recognisers.base import Heard, Recogniser
from asrtransfer.recognisers.deepspeech import DeepSpeech
from asrtransfer.recognisers.deepspeech.network import Network
from asrtransfer.speech.utterances import Speech


class Ears(Recogniser):
    """Hears one text in everything, and counts how often it is asked."""

    identity = "ears"

    def __init__(self, text: str) -> None:
        self.text = text
        self.asked = 0

    def hear(self, utterances: list[np.ndarray]) -> list[Heard]:
        self.asked += len(utterances)
        return [Heard(texts=[self.text]) for _ in utterances]


def run(toy: DeepSpeech, dev: Speech, judge: Recogniser | None) -> list[Outcome]:
    keys = {"iterations": 60, "keep": 3, "threshold": THRESHOLD, **CARLINI.keys}
    return run_attack([toy], tasks(dev, 3), "cw", keys, seed="test", judge=judge)


def test_a_judge_that_hears_everything_changes_nothing(toy: DeepSpeech, dev_split: Speech) -> None:
    judge = Ears("dab")
    plain = run(toy, dev_split, None)
    assert as_bytes(run(toy, dev_split, judge)) == as_bytes(plain)
    assert judge.asked >= sum(len(outcome.samples) for outcome in plain) > 0


def test_a_judge_that_never_hears_the_target_leaves_no_sample(toy: DeepSpeech, dev_split: Speech) -> None:
    judge = Ears("bad")
    assert [outcome.status for outcome in run(toy, dev_split, judge)] == ["failed"] * 3
    assert judge.asked > 0


def test_a_ctc_judge_is_asked_for_its_top_text(toy: DeepSpeech, dev_split: Speech) -> None:
    """The surrogate's twin hears all that the surrogate does; an untrained network hears nothing of it."""
    assert as_bytes(run(toy, dev_split, DeepSpeech(toy.network))) == as_bytes(run(toy, dev_split, None))
    network = Network(64, dropout=0.0)
    network.initialise(9)
    stranger = DeepSpeech(network.requires_grad_(False).eval())
    assert not any(outcome.samples for outcome in run(toy, dev_split, stranger))


@pytest.mark.parametrize(("text", "status"), [("dab", "sample"), ("bad", "failed")])
def test_a_whole_attack_is_judged_too(toy: DeepSpeech, dev_split: Speech, text: str, status: str) -> None:
    done = run(toy, dev_split, None)[0]
    task = tasks(dev_split, 1)[0]
    # What the surrogate hears as "dab" already, with a phrase so quiet that nothing changes.
    made = type(task)(task.utterance_id, done.samples[-1].audio, "dab")
    keys = {"threshold": None, "snr": 60.0}
    found = run_attack([toy], [made], "mix", keys, seed="test", judge=Ears(text))
    assert found[0].status == status
