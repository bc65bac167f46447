"""The time left is what can be reckoned by hand on made-up timings, and the lines are what a person can read."""

from __future__ import annotations

import io
import logging
import random
import time
from pathlib import Path
from typing import Any

import pytest

from study import progress
from study.cost import plan, work
from study.cost.simulation import Load, simulate
from study.progress import Progress, Reporter


def job(rule: str, seconds: float, *after: str) -> plan.Job:
    return plan.Job(rule, work.Work(seconds, 0), after)


TOY = {
    "corpus": job("corpus", 10),
    "train a": job("train", 100, "corpus"),
    "train b": job("train", 100, "corpus"),
    "train c": job("train", 50, "corpus"),
    "hear a": job("hear", 20, "train a"),
    "tables": job("tables", 5, "hear a", "train b", "train c"),
}


def run_of(jobs: dict[str, plan.Job] | None = None, cores: int = 2, **keys: Any) -> Progress:
    return Progress(TOY if jobs is None else jobs, lambda job: {"cores": 1}, {"cores": cores}, **keys)


# --- The time left, reckoned by hand


@pytest.mark.parametrize(("cores", "seconds"), [(1, 285), (2, 10 + 100 + 50 + 5), (3, 10 + 100 + 20 + 5)])
def test_before_the_first_job_the_estimates_count(cores: int, seconds: float) -> None:
    assert run_of(cores=cores).seconds_left(0) == seconds


def test_what_a_job_waits_for_in_a_queue_is_part_of_it() -> None:
    assert run_of(cores=100, queue=7).seconds_left(0) == 10 + 100 + 20 + 5 + 4 * 7


def test_a_running_job_has_only_its_rest_to_go() -> None:
    run = run_of()
    run.start("corpus", 1000)
    assert run.seconds_left(1004) == 6 + 100 + 50 + 5


def test_the_first_job_that_is_done_corrects_the_others() -> None:
    run = run_of()
    run.start("corpus", 0)
    run.finish("corpus", 20)
    assert run.expect(TOY["train a"], 0) == 200
    assert run.seconds_left(20) == 2 * (100 + 50 + 5)


def test_a_rule_is_corrected_by_the_median_of_its_own_jobs() -> None:
    jobs = {f"train {n}": job("train", 10) for n in range(4)} | {"hear": job("hear", 10)}
    run = run_of(jobs, cores=1)
    for number, seconds in enumerate((10, 20, 90)):
        run.start(f"train {number}", 0)
        run.finish(f"train {number}", seconds)
    assert run.expect(jobs["train 3"], 0) == 20, "the median, of which one slow job is no part"
    assert run.expect(jobs["hear"], 0) == pytest.approx(10 * 120 / 30), (
        "all that were measured over all that were estimated"
    )
    assert run.seconds_left(0) == pytest.approx(20 + 40)


def test_a_job_that_takes_longer_than_expected_is_never_about_to_have_ended() -> None:
    run = run_of({"train a": job("train", 100)})
    run.start("train a", 0)
    assert run.seconds_left(90) == 10
    assert run.seconds_left(400) == 400 * progress.OVERRUN


def test_no_other_job_of_its_rule_is_expected_to_be_faster_until_one_is_done() -> None:
    jobs = {f"train {name}": job("train", 100) for name in "abc"} | {"hear a": job("hear", 20)}
    run = run_of(jobs, cores=1)
    run.start("train a", 0)
    assert run.seconds_left(300) == pytest.approx(300 * progress.OVERRUN + 2 * 300 + 20)
    run.finish("train a", 300)
    run.start("train b", 300)
    assert run.expect(jobs["train c"], 1300) == pytest.approx(300), "one slow job says nothing beside one that is done"


def test_a_failed_job_and_what_waits_for_it_are_not_waited_for() -> None:
    run = run_of()
    for name in ("corpus", "train a"):
        run.start(name, 0)
    run.finish("corpus", 10)
    run.fail("train a")
    assert run.seconds_left(10) == 100, "train b and c on two cores; neither hear a nor tables"
    assert "1 of 6 jobs done" in run.describe(10) and "1 failed" in run.describe(10)
    run.start("train a", 20)
    assert run.seconds_left(20) == 100 + 50 + 5
    assert "failed" not in run.describe(20), "it was tried again"


def test_after_a_checkpoint_other_jobs_are_left() -> None:
    run = run_of()
    run.start("corpus", 0)
    run.finish("corpus", 10)
    run.replace_pending({name: TOY[name] for name in ("corpus", "train c", "tables")})
    assert run.seconds_left(10) == 55
    assert run.describe(10).startswith("1 of 3 jobs done, about 1 min left"), "what is done is not done again"


