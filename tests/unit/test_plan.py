"""The plan counts every job, and its simulation keeps to what no machine can beat."""

from __future__ import annotations

import pytest
from test_resources import FOUR, RATES, study_of

from study.cost import plan, work


def job(rule: str, seconds: float, *after: str, devices: int = 1) -> plan.Job:
    return plan.Job(rule, work.Work(seconds, 0, devices=devices), after)


TOY = {
    "corpus": job("corpus", 10),
    "train a": job("train", 100, "corpus"),
    "train b": job("train", 50, "corpus"),
    "train c": job("train", 50, "corpus"),
    "tables": job("tables", 5, "train a", "train b", "train c"),
}


@pytest.mark.parametrize(("gpus", "seconds"), [(1, 10 + 200 + 5), (2, 10 + 100 + 5), (3, 10 + 100 + 5)])
def test_a_study_that_can_be_reckoned_by_hand(gpus: int, seconds: float) -> None:
    assert plan.wall_time(TOY, gpus) == seconds
    assert plan.chain(TOY) == (115, ["corpus", "train a", "tables"])
    assert plan.chain(TOY, start=1)[0] == 118


def test_a_job_of_several_gpus_holds_them_all() -> None:
    toy = TOY | {"train a": job("train", 100, "corpus", devices=2)}
    assert [plan.wall_time(toy, gpus) for gpus in (2, 3, 4)] == [10 + 150 + 5, 10 + 100 + 5, 10 + 100 + 5]


def test_gpu_hours_and_wall_time_of_trainings_of_several_gpus() -> None:
    one, four = (plan.describe(study_of("paper", **changes), RATES) for changes in ({}, FOUR))
    rows = [{line.split()[0]: line.split() for line in text.splitlines() if line} for text in (one, four)]
    hours = [float(row["train"][4].replace(",", "")) for row in rows]
    assert hours[1] == pytest.approx(hours[0], rel=0.01), "as many GPU hours, but for evaluation"
    assert [set(map(str, plan.GPUS)) - set(row) for row in rows] == [set(), {"1", "2"}]
    assert float(rows[1]["64"][1]) < 0.7 * float(rows[0]["64"][1])


def test_what_is_made_is_not_waited_for() -> None:
    left = {name: TOY[name] for name in ("train b", "tables")}
    assert plan.wall_time(left, 1) == 55
    assert plan.chain(left) == (55, ["train b", "tables"])


@pytest.mark.parametrize("name", ["config", "smoke", "dose", "strong", "paper", "full-synthetic"])
def test_no_number_of_gpus_beats_the_chain_or_the_work(name: str) -> None:
    planned = plan.jobs(study_of(name), RATES)
    busy = sum(one.work.seconds for one in planned.values() if one.rule in work.NETWORKS)
    longest, _ = plan.chain(planned)
    for gpus in plan.GPUS:
        wall = plan.wall_time(planned, gpus)
        assert wall >= max(longest, busy / gpus) - 1e-6
    assert plan.wall_time(planned, 10_000) == pytest.approx(longest)


def test_the_published_study_is_described() -> None:
    text = plan.describe(study_of("paper"), RATES, queue=RATES.queue)
    assert "PLAN: 552 jobs, into results-paper" in text
    rows = {line.split()[0]: line.split() for line in text.splitlines() if line}
    assert rows["train"][1] == "19"
    assert rows["attack"][1] == "315"
    assert rows["transcribe"][1] == "171"
    assert [rows[str(gpus)][0] for gpus in plan.GPUS] == [str(gpus) for gpus in plan.GPUS]
    assert "rates: cuda: computed" in text
    assert max(map(len, text.splitlines()[:25])) < 120


def test_jobs_of_the_published_study_are_worth_their_start() -> None:
    """No rule with many jobs has any that Slurm takes longer to start than to run."""
    for one in plan.jobs(study_of("paper"), RATES).values():
        if one.rule in work.NETWORKS:
            assert one.work.seconds > RATES.queue


def test_nothing_to_do_is_no_plan() -> None:
    assert plan.describe(study_of("smoke"), RATES, wanted={"plan"}) == ""
    assert plan.describe(study_of("smoke"), RATES, wanted={"verdict"}).startswith("PLAN: 1 jobs")
