"""Where Slurm is busy, a run waits: Snakemake's executor is played by a class with its faults, Slurm by two scripts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

import pytest

from study import patience

LIMIT = "sbatch: error: AssocMaxSubmitJobLimit\nsbatch: error: Batch job submission failed: Job violates policy"


class Executor:
    """As the executor's methods are, for what they are replaced in."""

    def __init__(self, answers: bool = True, refusals: Sequence[str] = ()) -> None:
        self.answers, self.refusals = answers, list(refusals)
        self.run_uuid = "run"
        self._status_query_calls = 0
        self.failed: list[str] = []
        self.submitted: list[str] = []

    async def check_active_jobs(self, active_jobs: Sequence[str]) -> AsyncIterator[str]:
        if self.answers:
            self._status_query_calls += 1
            for job in active_jobs[1:]:
                yield job

    def run_job(self, job: str) -> None:
        if self.refusals:
            self._report_job_error_threadsafe(job, self.refusals.pop(0))
        else:
            self.submitted.append(job)

    def _report_job_error_threadsafe(self, job_info: str, msg: str) -> None:
        self.failed.append(msg)

    def cancel_jobs(self, active_jobs: Sequence[str]) -> None:
        self.submitted.clear()


@pytest.fixture
def said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, put_on_path: Callable[[Mapping[str, str]], None]
) -> list[str]:
    """What a run says; its executor is patient, and pauses are short."""
    for name in ("check_active_jobs", "run_job", "_report_job_error_threadsafe", "cancel_jobs"):
        monkeypatch.setattr(Executor, name, getattr(Executor, name))
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 0.01)
    scripts = {
        "squeue": f"[ $2 = --states=PREEMPTED ] && [ $4 = --name=run ] && cat {tmp_path}/preempted",
        "scontrol": f"echo $@ >> {tmp_path}/asked",
    }
    (tmp_path / "preempted").write_text("")
    put_on_path(scripts)
    told: list[str] = []
    patience.be_patient(Executor, told.append)
    return told


def active(executor: Executor, jobs: Sequence[str]) -> list[str]:
    """The jobs that an executor takes for active after it has looked."""

    async def look() -> list[str]:
        return [job async for job in executor.check_active_jobs(jobs)]

    return asyncio.run(look())


def test_jobs_are_not_forgotten_when_slurm_does_not_answer(said: list[str]) -> None:
    assert active(Executor(answers=False), ["1", "2"]) == ["1", "2"]
    assert active(Executor(), ["1", "2"]) == ["2"]


def test_a_job_that_was_cancelled_for_another_is_put_back(said: list[str], tmp_path: Path) -> None:
    (tmp_path / "preempted").write_text("7\n9\n")
    active(Executor(), ["7", "8", "9"])
    assert (tmp_path / "asked").read_text() == "requeue 7\nrequeue 9\n"
    assert len(said) == 2 and "job 7 in favour of another" in said[0]


def test_a_job_that_slurm_does_not_take_now_is_submitted_again(said: list[str]) -> None:
    executor = Executor(refusals=[LIMIT, LIMIT])
    executor.run_job("a")
    assert (executor.submitted, executor.failed) == (["a"], [])
    assert said == ["Slurm takes no more jobs for now (AssocMaxSubmitJobLimit); this run waits"]


@pytest.mark.parametrize("why", ["QOSMaxSubmitJobPerUserLimit", "AssocGrpSubmitJobsLimit", "QOSGrpSubmitJobsLimit"])
def test_limits_on_jobs_in_the_queue_are_known(why: str) -> None:
    assert (found := patience.NOT_NOW.search(f"sbatch: error: {why}\n")) and found[0] == why


@pytest.mark.parametrize("why", ["AssocMaxWallDurationPerJobLimit", "invalid partition specified: gpus"])
def test_a_job_that_slurm_will_never_take_fails(said: list[str], why: str) -> None:
    executor = Executor(refusals=[why])
    executor.run_job("a")
    assert (executor.submitted, executor.failed, said) == ([], [why], [])


def test_an_interrupted_run_does_not_wait(said: list[str]) -> None:
    executor = Executor(refusals=[LIMIT])
    executor.cancel_jobs([])
    executor.run_job("a")
    assert (executor.submitted, executor.failed) == ([], [LIMIT])


def test_the_executor_has_what_is_replaced() -> None:
    from snakemake_executor_plugin_slurm import Executor as Real

    for name in ("check_active_jobs", "run_job", "_report_job_error_threadsafe", "cancel_jobs"):
        assert callable(getattr(Real, name))
