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
