"""What jobs ask a cluster for follows from the configuration, and grows where it should."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from configurations import read_study

from asrtransfer.recognisers.deepspeech import sizes
from study import config
from study.cost import rates, resources, work

ROOT = Path(__file__).resolve().parents[2]
RATES = rates.read([ROOT / "config/rates.json"])
SITE = {"cpu_partition": "short", "gpu_partition": "cards", "gpu_kind": "a100", "longest": 1440}
RULES = (
    "corpus",
    "train",
    "describe",
    "hear",
    "select",
    "attack",
    "transcribe",
    "neighbours",
    "tables",
    "verdict",
    "report",
)
WILDCARDS = {"attack": "cw", "surrogate": "seed-1", "target": "rank-2", "confidence": "high"}
WILDCARDS |= {"remote": "seed-2", "model": "seed-1"}


def study_of(name: str, **changes: Any) -> config.Study:
    return read_study(f"{name}.yaml", **changes)


def work_of(rule: str, study: config.Study) -> work.Work:
    return work.of(study, RATES, rule, WILDCARDS)


@pytest.mark.parametrize("rule", RULES)
def test_only_networks_get_a_gpu_and_its_partition(rule: str) -> None:
    on_gpu = resources.place(study_of("paper"), rule, SITE)
    if rule in work.NETWORKS:
        assert on_gpu == {"gpu": 1, "slurm_partition": "cards", "gpu_model": "a100"}
    else:
        assert on_gpu == {"gpu": 0, "slurm_partition": "short"}
    assert resources.place(study_of("smoke"), rule, SITE) == {"gpu": 0, "slurm_partition": "short"}
    assert resources.place(study_of("smoke"), rule, {}) == {"gpu": 0}


def deepspeech(section: str, **keys: Any) -> dict[str, Any]:
    """Changes of the family's network or training."""
    return {"families": {"deepspeech": {section: keys}}}


FOUR = deepspeech("training", batch=6, accumulate=4, gpus=4)


def test_a_training_of_several_gpus_has_them_on_one_node() -> None:
    study = study_of("paper", **FOUR)
    assert resources.place(study, "train", SITE) == resources.place(study, "hear", SITE) | {"gpu": 4, "nodes": 1}
    assert resources.place(study, "train", {}) == {"gpu": 4, "nodes": 1}
    assert resources.place(study, "hear", {}) == {"gpu": 1}


def test_as_many_batches_at_a_time_as_gpus() -> None:
    one, three, four = (
        work_of("train", study_of("paper", **deepspeech("training", batch=6, accumulate=4, gpus=n))) for n in (1, 3, 4)
    )
    dev = 13 * work.speech(study_of("paper"), "dev").seconds / RATES.cuda.listening + RATES.start
    assert (four.seconds - dev) / (one.seconds - dev) == pytest.approx(1 / 4)
    assert (three.seconds - dev) / (one.seconds - dev) == pytest.approx(2 / 4)
    assert one.memory < three.memory < four.memory
    assert [job.devices for job in (one, three, four)] == [1, 3, 4]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", ["config", "smoke", "dose", "strong", "full-synthetic", "paper"])
def test_more_at_each_attempt_and_room_for_two_snakemakes(rule: str, name: str) -> None:
    job = work_of(rule, study_of(name))
    memory = [resources.memory(job, attempt) for attempt in (1, 2, 3)]
    minutes = [resources.minutes(job, attempt, {}) for attempt in (1, 2, 3)]
    assert memory == sorted(set(memory))
    assert minutes == sorted(set(minutes))
    assert memory[0] >= 600
    assert max(resources.minutes(job, attempt, SITE) for attempt in (1, 2, 3)) <= 1440


@pytest.mark.parametrize(
    ("rule", "changes", "quantity"),
    [
        ("train", deepspeech("network", units=2048), "memory"),
        ("train", deepspeech("training", batch=200), "memory"),
        ("train", deepspeech("training", epochs=200), "seconds"),
        ("train", {"corpus": {"synthetic": {"train_minutes": 200}}}, "seconds"),
        ("attack", deepspeech("network", units=2048), "seconds"),
        ("attack", {"attacks": {"cw": {"iterations": 3000}}}, "seconds"),
        ("attack", {"selection": {"utterances": 30}}, "memory"),
        ("transcribe", {"attacks": {"cw": {"keep": 30}}}, "seconds"),
        ("hear", {"corpus": {"synthetic": {"test_utterances": 800}}}, "seconds"),
        ("tables", {"surrogates": ["seed-1", "seed-2"]}, "memory"),
    ],
)
def test_follows_the_configuration(rule: str, changes: dict[str, Any], quantity: str) -> None:
    before, after = work_of(rule, study_of("smoke")), work_of(rule, study_of("smoke", **changes))
    assert getattr(after, quantity) > getattr(before, quantity)


def test_views_and_neighbours_multiply_the_passes_of_an_attack() -> None:
    keys = {"views": {"count": 3}, "momentum": {"neighbours": 4}}
    plain, many = (work_of("attack", study_of("smoke", attacks={"cw": changes})) for changes in ({}, keys))
    start = RATES.start
    assert many.seconds - start == pytest.approx(3 * 5 * (plain.seconds - start))


def test_certified_samples_cost_less() -> None:
    plain, certified = (
        work_of("transcribe", study_of("paper", threads=1, decoder={"certify": which})) for which in (False, True)
    )
    assert certified.seconds < 0.7 * plain.seconds


@pytest.mark.parametrize("rule", ["hear", "tune", "score", "transcribe", "neighbours"])
def test_processes_share_the_decoding_and_have_memory_of_their_own(rule: str) -> None:
    """What is left at any number of them is the network's time, and the job's start."""
    one, two, many = (work_of(rule, study_of("paper", threads=threads)) for threads in (1, 2, 1000))
    assert two.seconds - many.seconds == pytest.approx((one.seconds - many.seconds) / 2, rel=0.01)
    assert many.seconds > RATES.start
    assert two.memory > one.memory
    assert work_of("attack", study_of("paper", threads=2)) == work_of("attack", study_of("paper", threads=1))


def test_wider_networks_take_longer_by_their_multiplications() -> None:
    narrow, wide = (
        work_of("train", study_of("smoke", **deepspeech("network", units=units))).seconds - RATES.start
        for units in (96, 192)
    )
    assert wide / narrow == pytest.approx(sizes.count_multiplications(192) / sizes.count_multiplications(96))


def test_what_the_default_study_took_is_what_is_asked_for() -> None:
    """Measured on two cores: 56 CPU seconds a training, 10 an attack, 15 a hearing, 1030 MB at the most."""
    study = study_of("config")
    for rule, seconds in (("train", 75), ("attack", 20), ("transcribe", 18)):
        job = work_of(rule, study)
        assert 0.5 * seconds < job.seconds < 2 * seconds
        assert 1030 + 240 < resources.memory(job, 1) < 4000
