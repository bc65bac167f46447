"""What a run says of itself: what it will do, how far it is and how long it still takes, and where its report is.

Snakemake tells the handlers of its logger of every job that starts, ends or fails; one more handler listens, and a
thread of its own says now and then how far the run is. What it says goes through Snakemake's logger, and so into
Snakemake's log as well. It reads nothing but these events and the jobs that are pending, and changes neither.
"""

from __future__ import annotations

import logging
import os
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TextIO

from study.config import Study
from study.cost import plan, work
from study.cost.rates import Rates
from study.cost.simulation import Load, simulate

PREFIX = ">>> "
"""Begins each line, so that they can be told from Snakemake's, and found in a log."""

# Seconds between two lines: at first a line each ten seconds, then one whenever a sixtieth of the time has gone by
# again, so that a log of three days can still be read.
SHORTEST_INTERVAL, LONGEST_INTERVAL, INTERVAL_SHARE = 10.0, 300.0, 1 / 60
# A job that takes longer than expected is expected to take this share of its time more.
OVERRUN = 0.05
SHOWN = 3


class Progress:
    """How far a run is: which jobs are done, and how long the others take.

    Args:
        pending: the jobs to run, by name.
        hold: what a job holds while it runs, by resource.
        capacity: how much there is of each resource.
        queue: seconds that each job takes beyond its work.

    Times of a run are seconds of any clock.
    """

    def __init__(
        self,
        pending: Mapping[str, plan.Job],
        hold: Callable[[plan.Job], Mapping[str, int]],
        capacity: Mapping[str, int],
        queue: float = 0.0,
    ) -> None:
        self._pending = dict(pending)
        self._hold = hold
        self._capacity = capacity
        self._queue = queue
        self._begun = 0.0
        self._started: dict[str, float] = {}
        self._failed: set[str] = set()
        self._finished: set[str] = set()
        self._measured: dict[str, list[tuple[float, float]]] = defaultdict(list)

    def begin(self, now: float) -> None:
        """The run starts."""
        self._begun = now

    def start(self, name: str, now: float) -> None:
        """A job starts, for the first time or again."""
        if name in self._pending:
            self._started[name] = now
            self._failed.discard(name)

    def finish(self, name: str, now: float) -> None:
        """A job is done."""
        job, start = self._pending.pop(name, None), self._started.pop(name, None)
        if job is not None:
            self._finished.add(name)
            if start is not None:
                self._measured[job.rule].append((now - start, self._estimate(job)))

    def fail(self, name: str) -> None:
        """A job has failed; it may start again."""
        if name in self._pending:
            self._started.pop(name, None)
            self._failed.add(name)

    def replace_pending(self, pending: Mapping[str, plan.Job]) -> None:
        """Other jobs are to run from now on: after a checkpoint, some need not."""
        self._pending = {name: job for name, job in pending.items() if name not in self._finished}
        self._started = {name: start for name, start in self._started.items() if name in self._pending}
        self._failed &= self._pending.keys()

    def seconds_left(self, now: float) -> float:
        """Seconds until the last job ends that can run: not those that have failed, nor any that waits for them."""
        loads = {}
        for name, start in self._started.items():
            job, elapsed = self._pending[name], now - start
            loads[name] = Load(max(self.expect(job, now) - elapsed, OVERRUN * elapsed), self._hold(job))
        lost = self._find_lost()
        for name, job in self._pending.items():
            if name not in loads and name not in lost:
                loads[name] = Load(self.expect(job, now), self._hold(job), job.after)
        return simulate(loads, self._capacity)

    def expect(self, job: plan.Job, now: float) -> float:
        """Seconds that a job takes: the estimate, corrected by the jobs that are done.

        The correction is the median ratio of measured and estimated times of the job's rule. Before any job of the rule
        is done, it is the ratio of the sums over all rules, or that of a running job of the rule which has already
        taken longer.
        """
        if pairs := self._measured.get(job.rule):
            return self._estimate(job) * statistics.median(measured / estimated for measured, estimated in pairs)
        pairs = [pair for pairs in self._measured.values() for pair in pairs]
        ratio = sum(measured for measured, _ in pairs) / sum(estimated for _, estimated in pairs) if pairs else 1.0
        running = ((self._pending[name], now - start) for name, start in self._started.items())
        overrun = [elapsed / self._estimate(other) for other, elapsed in running if other.rule == job.rule]
        return self._estimate(job) * max(ratio, *overrun, 0.0)

    def describe(self, now: float) -> str:
        """How far the run is, on one line."""
        parts = [f"{self._count()}, about {plan.spell_time(self.seconds_left(now))} left"]
        if names := list(self._started):
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            parts.append(f"running: {', '.join(names[:SHOWN])}{more}")
        if self._failed:
            parts.append(f"{len(self._failed)} failed")
        return "; ".join(parts)

    def describe_end(self, now: float, success: bool) -> str:
        """What a run has come to, on one line."""
        took = plan.spell_time(now - self._begun)
        if success:
            return f"{self._count()} in {took}"
        failed = f"; failed: {', '.join(sorted(self._failed))}" if self._failed else ""
        return f"stopped after {took}, {self._count()}{failed}. What is finished is kept: run again to go on"

    def _estimate(self, job: plan.Job) -> float:
        # A rate may be so high, and a start so short, that nothing is left to divide by.
        return max(job.work.seconds + self._queue, 1e-3)

    def _count(self) -> str:
        done = len(self._finished)
        return f"{done} of {done + len(self._pending)} jobs done"

    def _find_lost(self) -> set[str]:
        """Failed jobs, and those that wait for them."""
        lost: set[str] = set(self._failed)
        while more := {
            name for name, job in self._pending.items() if name not in lost and not lost.isdisjoint(job.after)
        }:
            lost |= more
        return lost


