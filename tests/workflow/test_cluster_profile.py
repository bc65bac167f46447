"""``--profile slurm`` as far as it goes without a Slurm: found as typed, planned in little memory."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from copies import SMOKE, Repository

# MB that it may take to plan the published study, measured in a process that has no other children.
MEMORY = 2000
MEASURE = """
import resource, subprocess, sys
subprocess.run([sys.executable, "-m", "snakemake", *sys.argv[1:]], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def check_resources(output: str, gpus: set[str]) -> None:
    """Check what the jobs of a dry run ask for."""
    shown = re.findall(r"^rule (\w+):$.*?^    resources: ([^\n]*)$", output, re.MULTILINE | re.DOTALL)
    assert {rule for rule, _ in shown} >= {"corpus", "train", "hear", "attack", "transcribe", "tables", "report"}
    for rule, line in shown:
        if rule in {"all", "select", "verdict"}:
            continue  # where Snakemake itself runs
        assert ("gpu=1, slurm_partition=gpu" if rule in gpus else "gpu=0, slurm_partition=cpu") in line
        asked = {name: int(value) for name, value in re.findall(r"\b(mem_mb|runtime)=(\d+)", line)}
        assert asked["mem_mb"] >= 600
        assert 15 <= asked["runtime"] <= 1440


@pytest.mark.slow
def test_the_published_study_is_planned_in_little_memory_for_gpus(repository: Repository) -> None:
    measured = subprocess.run(
        [sys.executable, "-c", MEASURE, "-n", "--profile", "slurm", "--configfile", "config/paper.yaml"],
        cwd=repository.path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Using profiles slurm" in measured.stdout + measured.stderr
    assert re.search(r"^attack +315$", measured.stdout, re.MULTILINE)
    assert int(measured.stdout.splitlines()[-1]) / 1024 < MEMORY
    check_resources(measured.stdout + measured.stderr, {"train", "hear", "tune", "score", "attack", "transcribe"})


def test_a_study_on_processors_asks_for_no_gpu(repository: Repository) -> None:
    check_resources(repository.snakemake("-n", "--profile", "slurm", "--configfile", SMOKE).stdout, set())


@pytest.mark.slow
def test_the_target_plan_shows_the_plan_and_makes_nothing(repository: Repository) -> None:
    output = repository.snakemake("--cores", "1", "--configfile", SMOKE, "--", "plan").stdout
    assert "PLAN: 26 jobs, into results-smoke" in output
    made = [path for path in (repository.path / "results-smoke").rglob("*") if path.is_file()]
    assert [path.name for path in made] == ["plan.log"]
