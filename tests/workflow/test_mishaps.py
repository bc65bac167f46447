"""Damaged files, full and read-only disks, two runs at a time: one clear line, and the next run mends it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from copies import RESULTS, SMOKE, Finished, Repository, add_extensions
from kills import contents, differences, killed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    command = ["mount", *options, str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting a small or read-only disk needs more rights")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def flip(path: Path) -> None:
    """Change one bit, as a disk does: without a trace in the file's times."""
    status, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def errors(output: str) -> list[str]:
    """Lines that our scripts say of what went wrong, each once."""
    return list(dict.fromkeys(line for line in output.splitlines() if line.startswith("error: ")))


@pytest.mark.parametrize(
    ("damaged", "reader", "remedy"),
    [
        ("models/seed-2/weights.safetensors", "transcripts/seed-1/seed-2.parquet", "models/seed-2/weights.safetensors"),
        ("attacks/cw/seed-1/go/low.parquet", "transcripts/seed-1/seed-2.parquet", "attacks/cw/seed-1/go/low.parquet"),
        ("corpus/audio/test-00007.flac", "clean/seed-2.parquet", "corpus/audio"),
    ],
)
def test_a_damaged_file_is_named_and_made_again(
    smoke: Finished, tmp_path: Path, damaged: str, reader: str, remedy: str
) -> None:
    copy = Repository.copy(tmp_path / "repository", smoke.path)
    results = copy.path / RESULTS
    flip(results / damaged)
    (results / reader).unlink()
    # By name: for the report, which is there, Snakemake would not make it again.
    run = ("--cores", "2", f"{RESULTS}/{reader}", "--configfile", SMOKE)
    output = copy.snakemake(*run, check=False).stdout
    assert "Traceback" not in output
    (line,) = errors(output)
    assert f" {RESULTS}/{damaged}: " in line
    assert line.endswith("run again")
    assert f"delete {RESULTS}/{remedy} and" in line or ("delete it and" in line and remedy == damaged)
    if (results / remedy).is_dir():
        shutil.rmtree(results / remedy)
    else:
        (results / remedy).unlink()
    copy.snakemake(*run)
    assert differences(results, contents(smoke.path / RESULTS)) == []


def test_two_runs_in_one_folder(tmp_path: Path) -> None:
    """The second on this host, and on another one, as far as it can know: hosts share the folder, not its name."""
    copy = Repository.copy(tmp_path / "repository")
    add_extensions(copy.path)
    elsewhere = ["unshare", "--uts", "sh", "-c", 'hostname elsewhere && exec "$0" "$@"', sys.executable]
    second: list[subprocess.CompletedProcess[str]] = []

    def due(elapsed: float) -> bool:
        if not any(copy.path.glob(".snakemake/locks/*")):
            return False
        for python in [[sys.executable], elsewhere][: 1 + (os.getuid() == 0)]:
            command = [*python, "-m", "snakemake", "--cores", "1", "--configfile", SMOKE]
            second.append(subprocess.run(command, cwd=copy.path, text=True, check=False, capture_output=True))
        return True

    assert killed(copy, due)
    for one in second:
        assert one.returncode == 1
        said = one.stdout + one.stderr
        assert "Directory cannot be locked" in said
        assert "--unlock" in said
        assert "Traceback" not in said


def test_a_full_disk(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    folder.mkdir()
    with mounted(folder, "-t", "tmpfs", "-o", "size=6m", "none"):
        copy = Repository.copy(folder)
        corpus = ("--cores", "1", f"{RESULTS}/corpus/train.parquet", "--configfile", SMOKE)
        output = copy.snakemake(*corpus, check=False).stdout
        (line,) = errors(output)
        assert line.startswith(f"error: corpus: {RESULTS}/corpus/audio/train-")
        assert line.endswith(".flac: No space left on device; make room and run again: what is finished is kept")
        subprocess.run(["mount", "-o", "remount,size=60m", str(folder)], check=True)
        copy.snakemake(*corpus)
        assert not any(folder.rglob("*.part"))


def test_a_read_only_folder(smoke: Finished, tmp_path: Path) -> None:
    copy = Repository.copy(tmp_path / "repository", smoke.path)
    with mounted(copy.path, "--bind", str(copy.path)):
        subprocess.run(["mount", "-o", "remount,ro,bind", str(copy.path)], check=True)
        output = copy.snakemake("--cores", "1", "--configfile", SMOKE, check=False).stdout
    assert output.splitlines()[-1].startswith(f"{copy.path}: cannot be written to; make it writable, or ")
    assert "Traceback" not in output


def test_a_second_checkout_trains_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").mkdir()
    monkeypatch.setenv("SNAKEMAKE_OUTPUT_CACHE", str(tmp_path / "cache"))
    run = (
        *("--cores", "2", f"{RESULTS}/models/seed-1/card.json", "--configfile", SMOKE),
        *("--config", "families={deepspeech: {training: {epochs: 1}}}"),
    )
    made, outputs = [], []
    for name in ("first", "second"):
        copy = Repository.copy(tmp_path / name)
        outputs.append(copy.snakemake(*run, "--cache").stdout)
        made.append(contents(copy.path / RESULTS))
    assert "epoch 1/1" in outputs[0]
    assert "epoch 1/1" not in outputs[1]
    assert made[0] == made[1]
    assert "Nothing to be done" in copy.snakemake(*run, "--cache").stdout
    # Another configuration is another model.
    other = Repository.copy(tmp_path / "third")
    assert (
        "epoch 1/1"
        in other.snakemake(*run[:-1], "families={deepspeech: {training: {epochs: 1, batch: 7}}}", "--cache").stdout
    )
