"""The simulated disk: what a program flushed is there after a loss of power, and what it did not may be gone."""

from __future__ import annotations

import errno
import os
import random
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from journal import Journal, build_library, count, prepare, read_journal

from asrtransfer.files.flush import flush
from asrtransfer.files.whole import replace_file
from study import records

Watch = Callable[..., Journal]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_library(tmp_path_factory.mktemp("library"))


@pytest.fixture
def watch(library: Path, tmp_path: Path) -> Watch:
    """Run a program in a folder that is watched; return what has happened to it."""

    def run(program: str) -> Journal:
        folder = tmp_path / "folder"
        folder.mkdir()
        environment = os.environ | prepare(library, folder, tmp_path / "notes")
        script = "import os, shutil\nfrom pathlib import Path\n" + textwrap.dedent(program)
        subprocess.run([sys.executable, "-c", script], cwd=folder, env=environment, check=True)
        return Journal(read_journal(tmp_path / "notes/journal", folder))

    return run


def rebuilt(journal: Journal, crash: object, folder: Path) -> dict[str, bytes | None]:
    """Files and folders that are left, by path."""
    folder.mkdir()
    journal.rebuild(crash, folder)
    return {
        str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
    }


FLUSHED_FILE = """
    with open("a", "wb") as file:
        file.write(b"kept"); file.flush(); os.fsync(file.fileno()); file.write(b"lost")
    handle = os.open(".", os.O_RDONLY); os.fsync(handle); os.close(handle)
"""


def test_what_was_flushed_is_kept_and_what_was_written_later_is_lost(watch: Watch, tmp_path: Path) -> None:
    journal = watch(FLUSHED_FILE)
    end = len(journal.changes)
    assert rebuilt(journal, journal.lose_nothing(), tmp_path / "1") == {"a": b"keptlost"}
    assert rebuilt(journal, journal.lose_unflushed(end), tmp_path / "2") == {"a": b"kept"}
    assert rebuilt(journal, journal.lose_content(end, zeros=True), tmp_path / "3") == {"a": b"kept\0\0\0\0"}
    assert rebuilt(journal, journal.lose_nothing(2), tmp_path / "4") == {"a": b"kept"}


def test_a_program_that_flushes_nothing_may_lose_everything(watch: Watch, tmp_path: Path) -> None:
    journal = watch('Path("b").mkdir(); Path("b/c").write_bytes(b"text")')
    end = len(journal.changes)
    assert rebuilt(journal, journal.lose_unflushed(end), tmp_path / "1") == {}
    assert rebuilt(journal, journal.lose_content(end, zeros=False), tmp_path / "2") == {"b": None, "b/c": b""}


RENAME = """
    Path("a").write_bytes(b"old")
    def flush(name):
        handle = os.open(name, os.O_RDONLY); os.fsync(handle); os.close(handle)
    flush("a"); flush(".")
    Path("a.part").write_bytes(b"new"); flush("a.part")
    os.replace("a.part", "a")
"""


def test_a_rename_is_lost_unless_its_folder_is_flushed(watch: Watch, tmp_path: Path) -> None:
    journal = watch(RENAME)
    assert rebuilt(journal, journal.lose_nothing(), tmp_path / "1") == {"a": b"new"}
    assert rebuilt(journal, journal.lose_unflushed(len(journal.changes)), tmp_path / "2") == {"a": b"old"}


def test_a_rename_whose_folder_is_flushed_is_kept(watch: Watch, tmp_path: Path) -> None:
    journal = watch(f'{RENAME}    flush(".")\n')
    assert rebuilt(journal, journal.lose_unflushed(len(journal.changes)), tmp_path / "1") == {"a": b"new"}


def test_drawn_losses_keep_a_prefix_of_each_folders_names(watch: Watch, tmp_path: Path) -> None:
    journal = watch('for name in "abcdef": Path(name).write_bytes(name.encode())')
    found = set()
    for seed in range(60):
        crash = journal.draw(len(journal.changes), random.Random(seed))
        found.add("".join(rebuilt(journal, crash, tmp_path / str(seed))))
    assert {"", "abcdef"} < found
    assert all("abcdef".startswith(names) for names in found)


EVERYTHING = """
    import tempfile
    Path("deep/er").mkdir(parents=True)
    for name in ("one", "two", "three"):
        Path("deep", name).write_text(name * 1000)
    os.replace("deep/one", "deep/er/1"); os.link("deep/two", "second"); os.symlink("second", "link")
    shutil.copyfile("deep/two", "copy"); shutil.copytree("deep", "tree"); shutil.rmtree("tree/er")
    with open("copy", "r+b") as file:
        file.seek(10); file.write(b"middle"); file.truncate(500)
    with open("copy", "ab") as file:
        file.write(b"end")
    Path("deep/three").unlink(); os.rename("deep", "moved"); Path("empty").touch()
    with tempfile.NamedTemporaryFile(dir=".", delete=False, prefix="t") as file:
        file.write(b"x")
    os.replace(file.name, "final"); os.utime("final", (5, 5))
    if os.fork() == 0:
        Path("of-a-child").write_text("text"); os._exit(0)
    os.wait()
"""