def test_jobs_that_no_one_planned_are_ignored() -> None:
    run = run_of()
    run.start("all", 0)
    run.finish("all", 1)
    run.fail("plan")
    assert run.describe(0) == "0 of 6 jobs done, about 3 min left"


def test_nothing_left_takes_no_time() -> None:
    run = run_of({"verdict": job("verdict", 0.0)})
    run.start("verdict", 0)
    run.finish("verdict", 0)
    assert run.seconds_left(0) == 0
    assert run.expect(job("verdict", 5), 0) == 0


def test_cores_and_gpus_are_held_together() -> None:
    loads = {name: Load(10, {"cores": 1, "gpus": 1}) for name in "abc"} | {"d": Load(30, {"cores": 2, "gpus": 0})}
    assert simulate(loads, {"cores": 2, "gpus": 1}) == 60, "d wants both cores, which are free when c is done"
    assert simulate(loads, {"cores": 3, "gpus": 1}) == 30
    assert simulate(loads, {"cores": 1}) == 60, "it gets the one core there is"


def test_the_simulation_is_the_obvious_one() -> None:
    """Beside a loop that looks at every job whenever one ends."""
    draw = random.Random(3)
    for _ in range(50):
        names = [str(number) for number in range(draw.randrange(1, 25))]
        loads = {
            name: Load(
                draw.choice([0.0, 1.0, 2.5, 7.0]),
                {"cores": draw.randrange(1, 4), "gpus": draw.randrange(2)},
                tuple(draw.sample(names[:place], min(place, draw.randrange(3)))),
            )
            for place, name in enumerate(names)
        }
        capacity = {"cores": draw.randrange(3, 6), "gpus": draw.randrange(1, 3)}
        assert simulate(loads, capacity) == _obvious(loads, capacity)


def _obvious(loads: dict[str, Load], capacity: dict[str, int]) -> float:
    now, running, done = 0.0, dict[str, float](), set[str]()
    while len(done) < len(loads):
        for name, load in loads.items():
            held = {key: sum(loads[other].holds[key] for other in running) for key in capacity}
            fits = all(held[key] + load.holds[key] <= most for key, most in capacity.items())
            if name not in running and name not in done and done.issuperset(load.after) and fits:
                running[name] = now + load.seconds
        now, name = min((end, name) for name, end in running.items())
        del running[name]
        done.add(name)
    return now


def test_a_study_of_ten_thousand_jobs_is_simulated_in_a_moment() -> None:
    loads = {"0": Load(1, {"jobs": 1})} | {str(n): Load(n % 7, {"jobs": 1}, ("0",)) for n in range(1, 10_000)}
    start = time.process_time()
    simulate(loads, {"jobs": 50})
    assert time.process_time() - start < 2


# --- The lines


def test_a_line_names_a_few_of_the_jobs_that_run() -> None:
    jobs = {f"train seed-{n}": job("train", 600) for n in range(1, 10)}
    run = run_of(jobs, cores=5)
    for name in list(jobs)[:5]:
        run.start(name, 0)
    assert run.describe(0) == (
        "0 of 9 jobs done, about 20 min left; running: train seed-1, train seed-2, train seed-3 and 2 more"
    )


def test_the_end_says_what_has_come_of_it() -> None:
    run = run_of()
    run.begin(100)
    run.start("corpus", 100)
    run.finish("corpus", 110)
    assert run.describe_end(700, success=True) == "1 of 6 jobs done in 10 min"
    run.start("train b", 110)
    run.fail("train b")
    assert run.describe_end(700, success=False) == (
        "stopped after 10 min, 1 of 6 jobs done; failed: train b. What is finished is kept: run again to go on"
    )


def test_lines_come_at_first_often_and_never_too_seldom() -> None:
    assert progress.choose_interval(0) == progress.choose_interval(600) == 10
    assert progress.choose_interval(3600) == 60
    assert progress.choose_interval(3 * 24 * 3600) == 300
    elapsed, lines = 0.0, 0
    while elapsed < 3 * 24 * 3600:
        elapsed += progress.choose_interval(elapsed)
        lines += 1
    assert lines < 1200


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_link_is_a_hyperlink_only_where_it_is_shown(tmp_path: Path) -> None:
    page = tmp_path / "results of mine" / "report.html"
    address = f"file://{str(page).replace(' ', '%20')}"
    shows = {"TERM": "xterm-256color", "VTE_VERSION": "7600"}
    assert progress.link(page, Terminal(), shows) == f"\033]8;;{address}\033\\{address}\033]8;;\033\\"
    assert progress.link(page, io.StringIO(), shows) == address, "a log has no control characters"
    for other in (
        {},
        {"TERM": "xterm"},
        shows | {"TERM": "dumb"},
        shows | {"NO_COLOR": "1"},
        shows | {"VTE_VERSION": ""},
    ):
        assert progress.link(page, Terminal(), other) == address


