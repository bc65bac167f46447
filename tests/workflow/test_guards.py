"""Gross losses of speed, told by ratios of processor time within one run; benchmarks/ measures them finely."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from copies import RESULTS, Finished

from asrtransfer.attacks.task import Task
from asrtransfer.ctc.confidence import ctc_loss
from asrtransfer.machine import compute
from asrtransfer.recognisers.deepspeech.batches import Batches
from asrtransfer.recognisers.deepspeech.network import Network
from asrtransfer.recognisers.deepspeech.section import DeepSpeechSection, Recipe
from asrtransfer.recognisers.deepspeech.training import train_step
from asrtransfer.recognisers.deepspeech.trials import make_recogniser
from asrtransfer.speech.utterances import Speech

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
SCRIPTS = BENCHMARKS.parent / "workflow" / "scripts"
sys.path.insert(0, str(BENCHMARKS))
pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.timeout(1800)]


@pytest.mark.parametrize("name", ["cw", "pgd"])
def test_an_attack_costs_little_more_than_its_passes(name: str) -> None:
    from attack_iteration import PHRASE, attacked, bare, seconds

    compute.prepare("cpu", 1)
    recogniser = make_recogniser(DeepSpeechSection.model_validate({"network": {"units": 160}}), "cpu")
    random = np.random.default_rng(1)
    tasks = [Task(str(number), random.normal(0, 500, 40_000).astype(np.int16), PHRASE) for number in range(8)]
    works = [partial(attacked, name, recogniser, tasks, 5), partial(bare, recogniser, tasks, 5)]
    for work in works:
        work()
    ratios = [seconds(works[0]) / seconds(works[1]) for _ in range(5)]
    assert statistics.median(ratios) < 1.7


def test_an_attack_job_imports_little_beside_torch() -> None:
    def import_seconds(module: str) -> float:
        """Processor time of a process that imports a module, and with it all that an attack job imports."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", f"import {module}"], cwd=SCRIPTS, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    ratios = [import_seconds("attack") / import_seconds("torch") for _ in range(3)]
    assert statistics.median(ratios) < 1.8


def test_a_step_of_training_costs_little_more_than_its_passes(smoke: Finished) -> None:
    """Spectra of a corpus that fits into memory are computed in the first epoch alone."""
    from attack_iteration import seconds

    compute.prepare("cpu", 1)
    recipe = Recipe(batch=12)
    batches = Batches(Speech.read(smoke.path / RESULTS / "corpus/train.parquet"), recipe.batch)
    network = Network(160)
    network.initialise(1)
    optimiser = torch.optim.Adam(network.list_trained().values())

    def train() -> None:
        for number, batch in enumerate(batches.read(range(len(batches)))):
            train_step([network], optimiser, [batch], recipe, [number])

    spectra = [batch.analyse(network.front_end) for batch in batches.read(range(len(batches)))]
    inputs = [(network.front_end.stack(one), one.counts) for one in spectra]
    texts = [batch.texts for batch in batches.read(range(len(batches)))]

    def passes() -> None:
        for (stacked, counts), said in zip(inputs, texts, strict=True):
            ctc_loss(network.recognise(stacked, counts), counts, said).mean().backward()

    train()
    passes()
    assert statistics.median(seconds(train) / seconds(passes) for _ in range(3)) < 1.8


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two cores")
def test_a_second_training_hardly_slows_the_first(smoke: Finished) -> None:
    from training_scaling import together

    results = smoke.path / RESULTS
    assert 2 * together(results, 1) / together(results, 2) > 1.2


def test_a_study_is_mostly_work(smoke: Finished) -> None:
    """Of the smoke study, whose jobs take a second or two, starts are the larger part."""
    command = [sys.executable, str(BENCHMARKS / "study_overhead.py"), "--results", RESULTS, "--cores", "2"]
    said = subprocess.run(command, cwd=smoke.path, capture_output=True, text=True, check=True).stdout
    assert float(said.split("ratio")[1]) < 6
