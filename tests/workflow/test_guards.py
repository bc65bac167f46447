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
from copies import Finished

from asrtransfer.attacks.task import Task
from asrtransfer.machine import compute
from asrtransfer.recognisers.deepspeech.section import DeepSpeechSection
from asrtransfer.recognisers.deepspeech.trials import make_recogniser

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
    def seconds(module: str) -> float:
        """Processor time of a process that imports a module, and with it all that an attack job imports."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", f"import {module}"], cwd=SCRIPTS, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    ratios = [seconds("attack") / seconds("torch") for _ in range(3)]
    assert statistics.median(ratios) < 1.8


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two cores")
def test_a_second_training_hardly_slows_the_first(smoke: Finished) -> None:
    from training_scaling import together

    results = smoke.path / "results-smoke"
    assert 2 * together(results, 1) / together(results, 2) > 1.2


def test_a_study_is_mostly_work(smoke: Finished) -> None:
    """Of the smoke study, whose jobs take a second or two, starts are the larger part."""
    command = [sys.executable, str(BENCHMARKS / "study_overhead.py"), "--results", "results-smoke", "--cores", "2"]
    said = subprocess.run(command, cwd=smoke.path, capture_output=True, text=True, check=True).stdout
    assert float(said.split("ratio")[1]) < 6