# --- The reporter, on the events of Snakemake's logger


@pytest.fixture
def logger() -> logging.Logger:
    found = logging.Logger("made up", logging.INFO)
    found.said = []  # type: ignore[attr-defined]
    handler = logging.Handler()
    handler.emit = lambda record: found.said.append(record.getMessage())  # type: ignore[attr-defined, method-assign]
    found.addHandler(handler)
    return found


def tell(logger: logging.Logger, event: str, **told: Any) -> None:
    logger.info(None, extra={"event": event} | told)


def tell_start(
    logger: logging.Logger, number: int, rule: str, *, is_checkpoint: bool = False, **wildcards: str
) -> None:
    tell(logger, "job_info", jobid=number, rule_name=rule, wildcards=wildcards, is_checkpoint=is_checkpoint)


def test_a_reporter_follows_the_events(logger: logging.Logger) -> None:
    run, reporter = run_of(), Reporter(logger)
    reporter.follow(run, lambda: pytest.fail("there was no checkpoint"))
    tell_start(logger, 3, "corpus")
    tell(logger, "job_finished", job_id=3)
    tell_start(logger, 4, "train", model="a")
    tell_start(logger, 5, "train", model="b")
    tell(logger, "job_error", jobid=5)
    tell(logger, "job_finished", job_id=77)
    tell(logger, "progress", done=1, total=7)
    text = run.describe(time.monotonic())
    assert text.startswith("1 of 6 jobs done, about ") and text.endswith("; running: train a; 1 failed")
    reporter.end(success=False)
    tell(logger, "job_finished", job_id=4)
    assert run.describe(time.monotonic()).startswith("1 of 6"), "it listens no more"
    assert [line for line in logger.said if line.startswith(">>> ")] == logger.said[-2:-1]  # type: ignore[attr-defined]
    assert "failed: train b" in logger.said[-2]  # type: ignore[attr-defined]


def test_a_checkpoint_changes_what_is_left_when_the_next_job_starts(logger: logging.Logger) -> None:
    asked: list[int] = []

    def list_pending() -> dict[str, plan.Job]:
        asked.append(1)
        return {"tables": TOY["tables"]}

    run, reporter = run_of(), Reporter(logger)
    reporter.follow(run, list_pending)
    tell_start(logger, 1, "corpus", is_checkpoint=True)
    tell(logger, "job_finished", job_id=1)
    assert not asked, "Snakemake has not yet gone on"
    tell_start(logger, 2, "tables")
    tell(logger, "job_finished", job_id=2)
    reporter.end(success=True)
    assert asked == [1]
    assert logger.said[-1] == ">>> 2 of 2 jobs done in 0 s"  # type: ignore[attr-defined]


def test_a_reporter_speaks_now_and_then_until_it_is_closed(logger: logging.Logger) -> None:
    reporter = Reporter(logger, interval=lambda elapsed: 0.01)
    reporter.follow(run_of(), dict)
    end = time.monotonic() + 10
    while len(logger.said) < 3 and time.monotonic() < end:  # type: ignore[attr-defined]
        time.sleep(0.01)
    reporter.close()
    time.sleep(0.1)
    count = len(logger.said)  # type: ignore[attr-defined]
    time.sleep(0.1)
    assert count >= 3
    assert len(logger.said) == count  # type: ignore[attr-defined]
    assert set(logger.said) == {">>> 0 of 6 jobs done, about 3 min left"}  # type: ignore[attr-defined]


def test_what_goes_wrong_in_it_does_not_reach_the_run(
    logger: logging.Logger, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A job's log turns it off for its whole process, which other tests run in this one.
    monkeypatch.setattr(logging, "raiseExceptions", True)

    def break_down() -> dict[str, plan.Job]:
        raise KeyError("a Snakemake of another year")

    reporter = Reporter(logger)
    reporter.follow(run_of(), break_down)
    tell_start(logger, 1, "corpus", is_checkpoint=True)
    tell(logger, "job_finished", job_id=1)
    tell_start(logger, 2, "tables")
    reporter.close()
    assert "a Snakemake of another year" in capsys.readouterr().err


def test_a_reporter_that_followed_nothing_says_nothing(logger: logging.Logger) -> None:
    Reporter(logger).end(success=True)
    assert logger.said == []  # type: ignore[attr-defined]
