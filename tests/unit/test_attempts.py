"""Of two attempts at one job, the one that began last writes; the other stops with one line."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

import job
from asrtransfer.files import whole
from asrtransfer.files.whole import replace_file
from study import attempts


class Wildcards(list[str]):
    """A job's wildcards: none."""

    def items(self) -> list[tuple[str, str]]:
        return []


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Logging and checks are those of the process."""
    handlers, level, raises = logging.root.handlers[:], logging.root.level, logging.raiseExceptions
    yield
    logging.captureWarnings(False)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    logging.raiseExceptions = raises
    whole._checks.clear()


@pytest.fixture
def attempt(tmp_path: Path) -> Callable[[Callable[[job.Job], None]], None]:
    """Run a job whose output is ``out`` and whose log is ``log``."""
    context = SimpleNamespace(
        rule="attack",
        wildcards=Wildcards(),
        log=[str(tmp_path / "log")],
        params=None,
        threads=1,
        output=[str(tmp_path / "out")],
        resources={},
    )
    return lambda main: job.run(main, context)


def test_an_attempt_that_another_has_followed_writes_no_more(
    attempt: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"

    def go_on_late(_: job.Job) -> None:
        replace_file(out, b"first")
        late = whole._checks[:]
        attempt(lambda _: replace_file(out, b"second"))
        # Two processes in truth: each has its own check.
        whole._checks[:] = late
        replace_file(out, b"late")

    with pytest.raises(SystemExit) as stopped:
        attempt(go_on_late)
    assert stopped.value.code == 1
    assert out.read_bytes() == b"second"
    assert "another attempt at this job has begun elsewhere" in capsys.readouterr().err
    # The log is the second's.
    assert "done in" in (tmp_path / "log").read_text()
    assert set(tmp_path.iterdir()) == {tmp_path / "log", out}


def test_a_log_may_be_deleted_or_emptied(attempt: Callable[..., None], tmp_path: Path) -> None:
    def lose_log(_: job.Job) -> None:
        (tmp_path / "log").unlink()
        replace_file(tmp_path / "out", b"one")
        (tmp_path / "log").write_text("")
        replace_file(tmp_path / "out", b"two")

    attempt(lose_log)
    assert (tmp_path / "out").read_bytes() == b"two"


def test_an_attempt_that_begins_after_a_later_one_leaves_all_as_it_is(
    attempt: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its node was lost while it started."""
    out = tmp_path / "out"
    monkeypatch.setenv(attempts.VARIABLE, "17.1")
    attempt(lambda _: replace_file(out, b"second"))
    monkeypatch.setenv(attempts.VARIABLE, "17.0")
    owner = (tmp_path / "log").read_text().splitlines()[0]
    with pytest.raises(SystemExit):
        attempt(lambda _: replace_file(out, b"late"))
    assert out.read_bytes() == b"second"
    assert (tmp_path / "log").read_text().splitlines()[0] == owner
    # Of another job of Slurm's nothing is known, and its number may be any.
    monkeypatch.setenv(attempts.VARIABLE, "3.0")
    attempt(lambda _: replace_file(out, b"again"))
    assert out.read_bytes() == b"again"


@pytest.mark.parametrize(
    ("environment", "noted"),
    [
        ({}, ""),
        ({"SLURM_JOB_ID": "17"}, "17.0"),
        ({"SLURM_JOB_ID": "17", "SLURM_RESTART_COUNT": "2"}, "17.2"),
        # A step of the job, to which Slurm's own variable is not handed down.
        ({"SLURM_JOB_ID": "17", attempts.VARIABLE: "17.2"}, "17.2"),
        # A job that was submitted from within another.
        ({"SLURM_JOB_ID": "18", attempts.VARIABLE: "17.2"}, "18.0"),
    ],
)
def test_the_attempt_is_noted_for_all_processes_of_a_job(environment: dict[str, str], noted: str) -> None:
    attempts.note_attempt(environment)
    assert attempts.read_attempt(environment) == noted


@pytest.mark.parametrize(
    ("one", "other", "earlier"),
    [
        ("17.0", "17.1", True),
        ("17.9", "17.10", True),
        ("17.1", "17.1", False),
        ("17.0", "18.1", False),
        ("", "", False),
    ],
)
def test_attempts_at_the_same_job_are_ordered(one: str, other: str, earlier: bool) -> None:
    assert attempts.is_earlier(one, other) == earlier
    assert not attempts.is_earlier(other, one)
