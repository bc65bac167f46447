"""The smoke study on a real Slurm, after everything that goes wrong: the same results as without.

And each job asks for what the configuration makes of it.
"""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest
from asked import check_devices, check_requests
from copies import RESULTS, SMOKE, Finished, Repository
from kills import contents, differences
from local_slurm import GPUS, KIND, NODES, Job, LocalSlurm
from runs import Held, Run, has_checkpoint, pause, watched

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(3000)]
MODELS = ("seed-1", "seed-2", "seed-1.twin", "seed-1.ulp-1")
HARMED = ("seed-1", "seed-1.twin")
STOPPED = "told to stop; the next run goes on from the checkpoint"


def begun(log: Path, job: Job) -> bool:
    """Whether a job has logged what it does since it began, and not its name alone."""
    # Between two attempts there is no log.
    lines = log.read_text().splitlines() if log.exists() else []
    return len(lines) > 1 and lines[0][:19].replace(" ", "T") > job["StartTime"]


def test_everything_that_goes_wrong(slurm: LocalSlurm, extended: Finished, repository: Repository) -> None:
    path = repository.path
    # As who has several kinds of GPUs does.
    profile = path / "slurm/profile.yaml"
    profile.write_text(profile.read_text().replace("# gpu_kind: a100", f"gpu_kind: {KIND}"))

    def begin(after: signal.Signals | None = None, held: Held | None = None) -> Run:
        """Start Snakemake, after an earlier one that was killed as README.md says."""
        left = [job for job in slurm.jobs() if job["JobState"] in ("RUNNING", "PENDING")]
        if after is not None:
            assert left
            assert "LockException" in repository.snakemake("--cores", "1", "--configfile", SMOKE, check=False).stdout
            repository.snakemake("--unlock")
        run = Run(repository, slurm)
        if after is not None:
            run.until(lambda: "Slurm has jobs of an earlier run" in run.shown, "a word on the earlier jobs")
            if held is not None:
                held.release()
            ended = {job["JobId"] for job in left}
            run.until(lambda: not ended & set(slurm.run("squeue", "-h", "-o", "%A").split()), "their end")
        return run

    def all_running(run: Run, rule: str, count: int = 4) -> list[Job]:
        """That many jobs of a rule, once they run."""

        def found() -> list[Job]:
            return [job for job in slurm.jobs() if job.name.split()[0] == rule and job["JobState"] == "RUNNING"]

        run.until(lambda: len(found()) >= count, f"{count} running jobs of {rule}")
        return found()

    # Snakemake is killed while all models are trained.
    run = begin()
    with watched(slurm) as training:
        run.until(lambda: all(has_checkpoint(path, model) for model in MODELS), "checkpoints")
    held = Held(run, "train", MODELS)
    run.signal(signal.SIGKILL)
    run = begin(after=signal.SIGKILL, held=held)

    def hold_trainings(*models: str) -> tuple[dict[str, Job], Held]:
        """Hold trainings, once the harmed ones have begun: what only starts is not told to stop, it is killed."""
        jobs = {job.name.split()[1]: job for job in all_running(run, "train")}
        logs = path / RESULTS / "logs/train"
        run.until(lambda: all(begun(logs / f"{model}.log", jobs[model]) for model in HARMED), "more of the training")
        return jobs, Held(run, "train", models)

    # A job of another user's takes the nodes, and Slurm starts the trainings again after it.
    jobs, _ = hold_trainings(*MODELS)
    slurm.preempt("REQUEUE")
    run.until(lambda: all(slurm.job(job)["Restarts"] == "1" for job in jobs.values()), "preemption")

    # One training is cancelled, and one runs into its time limit.
    jobs, held = hold_trainings(*HARMED)
    slurm.run("scontrol", "update", f"jobid={jobs['seed-1.twin']['JobId']}", "timelimit=1")
    slurm.run("scancel", jobs["seed-1"]["JobId"])
    held.release("seed-1")
    run.until(lambda: slurm.job(jobs["seed-1.twin"])["JobState"] != "RUNNING", "the time limit")
    held.release()

    # The terminal is closed while a model hears clean speech.
    run.until(lambda: all((path / RESULTS / f"models/{model}/card.json").exists() for model in MODELS), "models")
    held = Held(run, "hear", [all_running(run, "hear", count=1)[0].name.split()[1]])
    for model in MODELS:
        told = (path / RESULTS / f"logs/train/{model}.log").read_text()
        first = re.search(r"epoch (\d+)/20", told)
        assert first and int(first[1]) > 1, f"{model} began anew:\n{told}"
    assert slurm.job(jobs["seed-1"])["JobState"] == "CANCELLED"
    assert slurm.job(jobs["seed-1.twin"])["JobState"] == "TIMEOUT"
    assert STOPPED in run.shown
    run.signal(signal.SIGHUP)
    run = begin(after=signal.SIGHUP, held=held)

    # Attacks give way to a job of another user's, and Slurm does not start them again by itself.
    given_way = all_running(run, "attack", count=2)
    slurm.preempt("CANCEL")
    run.until(lambda: any(f"Slurm cancelled job {job['JobId']}" in run.shown for job in given_way), "preemption")

    # A node is lost, its attack stands still and is done on the other one; then it goes on, and the node comes back.
    lost = Held(run, "attack", ["seed-1"])
    process = lost.processes["seed-1"]
    place = process.environ()
    slurm.kill_node_daemon(place["SLURMD_NODENAME"])
    done = Job(f"JobId={place['SLURM_JOB_ID']}")
    run.until(lambda: slurm.job(done)["JobState"] == "COMPLETED", "the attack on the other node")
    made = path / RESULTS / f"attacks/{slurm.job(done).name.split()[1].replace('_', '/')}.parquet"
    # A file that is replaced is another one; Snakemake itself dates those of a job that is done.
    before = made.stat().st_ino
    lost.release()
    process.wait(60)
    assert made.stat().st_ino == before
    slurm.start_node(place["SLURMD_NODENAME"])

    # The controller is gone for some seconds, and at last Ctrl-C is pressed.
    held = Held(run, "transcribe", [all_running(run, "transcribe", count=1)[0].name.split()[1].partition("_")[0]])
    slurm.stop_controller()
    pause()
    slurm.start_controller()
    all_running(run, "transcribe", count=1)
    assert run.signal(signal.SIGINT) != 0
    held.release()
    assert slurm.run("squeue", "-h", "-t", "RUNNING,PENDING") == ""
    with watched(slurm) as last:
        output = begin().finish()

    assert differences(path / RESULTS, contents(extended.path / RESULTS)) == []
    assert (path / RESULTS / "verdict.txt").read_text() in output
    assert slurm.run("squeue", "-h") == ""
    jobs = slurm.jobs()
    names = {job.name for job in jobs}
    completed = {job.name for job in jobs if job["JobState"] == "COMPLETED"}
    # What a new run cancels may have written its files already; then it is not done again.
    cancelled = {job.name for job in jobs if job["JobState"] == "CANCELLED"}
    assert names - completed <= cancelled
    # After corpus, training, hearing, attacks and transcription: describe, tables, audit, report, proofread.
    assert len(names) == 1 + 4 + 5 + 2 * 4 + 2 * 5 + 5
    check_requests(repository, jobs)
    check_devices([*training.seen, *last.seen], GPUS * len(NODES))
    assert not any(path.glob(".snakemake/incomplete/*"))
    assert not any(path.glob(".snakemake/slurm-runs/**/*.run"))
