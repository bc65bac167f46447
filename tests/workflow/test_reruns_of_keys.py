"""The table of keys in config/README.md says what a change of each runs first, and it is right."""

from __future__ import annotations

from typing import Any

import pytest
from copies import SMOKE, Finished, Repository

from asrtransfer import extension
from study import document

MODELS = ["seed-1", "seed-2", "seed-1.twin", "seed-1.ulp-1"]
# The first test waits for the study to run.
pytestmark = pytest.mark.timeout(1800)

# A change of every key.
VALUES: dict[str, Any] = {
    "results": "results-other",
    "corpus.synthetic.seed": 2,
    "corpus.synthetic.train_minutes": 9,
    "corpus.synthetic.train_voices": 2,
    "corpus.synthetic.held_out_voices": 1,
    "corpus.synthetic.dev_utterances": 6,
    "corpus.synthetic.test_utterances": 61,
    "corpus.synthetic.sentences": 2,
    "corpus.synthetic.vocabulary": 30,
    "corpus.synthetic.length": 5,
    "family": "other",
    "models": [*MODELS, "seed-3"],
    "surrogates": ["seed-1", "seed-2"],
    "remotes": ["seed-1"],
    "families.deepspeech.network.units": 97,
    "families.deepspeech.network.dropout": 0.01,
    "families.deepspeech.network.front_end": "log-mel",
    "families.deepspeech.network.cepstra": 13,
    "families.deepspeech.network.recurrence": "none",
    "families.deepspeech.network.output": "words",
    "families.deepspeech.training.epochs": 17,
    "families.deepspeech.training.batch": 7,
    "families.deepspeech.training.learning_rate": 0.005,
    "families.deepspeech.training.order": "length",
    "families.deepspeech.training.order_seed": 1,
    "families.deepspeech.training.schedule": "constant",
    "families.deepspeech.training.clip": 11,
    "families.deepspeech.training.accumulate": 2,
    "families.deepspeech.training.precision": "bf16",
    "families.deepspeech.training.spec_augment.frequency_masks": 1,
    "families.deepspeech.training.spec_augment.frequency_width": 8,
    "families.deepspeech.training.spec_augment.time_masks": 1,
    "families.deepspeech.training.spec_augment.time_width": 40,
    "families.deepspeech.training.give_up": 0.6,
    "decoder.backend": "ctcdecode",
    "decoder.beam": 101,
    "decoder.certify": True,
    "decoder.alpha": 0.5,
    "decoder.beta": 0.5,
    "decoder.language_model": "config/smoke.yaml",
    "selection.utterances": 2,
    "selection.seed": 1,
    "statistics.confidence_level": 0.9,
    "statistics.resamples": 201,
    "statistics.margin": 0.1,
    "statistics.seed": 1,
    "neighbours.epochs": 2,
    "neighbours.shares": [0.0, 1.0],
    "design": "grid",
    "device": "cuda",
    "threads": 2,
    "time_limit": 60,
    "attacks.*.use": "cw",
    "attacks.*.phrases": ["go", "no"],
    "attacks.*.ranks": [2, 3, 4],
    "attacks.*.words": [1],
    "attacks.*.iterations": 81,
    "attacks.*.threshold": 0.8,
    "attacks.*.test_every": 2,
    "attacks.*.margin": 2,
    "attacks.*.combine": "worst",
    "attacks.*.views.count": 3,
    "attacks.*.views.noise": 50,
    "attacks.*.views.shift": 160,
    "attacks.*.views.gain": 6,
    "attacks.*.views.cutoff": 3000,
    "attacks.*.views.room": 0.3,
    "attacks.*.momentum.decay": 0.9,
    "attacks.*.momentum.lookahead": True,
    "attacks.*.momentum.neighbours": 2,
    "attacks.*.momentum.radius": 1,
    "attacks.*.masking.weight": 0.1,
    "attacks.*.spoken_start": 10,
    "attacks.*.judge": "seed-2",
    "attacks.*.keep": 1,
    "attacks.*.cap": 5,
    "attacks.*.seed": 1,
    "attacks.cw.confidences": {"low": {"threshold": None}},
    "attacks.cw.learning_rate": 90,
    "attacks.cw.bound": 1900,
    "attacks.cw.shrink": 0.7,
    "attacks.cw.noise": 1,
    "attacks.cw.gradient": "whole",
    "attacks.pgd.confidences": {"high": {}, "half": {"threshold": 0.5}},
    "attacks.pgd.bound": 0.04,
    "attacks.pgd.bound_of": "peak",
    "attacks.pgd.step": 0.06,
    "attacks.pgd.start": "random",
}
# Keys of what the smoke study does not use.
KEYS = document.keys()
UNUSED = (
    "attacks.mix",
    *(f"families.{name}." for name in extension.names("recogniser") if name != "deepspeech"),
    "corpus.manifest",
    "corpus.librispeech",
    "channels",
    "compare",
    "scoring",
    "families.deepspeech.training.gpus",
    "families.deepspeech.tuning",
    "families.deepspeech.parts",
    # No other of this project's families can stand in for it.
    "families.deepspeech.use",
)
# What a change needs beside it, by key.
BESIDE: dict[str, dict[str, Any]] = {
    "family": {"families": {"other": {"use": "deepspeech"}}},
}
# These values leave every attack as it is: they take something away, or deal one phrase and one surrogate.
LESS = {"remotes": {"tables"}, "attacks.cw.confidences": {"transcribe"}, "design": {"tables"}}


# The first key of every section is enough on a workstation.
FIRST = {name.rpartition(".")[0]: name for name in reversed(VALUES)}.values()


def nested(name: str, value: Any) -> dict[str, Any]:
    # No other attack takes all keys of C&W's section.
    section = "pgd" if name == "attacks.*.use" else "cw"
    for part in reversed(name.replace("*", section).split(".")):
        value = {part: value}
    return value


def test_a_change_of_every_key_is_tried() -> None:
    assert set(VALUES) == {key.name for key in KEYS if not key.name.startswith(UNUSED)} - {"corpus.kind"}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name not in FIRST))
        for name in VALUES
        if not name.startswith("neighbours.")
    ],
)
def test_first_to_run_is_what_the_table_of_keys_says(smoke: Finished, name: str) -> None:
    first = smoke.plan(nested(name, VALUES[name]) | BESIDE.get(name, {}), [SMOKE]).first
    assert first == LESS.get(name, set(document.rerun(name).first))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in VALUES if name.startswith("neighbours.")])
def test_first_to_run_of_the_transfer_curve(curved: Repository, name: str) -> None:
    """The study itself does not ask for the curve."""
    config = nested(name, VALUES[name])
    assert curved.plan(config, [SMOKE], ["transfer_curve"]).first == set(document.rerun(name).first)
    assert curved.plan(config, [SMOKE]).needed == set()
