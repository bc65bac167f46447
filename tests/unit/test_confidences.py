"""Confidences as a configuration names them: sets of an attack's keys, each checked as the attack's own."""

from __future__ import annotations

from typing import Any

import pytest

from study import config, designs, params
from study.config import ConfigError


def read(confidences: Any, **keys: Any) -> config.Study:
    attack = {"phrases": ["go"], "confidences": confidences, **keys}
    return config.read({"models": ["seed-1"], "attacks": {"cw": attack}})


@pytest.mark.parametrize(
    ("confidences", "message"),
    [
        ({"K1": {}}, "attacks.cw.confidences.K1"),
        ({"low": {"shrinks": 1}}, "attacks.cw.confidences.low.shrinks: unknown key"),
        ({"low": {"shrink": 2}}, "attacks.cw.confidences.low.shrink: .*less than or equal to 1"),
        (
            {"low": {"phrases": ["go"]}},
            "attacks.cw.confidences.low.phrases: is the same at every confidence; set it outside confidences",
        ),
        ({"low": {"iterations": 5, "test_every": 6}}, "attacks.cw.test_every: 6 is more than the 5 iterations"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_key(confidences: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(confidences)


def test_a_sweep_is_a_list_of_confidences() -> None:
    bounds = (125, 500, 2000)
    study = read({f"b-{bound}": {"bound": bound, "shrink": 1} for bound in bounds}, threshold=None)
    jobs = designs.list_jobs(study)
    assert [job.confidence for job in jobs] == ["b-125", "b-500", "b-2000"]
    told = [params.describe_attack(study, job)["keys"] for job in jobs]
    assert [(keys["bound"], keys["shrink"], keys["threshold"]) for keys in told] == [
        (bound, 1, None) for bound in bounds
    ]


def test_a_confidence_without_keys_is_the_attack_as_it_is() -> None:
    study = read({"plain": None}, threshold=0.8)
    assert study.attacks["cw"].at("plain").threshold == 0.8


def test_a_job_is_told_nothing_of_other_confidences() -> None:
    """So that a confidence that is added, or changed, runs no other again."""
    one, two = read({"low": {"threshold": None}}), read({"low": {"threshold": None}, "high": {"threshold": 0.99}})
    first = [params.describe_attack(study, designs.list_jobs(study)[0]) for study in (one, two)]
    assert first[0] == first[1]
