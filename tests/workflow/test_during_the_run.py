"""What a run says of itself: at its start, while it lasts, at its end, and when there is nothing to do."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from copies import SMOKE, Finished, Repository

CORPUS = ("--cores", "1", "--configfile", SMOKE, "--", "results-smoke/corpus/train.parquet")
OWN = ">>> "
LINE = re.compile(r">>> (\d+) of (\d+) jobs done, about \d[\d,.]* (s|min|h) left(; running: .+)?")


def own_lines(output: str) -> list[str]:
    return [line for line in output.splitlines() if line.startswith(OWN)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A copy in which the corpus has been made."""
    path = tmp_path_factory.mktemp("corpus") / "repository"
    return Finished(path, Repository.copy(path).snakemake(*CORPUS).stdout)


@pytest.mark.slow
def test_a_run_says_what_it_will_do_and_what_it_did(made: Finished) -> None:
    lines = own_lines(made.output)
    assert lines[0] == ">>> 1 jobs to run, into results-smoke"
    assert lines[1].split()[1:3] == ["rule", "jobs"]
    assert lines[2].split()[1:3] == ["corpus", "1"]
    assert re.fullmatch(r">>> about \d+ s on 1 core; the first jobs that finish correct this", lines[4])
    assert lines[5].startswith(">>> rates: cpu: measured")
    assert re.fullmatch(r">>> 1 of 1 jobs done in \d+ (s|min)", lines[-1])
    assert all(LINE.fullmatch(line) for line in lines[6:-1])
    assert "report: " not in made.output, "none was asked for"


@pytest.mark.slow
def test_snakemakes_log_has_the_same_lines_and_no_control_characters(made: Finished) -> None:
    [log] = (made.path / ".snakemake/log").glob("*.log")
    assert own_lines(log.read_text()) == own_lines(made.output)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", made.output + log.read_text())


@pytest.mark.slow
def test_where_nothing_is_to_be_done_nothing_else_is_said(made: Finished) -> None:
    output = made.snakemake(*CORPUS).stdout
    assert "Nothing to be done" in output
    assert own_lines(output) == []


def test_a_dry_run_promises_nothing(repository: Repository) -> None:
    output = repository.snakemake("-n", *CORPUS).stdout
    assert "would" in output or "dry-run" in output
    assert own_lines(output) == []


def test_a_run_that_fails_names_the_job(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("nothing,of,use\n1,2,3\n")
    corpus = f"corpus={{manifest: {{path: {tmp_path / 'bad.csv'}}}}}"
    given = ("--cores", "1", "--configfile", "config/digits.yaml", "--config", corpus, "results=results-bad")
    result = repository.snakemake(*given, "--", "results-bad/corpus/train.parquet", check=False)
    assert result.returncode == 1
    assert re.fullmatch(
        r">>> stopped after \d+ s, 0 of 1 jobs done; failed: corpus\. "
        r"What is finished is kept: run again to go on",
        own_lines(result.stdout)[-1],
    )


def test_an_interrupted_run_ends_and_says_how_far_it_came(repository: Repository, tmp_path: Path) -> None:
    copy = Repository.copy(tmp_path / "repository", repository.path)
    with (tmp_path / "output").open("w") as output:
        run = subprocess.Popen(
            [sys.executable, "-m", "snakemake", *CORPUS],
            cwd=copy.path,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # A test that runs in the background of a shell ignores it, and so would what it starts.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
    try:
        end = time.monotonic() + 120
        while "rule corpus:" not in (tmp_path / "output").read_text() and time.monotonic() < end:
            time.sleep(0.1)
        os.killpg(run.pid, signal.SIGINT)
        assert run.wait(timeout=60) == 1
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
    assert own_lines((tmp_path / "output").read_text())[-1].startswith(">>> stopped after ")


@pytest.mark.slow
def test_the_smoke_study_is_followed_to_its_report(smoke: Finished) -> None:
    lines = own_lines(smoke.output)
    assert re.fullmatch(r">>> (\d+) jobs to run, into results-smoke", lines[0])
    jobs = int(lines[0].split()[1])
    followed = [found for line in lines if (found := LINE.fullmatch(line))]
    assert len(followed) >= 3
    assert {int(found[2]) for found in followed} == {jobs}
    done = [int(found[1]) for found in followed]
    assert done == sorted(done) and done[-1] > jobs / 2
    assert all("running: " in found[0] for found in followed[:3])
    assert any(line.startswith(f">>> {jobs} of {jobs} jobs done in ") for line in lines)
    assert re.fullmatch(r">>> report: file:///\S+/results-smoke/report\.html", lines[-1])
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", smoke.output)
    verdict = (smoke.path / "results-smoke/verdict.txt").read_text()
    assert smoke.output.index(f">>> {jobs} of {jobs}") < smoke.output.index(verdict) < smoke.output.index(lines[-1])
