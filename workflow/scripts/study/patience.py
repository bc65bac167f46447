"""Patience with a Slurm that is busy: three cases in which Snakemake's executor gives up a job or waits for ever.

Release 2.8.0 of snakemake-executor-plugin-slurm forgets its jobs when Slurm does not answer five times in a row, waits
for ever for a job that Slurm cancelled in favour of another, and counts a job as failed that Slurm does not take for
now. Its methods are replaced by ones that ask again. Jobs themselves stay as they are.
"""

from __future__ import annotations

import re
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

NOT_NOW = re.compile(
    r"\w*(?:MaxSubmitJob|GrpSubmitJobs)\w*Limit|Resource temporarily unavailable|Unable to contact slurm controller"
)
"""What sbatch says of a job that it would take later: a limit on jobs in the queue, a full queue, no controller."""
PAUSE_SECONDS = 20.0


def be_patient(executor: Any, say: Callable[[str], object]) -> None:
    """Replace methods of the executor's class.

    Args:
        executor: the class.
        say: tells the user what a run waits for.
    """
    check, submit, fail = executor.check_active_jobs, executor.run_job, executor._report_job_error_threadsafe
    cancel = executor.cancel_jobs
    # Jobs are submitted by several threads.
    refusal = threading.local()

    async def check_active_jobs(self: Any, active_jobs: Sequence[Any]) -> AsyncIterator[Any]:
        answers = self._status_query_calls
        async for job in check(self, active_jobs):
            yield job
        if self._status_query_calls == answers:
            for job in active_jobs:
                yield job
        elif active_jobs:
            requeue_preempted(self.run_uuid, say)

    def run_job(self: Any, job: Any) -> None:
        told = False
        while True:
            refusal.reasons = []
            submit(self, job)
            reasons, refusal.reasons = refusal.reasons, None
            if not reasons:
                return
            if not told:
                say(f"Slurm takes no more jobs for now ({reasons[0]}); this run waits")
                told = True
            end = time.monotonic() + PAUSE_SECONDS
            while time.monotonic() < end and not getattr(self, "is_cancelled", False):
                time.sleep(0.2)

    def report_error(self: Any, job_info: Any, msg: str) -> None:
        reasons = getattr(refusal, "reasons", None)
        if reasons is not None and not getattr(self, "is_cancelled", False) and (found := NOT_NOW.search(msg)):
            reasons.append(found[0])
        else:
            fail(self, job_info, msg)

    def cancel_jobs(self: Any, active_jobs: Sequence[Any]) -> None:
        self.is_cancelled = True
        cancel(self, active_jobs)

    executor.check_active_jobs = check_active_jobs
    executor.run_job = run_job
    executor._report_job_error_threadsafe = report_error
    executor.cancel_jobs = cancel_jobs


def requeue_preempted(run: str, say: Callable[[str], object]) -> None:
    """Put jobs back into the queue that Slurm cancelled in favour of others; those that it requeues itself are none.

    Args:
        run: name of the run's jobs.
        say: tells the user.
    """
    asked = _ask("squeue", "--noheader", "--states=PREEMPTED", "--format=%A", f"--name={run}")
    for job in asked.split():
        say(f"Slurm cancelled job {job} in favour of another; it is put back into the queue")
        _ask("scontrol", "requeue", job)


def _ask(*command: str) -> str:
    """Return what a command of Slurm's prints; nothing where it fails, as it is asked again later."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
