"""The cluster of the tests says why it cannot be had, and leaves nothing of its jobs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import local_slurm
import pytest
from runs import list_processes


def test_without_root_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda program, path=None: None if program == "slurmd" else f"/bin/{program}")
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    with pytest.raises(local_slurm.Unavailable, match="slurmd missing, and only root on Debian can install"):
        local_slurm.install()


def test_a_line_of_slurm_is_read() -> None:
    job = local_slurm.Job(
        "JobId=7 JobName=x JobState=RUNNING Partition=gpu   Nodes=n1 CPU_IDs=0 Mem=500 GRES=gpu:a:1(IDX:1) "
        "MinMemoryNode=500M Comment=rule_hear_wildcards_seed-1.twin "
    )
    assert (job["JobId"], job["MinMemoryNode"], job.name) == ("7", "500M", "hear seed-1.twin")
    assert job.device == ("n1", "1")
    assert local_slurm.Job("JobId=8 Nodes=n1 CPU_IDs=0 Mem=500 GRES= ").device is None


@pytest.mark.cluster
def test_nothing_of_a_job_outlives_it(slurm: local_slurm.LocalSlurm, tmp_path: Path) -> None:
    """What ignores SIGTERM and has lost its parent: a Snakemake in a job that waits for itself is such a process."""
    # The shell ends at SIGTERM, and what it has started does not.
    script = "(trap '' TERM; while :; do sleep 1; done) & sleep 600"
    slurm.run("sbatch", "--mem=100", f"--chdir={tmp_path}", "--output=/dev/null", f"--wrap={script}")
    local_slurm.wait(60, lambda: len(list_processes(tmp_path)) >= 3, "the job's processes")
    slurm.run("scancel", "--me")
    local_slurm.wait(60, lambda: not list_processes(tmp_path), "the end of the job's processes")
