"""Calibration measures what the plan reads, and equal trainings stay equal where determinism is asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from asrtransfer import calibration
from asrtransfer.recognisers.deepspeech import DeepSpeech, trials
from asrtransfer.recognisers.deepspeech.network import Network
from asrtransfer.recognisers.deepspeech.section import DeepSpeechSection
from study.cost import rates

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "SIZES", ((1, 1.5), (2, 2.0)))


def recogniser_keys(units: int) -> DeepSpeechSection:
    return DeepSpeechSection.model_validate({"network": {"units": units}})


@pytest.mark.slow
def test_rates_are_those_that_the_plan_reads(tmp_path: Path) -> None:
    lines: list[str] = []
    section = recogniser_keys(16)
    found, details = calibration.calibrate("deepspeech", section.model_dump(), "cpu", 2.0, lines.append)
    (tmp_path / "rates.json").write_text(json.dumps(found))
    read = rates.read([ROOT / "config/rates.json", tmp_path / "rates.json"])
    assert read.cpu.multiplications == DeepSpeech.cost(section).multiplications
    assert read.cpu.source.startswith("measured: calibrate on ")
    assert read.decoding == found["decoding"]
    assert min(read.cpu.training, read.cpu.attack, read.cpu.listening, read.decoding) > 1
    assert read.cuda == rates.read([ROOT / "config/rates.json"]).cuda
    assert details["first_step_at_which_equal_trainings_part"] == {"twin": None, "native": None}
    assert [line.split(":")[0] for line in lines] == ["training", "attack", "listening", "decoding", "twin", "native"]


def test_the_budget_ends_the_growth_of_batches() -> None:
    recogniser = trials.make_recogniser(recogniser_keys(8), "cpu")
    tried = []

    def work(recogniser: DeepSpeech, utterances: int, seconds: float) -> float:
        tried.append((utterances, seconds))
        return 0.5

    found = calibration.measure_rate(recogniser, work, budget=-1.0)
    assert tried == [(1, 1.5)]
    assert found == calibration.Measured(3.0, 1, 1.5, 0)
    assert calibration.measure_rate(recogniser, work, budget=100.0).utterances == 2


def test_a_difference_is_found_at_its_step(monkeypatch: pytest.MonkeyPatch) -> None:
    step = trials.training.train_step
    calls = []

    def disturbed(networks: list[Network], *given: object, **named: object) -> float:
        calls.append(1)
        result = step(networks, *given, **named)  # type: ignore[arg-type]
        if len(calls) == 4:
            networks[0].nudge(1)
        return result

    assert trials.find_parting("cpu", 8, steps=3) is None
    monkeypatch.setattr(trials.training, "train_step", disturbed)
    assert trials.find_parting("cpu", 8, steps=3) == 2


def test_the_model_is_left_ready_to_listen() -> None:
    recogniser = trials.make_recogniser(recogniser_keys(8), "cpu")
    trials.seconds_per_step(recogniser, 1, 1.5)
    assert not recogniser.network.training
    parameters = recogniser.network.parameters()
    assert not any(parameter.requires_grad or parameter.grad is not None for parameter in parameters)
    assert torch.get_num_threads() == 1
