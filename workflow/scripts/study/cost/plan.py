"""What a study will take before it is run: jobs, GPU hours, disk, and the wall time on a number of GPUs.

Times are those of :mod:`study.cost.work`. Runs on a cluster are simulated: jobs start in the order in which Snakemake
lists them, as soon as what they need is made and a GPU is free; jobs without a network wait for nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from study import designs, params
from study.config import Study
from study.cost import simulation, work
from study.cost.rates import Rates

GPUS = (1, 2, 4, 8, 16, 32, 64)
# Twice as many GPUs are worth while if they save this share of the wall time.
WORTH = 0.05


@dataclass(frozen=True)
class Job:
    """One job: its rule, its work, and the names of the jobs that it waits for."""

    rule: str
    work: work.Work
    after: tuple[str, ...]

    @property
    def devices(self) -> int:
        """GPUs (or CPUs, where there are none) that a job of a network holds; 0 for any other."""
        return self.work.devices if self.rule in work.NETWORKS else 0


def name_job(rule: str, wildcards: Mapping[str, str]) -> str:
    """Name a job."""
    return " ".join([rule, *wildcards.values()])


def jobs(study: Study, rates: Rates) -> dict[str, Job]:
    """Every job that makes a study, by rule and wildcards, each after those that it waits for."""
    found: dict[str, Job] = {}

    def add(rule: str, wildcards: Mapping[str, str], after: list[str]) -> str:
        name = name_job(rule, wildcards)
        found[name] = Job(rule, work.of(study, rates, rule, wildcards), tuple(after))
        return name

    corpus = add("corpus", {}, [])
    made: dict[str, str] = {}
    for model in sorted(study.trained, key=lambda name: len(params.list_donors(study, name))):
        made[model] = add("train", {"model": model}, [corpus, *(made[one] for one in params.list_donors(study, model))])
    sources = {model: study.parsed(model).source for model in study.models}
    loaded = {one: add("describe", {"model": one}, []) for one in dict.fromkeys(sources.values()) if one not in made}
    heard = {model: add("hear", {"model": model}, [made.get(sources[model], corpus)]) for model in study.models}
    scored = []
    if study.scoring is not None:
        fetched = [add("language", {}, [])] if params.is_downloaded(study) else []
        tuned = add("tune", {}, [made.get(study.models[0], corpus), *fetched])
        scored = [
            add("score", {"model": model}, [made.get(model, corpus), tuned]) for model in params.list_scored(study)
        ]
    selected = add("select", {}, [heard[model] for model in study.voting])
    attacks: dict[str, list[str]] = {surrogate: [] for surrogate in study.attacked}
    for job in designs.list_jobs(study):
        attacks[job.surrogate].append(add("attack", vars(job), [selected]))
    hearings = [
        add("transcribe", {"surrogate": surrogate, "remote": remote}, attacks[surrogate])
        for surrogate, remote in designs.list_hearings(study)
    ]
    tables = add("tables", {}, [*hearings, *scored, *heard.values(), *loaded.values()])
    audit = add("audit", {}, [tables])
    report = add("report", {}, [audit])
    add("proofread", {}, [add("verdict", {}, [report])])
    return found


def chain(planned: Mapping[str, Job], start: float = 0.0) -> tuple[float, list[str]]:
    """Seconds of the jobs that can only run one after another, and which they are.

    Args:
        start: seconds that each job takes in addition to its work.
    """
    ends: dict[str, tuple[float, list[str]]] = {}
    for name, job in planned.items():
        before = max((ends[other] for other in job.after if other in ends), default=(0.0, []))
        ends[name] = (before[0] + start + job.work.seconds, [*before[1], name])
    return max(ends.values(), default=(0.0, []))


def wall_time(planned: Mapping[str, Job], gpus: int, start: float = 0.0) -> float:
    """Seconds from the first job's start to the last one's end, with ``gpus`` GPUs (or jobs of a network at a time).

    Args:
        gpus: as many as any job holds, at the least.
        start: seconds that each job takes in addition to its work.
    """
    loads = {
        name: simulation.Load(start + job.work.seconds, {"devices": job.devices}, job.after)
        for name, job in planned.items()
    }
    return simulation.simulate(loads, {"devices": gpus})


def describe(study: Study, rates: Rates, wanted: Collection[str] | None = None, queue: float = 0.0) -> str:
    """The plan as text; empty if there is nothing to do.

    Args:
        wanted: names of the jobs that are still to run; None: all.
        queue: seconds that each job takes in addition to its work.
    """
    planned = {name: job for name, job in jobs(study, rates).items() if wanted is None or name in wanted}
    if not planned:
        return ""
    unit = "GPU" if study.device == "cuda" else "CPU"
    lines = [f"PLAN: {len(planned)} jobs, into {study.results}", "", *tabulate(study, planned)]
    busy = _busy(planned)
    seconds, names = chain(planned, queue)
    rules = ", ".join(name.split()[0] for name in names)
    lines += [
        "",
        f"longest chain: {spell_time(seconds)} ({rules})",
        "",
        f"{unit + 's':<12}{'wall time':>12}{'at work':>10}",
    ]
    least = max(job.devices for job in planned.values())
    times = {gpus: wall_time(planned, gpus, queue) for gpus in GPUS if gpus >= least}
    lines += [f"{gpus:<12}{spell_time(time):>12}{busy / gpus / time:>10.0%}" for gpus, time in times.items()]
    enough = next((gpus for gpus in times if wall_time(planned, 2 * gpus, queue) > (1 - WORTH) * times[gpus]), None)
    lines += [] if enough is None else [f"Twice as many as {enough} save less than {WORTH:.0%}."]
    lines += ["", name_rates(study, rates)]
    return "\n".join(lines) + "\n"


def tabulate(study: Study, planned: Mapping[str, Job]) -> list[str]:
    """A table of what jobs take: a line a rule, in the order of the jobs, and one for all."""
    unit = "GPU" if study.device == "cuda" else "CPU"
    lines = [f"{'rule':<12}{'jobs':>6}{'one takes':>12}{f'{unit}s for':>12}{'memory':>10}{'disk':>10}"]
    for rule in dict.fromkeys(job.rule for job in planned.values()):
        lines.append(_row(rule, [job for job in planned.values() if job.rule == rule]))
    disk = sum(job.work.disk for job in planned.values()) / 1000
    lines.append(f"{'all':<12}{len(planned):>6}{'':>12}{spell_time(_busy(planned)):>12}{'':>10}{disk:>7,.1f} GB")
    return lines


def name_rates(study: Study, rates: Rates) -> str:
    """Where the rates of a study come from."""
    return f"rates: {study.device}: {getattr(rates, study.device).source}; others: {rates.source}"


def _busy(planned: Mapping[str, Job]) -> float:
    return sum(job.work.seconds * job.devices for job in planned.values())


def _row(rule: str, planned: list[Job]) -> str:
    works = [job.work for job in planned]
    seconds = [one.seconds for one in works]
    busy = spell_time(sum(job.work.seconds * job.devices for job in planned)) if rule in work.NETWORKS else ""
    memory, disk = max(one.memory for one in works) / 1000, sum(one.disk for one in works) / 1000
    return f"{rule:<12}{len(works):>6}{spell_time(max(seconds)):>12}{busy:>12}{memory:>7.1f} GB{disk:>7,.1f} GB"


def estimate_cost(study: Study, rates: Rates) -> dict[str, Any]:
    """What ``asrtransfer.report.verdict.Cost`` takes: how the seconds of a study grow with its selected utterances."""
    count = study.selection.utterances
    larger = study.model_copy(update={"selection": study.selection.model_copy(update={"utterances": 10 * count})})
    once, more = (
        sum(job.work.seconds * max(1, job.devices) for job in jobs(one, rates).values()) for one in (study, larger)
    )
    each = (more - once) / (9 * count)
    return {
        "fixed": round(once - each * count),
        "each": round(each, 2),
        "device": "core" if study.device == "cpu" else "GPU",
    }


def spell_time(seconds: float) -> str:
    """A time as one reads it: seconds up to half a minute, then minutes, then hours."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    if minutes < 100:
        return f"{minutes} min"
    return f"{seconds / 3600:,.1f} h"
