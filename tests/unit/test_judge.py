"""A judge: it must hear the target before a sample counts, and has no other part; and what else does not fit."""

from __future__ import annotations

import numpy as np
import pytest
from configurations import read_study
from test_attacks import CARLINI, THRESHOLD, as_bytes, tasks

from asrtransfer.attacks.run import run_attack
from asrtransfer.attacks.task import Outcome
from asrtransfer.recognisers.base import Heard, Recogniser
from asrtransfer.recognisers.deepspeech import DeepSpeech
from asrtransfer.recognisers.deepspeech.network import Network
from asrtransfer.speech.utterances import Speech
from asrtransfer.tables.design import Design
from study import config, designs
from study.tables import describe_design


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


def test_a_judge_and_its_twins_are_no_remotes_of_what_it_judged() -> None:
    study = read_study(
        "smoke.yaml", models=["seed-1", "seed-2", "seed-2.twin", "seed-1.ulp-1"], attacks={"pgd": {"judge": "seed-2"}}
    )
    assert designs.list_judges(study, "pgd") == ["seed-2", "seed-2.twin"]
    assert designs.list_judges(study, "cw") == []
    assert designs.list_models(study, "pgd", "seed-1") == ["seed-1", "seed-2"]
    heard = {remote: {job.attack for job in designs.jobs_heard(study, "seed-1", remote)} for remote in study.models}
    assert heard == {"seed-1": {"cw", "pgd"}, "seed-1.ulp-1": {"cw", "pgd"}, "seed-2": {"cw"}, "seed-2.twin": {"cw"}}
    design = Design.from_dict(describe_design(study))
    expected = design.expected[["attack", "remote"]].drop_duplicates().values.tolist()
    assert sorted(map(tuple, expected)) == sorted(
        (attack, remote) for remote, found in heard.items() for attack in found
    )


def test_a_remote_that_judges_every_attack_hears_nothing() -> None:
    study = read_study("smoke.yaml", attacks={"pgd": {"judge": "seed-2"}, "cw": {"judge": "seed-2"}})
    assert ("seed-1", "seed-2") not in designs.list_hearings(study)
    assert ("seed-1", "seed-1.twin") in designs.list_hearings(study)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attacks": {"pgd": {"judge": "seed-7"}}}, "attacks.pgd.judge: seed-7 is none of the models"),
        ({"attacks": {"pgd": {"judge": "seed-1"}}}, "attacks.pgd.judge: seed-1 is attacked, or its twin; name"),
        ({"attacks": {"pgd": {"judge": "seed-1.twin"}}}, "attacks.pgd.judge: seed-1.twin is attacked, or its twin"),
        (
            {"attacks": {"pgd": {"confidences": {"high": {"judge": "seed-2"}}}}},
            "attacks.pgd.confidences.high.judge: is the same at every confidence",
        ),
        ({"attacks": {"pgd": {"masking": {"weight": 0}}}}, "attacks.pgd.masking.weight: should be greater than 0"),
        (
            {"attacks": {"mix": {"phrases": ["go"], "masking": {}}}},
            "attacks.mix.masking: Spoken mix makes a sample at once",
        ),
        (
            {"models": ["seed-1", "seed-1.data-3"]},
            "models: seed-1.data-3: the data of the family deepspeech has 2 parts",
        ),
        (
            {
                "models": ["seed-1", "sphinx", "ctc"],
                "families": {"ctc": {"use": "command", "command": "x"}},
                "surrogates": ["ctc"],
            },
            "models: sphinx is of the family sphinx",
        ),
    ],
)
def test_what_does_not_fit_is_one_line_that_names_the_key(changes: dict[str, object], message: str) -> None:
    with pytest.raises(config.ConfigError) as error:
        read_study("smoke.yaml", **changes)
    assert str(error.value).startswith(message)
