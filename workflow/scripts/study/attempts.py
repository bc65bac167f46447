"""Which of Slurm's attempts at a job this is.

Slurm starts a job again under the same number: after a preemption, and when its node is lost, where the earlier attempt
may go on. How often it has done so is in the environment of the job's first process alone.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping

VARIABLE = "STUDY_ATTEMPT"
"""Of the environment: the job's number and how often it was started again, as in 17.1."""


def note_attempt(environment: MutableMapping[str, str]) -> None:
    """Note the attempt in an environment that all processes of the job inherit; nothing outside Slurm."""
    job = environment.get("SLURM_JOB_ID")
    if job and not read_attempt(environment).startswith(f"{job}."):
        environment[VARIABLE] = f"{job}.{environment.get('SLURM_RESTART_COUNT', 0)}"


def read_attempt(environment: Mapping[str, str]) -> str:
    """Return what :func:`note_attempt` has noted; empty outside Slurm."""
    return environment.get(VARIABLE, "")


def is_earlier(attempt: str, other: str) -> bool:
    """Whether another attempt is at the same job and was started later."""
    (job, _, start), (other_job, _, other_start) = attempt.partition("."), other.partition(".")
    return job == other_job and start.isdigit() and other_start.isdigit() and int(start) < int(other_start)
