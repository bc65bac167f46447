"""What the jobs of a study asked Slurm for, and what they had, against what the configuration makes of each."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import chdir

from configurations import read_study
from copies import EXTENDED, ROOT, Repository
from local_slurm import Job

from study import config
from study.cost import rates, resources, work


def asked_for(study: config.Study, job: Job) -> tuple[str, str]:
    """Memory and time that the configuration makes of a job's first try, as Slurm writes them."""
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


def check_requests(repository: Repository, jobs: Sequence[Job]) -> None:
    """Check memory, time, cores and account of the first job of each name."""
    first: dict[str, Job] = {}
    for job in sorted(jobs, key=lambda job: int(job["JobId"])):
        first.setdefault(job.name, job)
    # Paths of the user's files start where the study runs.
    with chdir(repository.path):
        study = read_study("smoke.yaml", repository.path / EXTENDED)
        asked = {name: asked_for(study, job) for name, job in first.items()}
    for name, job in first.items():
        assert (job["MinMemoryNode"], job["TimeLimit"]) == asked[name], name
        assert (job["NumCPUs"], job["Account"]) == ("1", "lab"), name


def check_devices(moments: Sequence[Sequence[Job]], devices: int) -> None:
    """Check that networks had a GPU each, no two the same, and that at some moment all were in use."""
    at_once = 0
    for moment in moments:
        for job in moment:
            assert (job.device is not None) == (job.name.split()[0] in work.NETWORKS), job
            assert job["Partition"] == ("gpu" if job.device else "cpu")
        used = [job.device for job in moment if job.device]
        assert len(set(used)) == len(used), moment
        at_once = max(at_once, len(used))
    assert at_once == devices
