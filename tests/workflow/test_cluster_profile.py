"""``--profile slurm`` as far as it goes without a Slurm: found as typed, planned in little time and memory."""

from __future__ import annotations

import re
import resource

import pytest
from copies import SMOKE, Repository

# CPU seconds and MB that it may take to plan the published study.
SECONDS, MEMORY = 30, 2000


@pytest.mark.slow
def test_the_published_study_is_planned_in_little_time_and_memory(repository: Repository) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    output = repository.snakemake("-n", "--profile", "slurm", "--configfile", "config/paper.yaml").stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert "Using profiles slurm" in output
    assert re.search(r"^attack +315$", output, re.MULTILINE)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < SECONDS
    # The largest child so far, which may be another test's; it is small enough all the same.
    assert after.ru_maxrss / 1024 < MEMORY


@pytest.mark.parametrize(
    ("configfile", "gpus"),
    [
        pytest.param(
            "config/paper.yaml",
            {"train", "hear", "tune", "score", "attack", "transcribe"},
            marks=pytest.mark.slow,
        ),
        (SMOKE, set()),
    ],
)
def test_jobs_go_where_the_profile_says(repository: Repository, configfile: str, gpus: set[str]) -> None:
    output = repository.snakemake("-n", "--profile", "slurm", "--configfile", configfile).stdout
    shown = re.findall(r"^rule (\w+):$.*?^    resources: ([^\n]*)$", output, re.MULTILINE | re.DOTALL)
    assert {rule for rule, _ in shown} >= {"corpus", "train", "hear", "attack", "transcribe", "tables", "report"}
    for rule, line in shown:
        if rule in {"all", "select", "verdict"}:
            continue  # where Snakemake itself runs
        assert ("gpu=1, slurm_partition=gpu" if rule in gpus else "gpu=0, slurm_partition=cpu") in line
        asked = {name: int(value) for name, value in re.findall(r"\b(mem_mb|runtime)=(\d+)", line)}
        assert asked["mem_mb"] >= 600
        assert 15 <= asked["runtime"] <= 1440


def test_the_target_plan_shows_the_plan_and_makes_nothing(repository: Repository) -> None:
    given = ["--cores", "1", "--configfile", "config/paper.yaml"]
    output = repository.snakemake(*given, "--", "plan").stdout
    assert "PLAN: 552 jobs, into results-paper" in output
    made = [path for path in (repository.path / "results-paper").rglob("*") if path.is_file()]
    assert [path.name for path in made] == ["plan.log"]
