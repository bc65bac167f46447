"""The published study's wall time on eight cards, simulated: what other ways of running its jobs would save.

.venv/bin/python benchmarks/paper_wall.py

The jobs and their seconds are those of the plan, which assumes that a card does 30 % of its peak (see
docs/paper-study.md). Each line is one more assumption, laid over those above it; none was measured on a GPU.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import yaml
from snakemake.utils import update_config

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from study import config
from study.cost import plan, rates, simulation, work

CONFIG = Path(__file__).resolve().parents[1] / "config"
CARDS = 8
# Of the iterations that PGD is allowed: measured on the default study of fce1b75, where an utterance is finished with
# its third sample, after 137 of 300 iterations in the mean.
PGD_ENDS = 0.46
UNLIMITED = 1e12

Jobs = Mapping[str, plan.Job]


def read_paper() -> config.Study:
    """The published study."""
    content = yaml.safe_load((CONFIG / "config.yaml").read_text())
    update_config(content, yaml.safe_load((CONFIG / "paper.yaml").read_text()))
    return config.read(content)


def scale(jobs: Jobs, rule: str, factor: float, holding: str = "") -> dict[str, plan.Job]:
    """The jobs, of which those of a rule whose names hold a text take other seconds."""
    return {
        name: replace(job, work=replace(job.work, seconds=job.work.seconds * factor))
        if job.rule == rule and holding in name
        else job
        for name, job in jobs.items()
    }


def overlap_decoding(jobs: Jobs) -> dict[str, plan.Job]:
    """The jobs, of which those that hear take the larger of the network's time and the decoder's, not their sum."""
    network = plan.jobs(STUDY, RATES.model_copy(update={"decoding": UNLIMITED}))
    listening = RATES.cuda.model_copy(update={"listening": UNLIMITED})
    decoder = plan.jobs(STUDY, RATES.model_copy(update={"cuda": listening}))
    return {
        name: replace(job, work=max(network[name].work, decoder[name].work, key=lambda one: one.seconds))
        if job.rule in ("hear", "transcribe")
        else job
        for name, job in jobs.items()
    }


def simulate(jobs: Jobs, trainings: int = 1, gain: float = 1.0) -> float:
    """Hours on the cards, of which each runs several trainings at once.

    Args:
        trainings: at once on a card.
        gain: how many times as much a card gets done that runs more than one.
    """
    shared = scale(jobs, "train", trainings / gain)
    loads = {
        name: simulation.Load(
            job.work.seconds,
            {"shares": 1 if job.rule == "train" else trainings if job.rule in work.NETWORKS else 0},
            job.after,
        )
        for name, job in shared.items()
    }
    return simulation.simulate(loads, {"shares": CARDS * trainings}) / 3600


def main() -> None:
    """Print the table."""
    jobs = plan.jobs(STUDY, RATES)
    busy = {rule: sum(job.work.seconds for job in jobs.values() if job.rule == rule) / 3600 for rule in work.NETWORKS}
    print(f"GPU hours: {', '.join(f'{rule} {hours:.0f}' for rule, hours in busy.items() if hours)}")
    print(f"all cards at work all the time: {sum(busy.values()) / CARDS:.0f} h")
    print(f"as planned: {simulate(jobs):.0f} h")
    jobs = scale(jobs, "attack", PGD_ENDS, "attack pgd")
    print(f"PGD ends after {PGD_ENDS:.0%} of its iterations: {simulate(jobs):.0f} h")
    jobs = overlap_decoding(jobs)
    print(f"the decoder works beside the network: {simulate(jobs):.0f} h")
    for trainings in (2, 3):
        for gain in (1.0, 1.5, 2.0, 2.5):
            hours = simulate(jobs, trainings, gain)
            print(f"{trainings} trainings at once on a card, which gets {gain:.1f} times as much done: {hours:.0f} h")


STUDY = read_paper()
RATES = rates.read([CONFIG / "rates.json"])

if __name__ == "__main__":
    main()