def test_without_a_loss_the_folder_is_built_as_it_is(watch: Watch, tmp_path: Path) -> None:
    journal = watch(EVERYTHING)
    real = tmp_path / "folder"
    left = {
        str(path.relative_to(real)): None if path.is_dir() else path.read_bytes() for path in sorted(real.rglob("*"))
    }
    assert rebuilt(journal, journal.lose_nothing(), tmp_path / "1") == left
    assert len(left) == 13
    assert (tmp_path / "1/final").stat().st_mtime == 5
    assert os.readlink(tmp_path / "1/link") == "second"


FLUSHES = """
    import sys; sys.path.insert(0, {scripts!r})
    from asrtransfer.files.flush import flush
    from asrtransfer.files.whole import replace_file
    Path("results/models").mkdir(parents=True)
    replace_file(Path("results/models/card.json"), b"card")
    {then}
"""
SCRIPTS = str(Path(__file__).parents[2] / "workflow/scripts")


def test_a_file_that_is_replaced_and_flushed_survives_with_its_folders(watch: Watch, tmp_path: Path) -> None:
    journal = watch(FLUSHES.format(scripts=SCRIPTS, then='flush([Path("results/models/card.json")], Path())'))
    crash = journal.lose_unflushed(len(journal.changes))
    left = rebuilt(journal, crash, tmp_path / "1")
    assert left == {"results": None, "results/models": None, "results/models/card.json": b"card"}


def test_a_file_that_is_only_replaced_may_be_lost(watch: Watch, tmp_path: Path) -> None:
    journal = watch(FLUSHES.format(scripts=SCRIPTS, then=""))
    assert rebuilt(journal, journal.lose_unflushed(len(journal.changes)), tmp_path / "1") == {}


def test_flushing_names_the_path_that_cannot_be_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_file(tmp_path / "a", b"1")
    flush([tmp_path / "a", tmp_path / "missing"], tmp_path)

    def fail(handle: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match=r"Input/output error: '.*/a'"):
        flush([tmp_path / "a"], tmp_path)


def test_a_file_system_that_cannot_flush_folders_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(handle: int) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", refuse)
    flush([tmp_path], tmp_path)


def run_failing(library: Path, tmp_path: Path, program: str, **settings: object) -> str:
    folder, notes = tmp_path / "folder", tmp_path / "notes"
    folder.mkdir(exist_ok=True)
    shutil.rmtree(notes, ignore_errors=True)
    environment = os.environ | prepare(library, folder, notes, **settings)
    script = f"import os, time\nfrom pathlib import Path\n{textwrap.dedent(program)}"
    command = [sys.executable, "-c", script]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True).stderr


def test_a_disk_is_full_after_as_many_bytes(library: Path, tmp_path: Path) -> None:
    program = 'Path("a").write_bytes(bytes(1000)); Path("b").touch(); Path("c").write_bytes(bytes(1))'
    error = run_failing(library, tmp_path, program, error=errno.ENOSPC, after=1000)
    assert "No space left on device" in error
    assert {path.name: path.stat().st_size for path in (tmp_path / "folder").iterdir()} == {"a": 1000, "b": 0, "c": 0}
    assert count(tmp_path / "notes")[0]


def test_a_full_disk_is_seen_before_a_run_begins(library: Path, tmp_path: Path) -> None:
    program = f"""
        import sys; sys.path.insert(0, {SCRIPTS!r})
        from study import records
        records.check_room(Path())
    """
    error = run_failing(library, tmp_path, program, error=errno.ENOSPC, after=records.ROOM_BYTES - 1)
    assert "No space left on device" in error
    assert run_failing(library, tmp_path, program, error=errno.ENOSPC, after=records.ROOM_BYTES) == ""


def test_a_folder_turns_read_only(library: Path, tmp_path: Path) -> None:
    program = 'for name in "abc": Path(name).write_bytes(b"")'
    error = run_failing(library, tmp_path, program, error=errno.EROFS, after=2, counts="changes")
    assert "Read-only file system: 'c'" in error
    assert sorted(path.name for path in (tmp_path / "folder").iterdir()) == ["a", "b"]


def test_a_clock_jumps(library: Path, tmp_path: Path) -> None:
    program = """
        before = time.time()
        Path("a").write_text("1"); Path("b").write_text("2")
        assert 3590 < time.time() - before < 3610, time.time() - before
        assert time.monotonic() < time.time()
    """
    assert run_failing(library, tmp_path, program, clock=3600, after=1, counts="changes") == ""
