"""Snakemake's records reach the disk in order, files of the future are dated now, torn bytecode is removed."""

from __future__ import annotations

import json
import marshal
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake.persistence import MetadataRecord
from snakemake.persistence.file import FilePersistence

from study import records

RULES = Path(__file__).parents[2] / "workflow/rules"


def keep_order(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[FilePersistence, list[str]]:
    """Snakemake's own records in a folder, and what happens to them: made, flushed and removed."""
    (folder / ".snakemake").mkdir()
    persistence = FilePersistence(path=folder / ".snakemake")
    events: list[str] = []
    write, delete = persistence._io_write, persistence._io_delete

    def io_write(subject: str, *arguments: Any, **named: Any) -> None:
        write(subject, *arguments, **named)
        events.append(f"write {Path(subject).name}")

    def io_delete(subject: str, key: str) -> bool:
        events.append(f"remove {Path(subject).name}")
        return delete(subject, key)

    def flush(paths: Any, root: Path) -> None:
        assert root == folder
        names = [path.relative_to(folder / ".snakemake").parts[0] for path in paths]
        events.extend(f"flush {name}" for name in names)

    monkeypatch.setattr(persistence, "_io_write", io_write)
    monkeypatch.setattr(persistence, "_io_delete", io_delete)
    monkeypatch.setattr(records, "flush", flush)
    records.keep_order(persistence)
    return persistence, events


def test_marks_and_records_are_flushed_before_the_next_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    persistence, events = keep_order(tmp_path, monkeypatch)
    monkeypatch.setattr(persistence, "_get_key", str)
    persistence.started(SimpleNamespace(output=["results/a", "results/b"]), None)
    assert events == ["write incomplete", "write incomplete", "flush incomplete"]
    del events[:]
    for key in ("results/a", "results/b"):
        persistence._write_record(key, MetadataRecord(rule="tables"))
    for key in ("results/a", "results/b"):
        persistence._unmark_incomplete(key)
    assert events == [
        *("write metadata", "write metadata", "flush metadata", "flush metadata"),
        *("remove incomplete", "remove incomplete"),
    ]
    assert not any((tmp_path / ".snakemake/incomplete").iterdir())
    (kept, _) = (tmp_path / ".snakemake/metadata").iterdir()
    assert json.loads(kept.read_text())["rule"] == "tables"


def test_records_in_a_database_are_left_alone() -> None:
    persistence = SimpleNamespace(started=None)
    records.keep_order(persistence)
    assert vars(persistence) == {"started": None}


def test_the_check_for_room_leaves_nothing(tmp_path: Path) -> None:
    records.check_room(tmp_path)
    assert not any(tmp_path.iterdir())


def test_files_of_the_future_are_dated_now_and_no_others(tmp_path: Path) -> None:
    audio = tmp_path / "corpus/audio"
    audio.mkdir(parents=True)
    future, past = time.time() + 7200, time.time() - 7200
    for path, when in (
        (tmp_path / "new", future),
        (tmp_path / "old", past),
        (audio / records.STAMP, future),
        (audio / "one.flac", future),
    ):
        path.touch()
        os.utime(path, (when, when))
    records.date_back(tmp_path)
    assert abs((tmp_path / "new").stat().st_mtime - time.time()) < 60
    assert (tmp_path / "old").stat().st_mtime == pytest.approx(past)
    assert abs((audio / records.STAMP).stat().st_mtime - time.time()) < 60
    # Thousands of recordings are one output, whose time its stamp tells.
    assert (audio / "one.flac").stat().st_mtime == pytest.approx(future)


def test_results_that_are_not_there_have_no_dates(tmp_path: Path) -> None:
    records.date_back(tmp_path / "missing")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "damage", [lambda code: code[:-9], lambda code: code[:16], lambda code: b"", lambda _: bytes(99)]
)
def test_torn_bytecode_is_removed_and_whole_bytecode_stays(tmp_path: Path, damage: Any) -> None:
    whole = bytes(16) + marshal.dumps(compile("a = 1", "a.py", "exec"))
    cache = tmp_path / "package/__pycache__"
    cache.mkdir(parents=True)
    (cache / "whole.pyc").write_bytes(whole)
    (cache / "torn.pyc").write_bytes(damage(whole))
    (cache / "note.txt").write_text("kept")
    source = (RULES / "sources.smk").read_text()
    function = source[source.index("def remove_torn_bytecode") : source.index("REPOSITORY = ")]
    scope: dict[str, Any] = {"marshal": marshal}
    exec(function, scope)
    scope["remove_torn_bytecode"](tmp_path)
    assert sorted(path.name for path in cache.iterdir()) == ["note.txt", "whole.pyc"]


def as_nobody(folder: Path, ask: Callable[[], object]) -> str:
    """What a user without rights answers, who stands in a folder."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.chdir(folder)
        if not os.getuid():
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        os.write(writing, str(ask()).encode())
        os._exit(0)
    os.close(writing)
    assert os.waitpid(child, 0)[1] == 0
    with os.fdopen(reading) as answer:
        return answer.read()


@pytest.mark.parametrize(
    "closed", [None, ".", ".snakemake", ".snakemake/locks", "results", "results/models/seed-1", "results/corpus/audio"]
)
def test_a_folder_that_another_user_keeps_is_found(tmp_path: Path, closed: str | None) -> None:
    for name in (".snakemake/locks", "results/models/seed-1", "results/corpus/audio/below"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "results/corpus/audio" / records.STAMP).touch()
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o777)
    # What is below a folder that is one output is not looked through.
    (tmp_path / "results/corpus/audio/below").chmod(0o555)
    if closed:
        (tmp_path / closed).chmod(0o555)
    found = as_nobody(tmp_path, lambda: records.find_unwritable(Path(), Path("results")))
    assert found == str(Path(closed) if closed else None)


def test_a_folder_where_nothing_has_run_is_writable(tmp_path: Path) -> None:
    assert records.find_unwritable(tmp_path, tmp_path / "results") is None
