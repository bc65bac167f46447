"""A run that follows a killed one ends its jobs first; Slurm is played by two scripts and a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from study import orphans


@pytest.fixture
def queue(tmp_path: Path, put_on_path: Callable[[Mapping[str, str]], None]) -> Path:
    """A queue of lines ``name id``; an ended job stays for one more look."""
    listed = tmp_path / "queue"
    listed.write_text("")
    scripts = {
        "squeue": f'while read name id gone; do [ "--name=$name" != "$3" ] || echo "$id"; done < {listed}\n'
        f'sed -i "/ gone$/d" {listed}',
        "scancel": f'for job; do sed -i "s/ $job$/ $job gone/" {listed}; done',
    }
    put_on_path(scripts)
    return listed


def test_the_id_is_read_from_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("Building DAG of jobs...\nSLURM run ID: 0c1-2\nmore\n")
    assert orphans.run_id([log]) == "0c1-2"
    log.write_text("Building DAG of jobs...\n")
    assert orphans.run_id([log]) is None


def test_a_first_run_remembers_itself_and_a_local_one_does_not(queue: Path, tmp_path: Path) -> None:
    record = tmp_path / "runs/results"
    orphans.end_earlier(record, "new", print)
    assert record.read_text() == "new\n"
    orphans.end_earlier(record, None, print)
    assert not record.exists()


def test_jobs_of_the_earlier_run_are_ended_and_others_left(queue: Path, tmp_path: Path) -> None:
    record, said = tmp_path / "results", []
    record.write_text("old\n")
    queue.write_text("old 7\nother 8\nold 9\n")
    orphans.end_earlier(record, "new", said.append)
    assert "other 8" in queue.read_text()
    assert "old" not in queue.read_text()
    assert said == ["Slurm has jobs of an earlier run (old): 7 9; this run begins when they are ended"]
    assert record.read_text() == "new\n"


def test_an_interrupted_run_ends_its_own_jobs(queue: Path, tmp_path: Path) -> None:
    queue.write_text("new 7\nother 8\nnew 9\n")
    orphans.end_own(tmp_path / "results", "new", pytest.fail)
    assert queue.read_text() == "new 7 gone\nother 8\nnew 9 gone\n"


def test_a_local_run_does_not_ask_for_a_queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    orphans.end_own(tmp_path / "results", None, pytest.fail)


def test_an_interrupted_run_says_what_it_cannot_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said: list[str] = []
    orphans.end_own(tmp_path / "results", "new", said.append)
    assert len(said) == 1 and "squeue does not work" in said[0]


def test_a_queue_that_cannot_be_asked_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = tmp_path / "results"
    record.write_text("old\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(orphans.Unending, match="squeue does not work"):
        orphans.end_earlier(record, "new", print)
    assert record.read_text() == "old\n"


def test_jobs_that_do_not_end_are_named(queue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = tmp_path / "results"
    record.write_text("old\n")
    queue.write_text("old 7\n")
    (tmp_path / "scancel").write_text("#!/bin/sh\n")
    monkeypatch.setattr(orphans, "PATIENCE_SECONDS", 0.5)
    with pytest.raises(orphans.Unending, match="jobs 7 "):
        orphans.end_earlier(record, "new", print)
    assert record.read_text() == "old\n"
