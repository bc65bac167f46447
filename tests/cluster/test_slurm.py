"""The smoke study on a real Slurm: the same results as without, and each job has what it asked for."""

from __future__ import annotations

from contextlib import chdir
from typing import Any

import pytest
import yaml
from copies import EXTENDED, ROOT, SMOKE, Finished, Repository
from kills import contents, differences
from local_slurm import GPUS, KIND, NODES, Job, LocalSlurm
from runs import Run, watched

from study import config
from study.cost import rates, resources, work

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]
RESULTS = "results-smoke"


def read_study(repository: Repository) -> config.Study:
    """The study that runs, with the files of the user's."""
    content: dict[str, Any] = {}
    for path in (ROOT / "config/config.yaml", ROOT / SMOKE, repository.path / EXTENDED):
        above = yaml.safe_load(path.read_text())
        named = {key: content.get(key, {}) | above.pop(key, {}) for key in ("attacks", "families")}
        content |= above | named
    return config.read(content)


def asked_for(study: config.Study, job: Job) -> tuple[str, str]:
    """Memory and time that the configuration makes of a job, as Slurm writes them."""
    rule, _, wildcards = job.name.partition(" ")
    names = {
        "attack": ("attack", "surrogate", "target", "confidence"),
        "transcribe": ("surrogate", "remote"),
        **dict.fromkeys(("train", "hear", "describe"), ("model",)),
    }
    values = dict(zip(names.get(rule, ()), wildcards.split("_"), strict=False))
    wanted = work.of(study, rates.read([ROOT / "config/rates.json"]), rule, values)
    minutes = resources.minutes(wanted, 1, {})
    return f"{resources.memory(wanted, 1)}M", f"{minutes // 60:02}:{minutes % 60:02}:00"


def test_undisturbed(slurm: LocalSlurm, extended: Finished, repository: Repository) -> None:
    # As who has several kinds of GPUs does.
    profile = repository.path / "slurm/profile.yaml"
    profile.write_text(profile.read_text().replace("# gpu_kind: a100", f"gpu_kind: {KIND}"))
    with watched(slurm) as watch:
        output = Run(repository, slurm).finish()
    assert differences(repository.path / RESULTS, contents(extended.path / RESULTS)) == []
    assert (repository.path / RESULTS / "verdict.txt").read_text() in output
    jobs = slurm.jobs()
    assert {job["JobState"] for job in jobs} == {"COMPLETED"}
    assert len({job.name for job in jobs}) == len(jobs) == 4 + 1 + 5 + 2 * 8 + 2 * 5 + 5
    # Paths of the user's files start where the study runs.
    with chdir(repository.path):
        study = read_study(repository)
        asked = {job.name: asked_for(study, job) for job in jobs}
    for job in jobs:
        assert (job["MinMemoryNode"], job["TimeLimit"]) == asked[job.name]
        assert job["NumCPUs"] == "1"
        assert job["Account"] == "lab"
    at_once = 0
    for moment in watch.seen:
        for job in moment:
            assert (job.device is not None) == (job.name.split()[0] in work.NETWORKS), job
            assert job["Partition"] == ("gpu" if job.device else "cpu")
        devices = [job.device for job in moment if job.device]
        assert len(set(devices)) == len(devices), moment
        at_once = max(at_once, len(devices))
    assert at_once == GPUS * len(NODES)
    seen = {job["JobId"] for moment in watch.seen for job in moment}
    assert seen == {job["JobId"] for job in jobs}