class Reporter(logging.Handler):
    """Follows a run through the events of Snakemake's logger and says how far it is.

    Args:
        logger: Snakemake's.
        interval: seconds until the next line, given the seconds since the run began.
    """

    def __init__(self, logger: logging.Logger, interval: Callable[[float], float] | None = None) -> None:
        super().__init__(logging.INFO)
        self._logger = logger
        self._interval = interval or choose_interval
        self._progress: Progress | None = None
        self._list_pending: Callable[[], Mapping[str, plan.Job]] = dict
        self._names: dict[int, str] = {}
        self._checkpoints: set[int] = set()
        self._changed = False
        self._guard = threading.Lock()
        self._ended = threading.Event()

    def follow(self, progress: Progress, list_pending: Callable[[], Mapping[str, plan.Job]]) -> None:
        """Listen, and speak now and then, until :meth:`end`.

        Args:
            list_pending: the jobs that are still to run; called where Snakemake itself may change them.
        """
        self._progress, self._list_pending = progress, list_pending
        begun = time.monotonic()
        progress.begin(begun)
        self._logger.addHandler(self)
        # Snakemake must be able to end, and to be ended, at any moment of this thread.
        threading.Thread(target=self._speak, args=(begun,), name="progress", daemon=True).start()

    def say(self, text: str) -> None:
        """Say something, each line with the prefix."""
        self._logger.info("\n".join(f"{PREFIX}{line}".rstrip() for line in text.splitlines()))

    def end(self, success: bool) -> None:
        """Stop listening, and say what the run has come to."""
        self.close()
        if self._progress is not None:
            self.say(self._progress.describe_end(time.monotonic(), success))

    def close(self) -> None:
        """Stop; Snakemake closes the handlers of its logger when it ends."""
        self._ended.set()
        self._logger.removeHandler(self)
        super().close()

    def emit(self, record: logging.LogRecord) -> None:
        """Take note of a job that starts, ends or fails."""
        event = getattr(record, "event", None)
        if event is None or self._progress is None:
            return
        try:
            with self._guard:
                self._note(self._progress, str(event), record.__dict__)
        except Exception:
            # A run is worth more than its progress.
            self.handleError(record)

    def _note(self, progress: Progress, event: str, told: Mapping[str, object]) -> None:
        now = time.monotonic()
        match event, told:
            case "job_info", {"jobid": int(number), "rule_name": rule, "wildcards": wildcards}:
                if self._changed:
                    # The checkpoint is done, and Snakemake has gone on to other jobs: it knows now which.
                    progress.replace_pending(self._list_pending())
                    self._changed = False
                self._names[number] = plan.name_job(str(rule), dict(wildcards))  # type: ignore[call-overload]
                if told.get("is_checkpoint"):
                    self._checkpoints.add(number)
                progress.start(self._names[number], now)
            case "job_finished", {"job_id": int(number)} if number in self._names:
                progress.finish(self._names[number], now)
                self._changed |= number in self._checkpoints
            case "job_error", {"jobid": int(number)} if number in self._names:
                progress.fail(self._names[number])

    def _speak(self, begun: float) -> None:
        progress = self._progress
        while progress is not None and not self._ended.wait(self._interval(time.monotonic() - begun)):
            with self._guard:
                line = progress.describe(time.monotonic())
            self.say(line)


def choose_interval(elapsed: float) -> float:
    """Seconds until the next line of progress."""
    return min(max(SHORTEST_INTERVAL, INTERVAL_SHARE * elapsed), LONGEST_INTERVAL)


def hold_locally(study: Study, job: plan.Job) -> dict[str, int]:
    """What a job holds of the machine that runs all: cores, and GPUs where the study uses them."""
    cores = study.threads if job.rule in work.NETWORKS else 1
    return {"cores": cores, "gpus": job.devices if study.device == "cuda" else 0}


def describe_start(study: Study, rates: Rates, pending: Mapping[str, plan.Job], seconds: float, cores: int) -> str:
    """What a run on this machine will do, and how long that takes by the rates."""
    many = "1 core" if cores == 1 else f"{cores} cores"
    return "\n".join(
        [
            f"{len(pending)} jobs to run, into {study.results}",
            *plan.tabulate(study, pending),
            f"about {plan.spell_time(seconds)} on {many}; the first jobs that finish correct this",
            plan.name_rates(study, rates),
        ]
    )


def link(path: Path, stream: TextIO, environment: Mapping[str, str] = os.environ) -> str:
    """The address of a file: a hyperlink where the stream is a terminal that is known to show them.

    Hyperlinks are OSC 8 sequences: https://gist.github.com/egmontkob/eb114294efbcd5adb1944c9f3cb5feda
    """
    address = path.resolve().as_uri()
    if not (stream.isatty() and _shows_links(environment)):
        return address
    return f"\033]8;;{address}\033\\{address}\033]8;;\033\\"


def _shows_links(environment: Mapping[str, str]) -> bool:
    if environment.get("TERM", "dumb") == "dumb" or environment.get("NO_COLOR"):
        return False
    vte = environment.get("VTE_VERSION", "")
    return (
        (vte.isdigit() and int(vte) >= 5000)
        or environment.get("TERM_PROGRAM") in ("iTerm.app", "WezTerm", "vscode", "ghostty")
        or environment["TERM"] in ("xterm-kitty", "alacritty", "foot")
        or bool(environment.get("WT_SESSION") or environment.get("KONSOLE_VERSION"))
    )
