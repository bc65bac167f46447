"""The smoke study on a real Slurm: the same results as without, and each job has what it asked for."""

from __future__ import annotations

import pytest
import yaml
from copies import ROOT, Finished, Repository
from kills import contents, differences
from local_slurm import GPUS, KIND, NODES, Job, LocalSlurm
from runs import Run, watched

from study import config
from study.cost import rates, resources, work

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]
RESULTS = "results-smoke"


def smoke_study() -> config.Study:
    content = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    for key, value in yaml.safe_load((ROOT / "config/smoke.yaml").read_text()).items():
        content[key] = value
    content["attacks"] |= yaml.safe_load((ROOT / "config/smoke.yaml").read_text())["attacks"]
    return config.read(content)


def asked_for(job: Job) -> tuple[str, str]:
    """Memory and time that the configuration makes of a job, as Slurm writes them."""
    rule, _, wildcards = job.name.partition(" ")
    names = {"attack": ("attack", "surrogate", "target", "confidence"), "transcribe": ("surrogate", "remote")}
    values = dict(zip(names.get(rule, ()), wildcards.split("_"), strict=False))
    wanted = work.of(smoke_study(), rates.read([ROOT / "config/rates.json"]), rule, values)
    minutes = resources.minutes(wanted, 1, {})
    return f"{resources.memory(wanted, 1)}M", f"{minutes // 60:02}:{minutes % 60:02}:00"


def test_undisturbed(slurm: LocalSlurm, smoke: Finished, repository: Repository) -> None:
    # As who has several kinds of GPUs does.
    profile = repository.path / "slurm/profile.yaml"
    profile.write_text(profile.read_text().replace("# gpu_kind: a100", f"gpu_kind: {KIND}"))
    with watched(slurm) as watch:
        output = Run(repository, slurm).finish()
    assert differences(repository.path / RESULTS, contents(smoke.path / RESULTS)) == []
    assert (repository.path / RESULTS / "verdict.txt").read_text() in output
    jobs = slurm.jobs()
    assert {job["JobState"] for job in jobs} == {"COMPLETED"}
    assert len({job.name for job in jobs}) == len(jobs) == 4 + 4 + 7 + 4 + 3
    for job in jobs:
        assert (job["MinMemoryNode"], job["TimeLimit"]) == asked_for(job)
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
