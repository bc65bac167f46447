"""A checksum detects every missing, truncated or altered file, and one line gives the remedy."""

from __future__ import annotations

import errno
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow
import pytest

from asrtransfer import corpora
from asrtransfer.attacks import samples
from asrtransfer.corpora import Utterance
from asrtransfer.files import cards, parquet, whole
from asrtransfer.files.errors import InputError
from asrtransfer.hearing import transfer
from asrtransfer.recognisers.deepspeech.network import Network, load_epochs, load_weights, save_epochs, save_weights
from asrtransfer.speech import audio
from asrtransfer.speech.utterances import Speech
from job import run

SAMPLES = np.random.default_rng(1).integers(-999, 999, 800).astype(np.int16)


def corpus(folder: Path) -> Path:
    """Write a corpus with one utterance per split, and return its folder."""
    corpora.create_audio_folder(folder)
    utterances = []
    for split in corpora.SPLITS:
        digest = audio.write_flac(folder / "audio" / f"{split}.flac", SAMPLES)
        utterances.append(Utterance(split, split, "me", f"audio/{split}.flac", 0.05, "a", digest))
    corpora.write(utterances, folder)
    return folder


def small_model() -> Network:
    model = Network(2)
    model.initialise(1)
    return model


def make_weights(folder: Path) -> Path:
    save_weights(small_model(), folder / "weights.safetensors")
    return folder / "weights.safetensors"


def make_epochs(folder: Path) -> Path:
    save_epochs({1: small_model().state_dict()}, folder / "epochs.safetensors")
    return folder / "epochs.safetensors"


def make_card(folder: Path) -> Path:
    cards.write_card({"model": "seed-1", "seconds": 1.5}, folder / "card.json")
    return folder / "card.json"


def make_corpus_table(folder: Path) -> Path:
    return corpus(folder) / "train.parquet"


def make_corpus_audio(folder: Path) -> Path:
    return corpus(folder) / "audio" / "train.flac"


def read_corpus_audio(path: Path) -> None:
    Speech.read(path.parents[1] / "train.parquet").samples(0)


def make_selected(folder: Path) -> Path:
    chosen = parquet.read(corpus(folder) / "test.parquet")
    parquet.write(chosen, folder / "selected.parquet")
    return folder / "selected.parquet"


def make_samples(folder: Path) -> Path:
    sound = {"bytes": audio.encode_flac(SAMPLES), "path": "a.flac"}
    rows = [{"utterance_id": "a", "status": "sample", "audio": sound, "k1": 0.95}]
    parquet.write(pyarrow.Table.from_pylist(rows, schema=samples.SCHEMA), folder / "low.parquet")
    return folder / "low.parquet"


def make_transcripts(folder: Path) -> Path:
    rows = [{"utterance_id": "a", "texts": ["one", "two"], "hit": False, "rank": 2}]
    parquet.write(pyarrow.Table.from_pylist(rows, schema=transfer.SCHEMA), folder / "seed-2.parquet")
    return folder / "seed-2.parquet"


ARTEFACTS: dict[str, tuple[Callable[[Path], Path], Callable[[Path], object]]] = {
    "weights": (make_weights, load_weights),
    "epochs": (make_epochs, load_epochs),
    "card": (make_card, cards.read_card),
    "corpus table": (make_corpus_table, Speech.read),
    "corpus audio": (make_corpus_audio, read_corpus_audio),
    "selected": (make_selected, Speech.read),
    "samples": (make_samples, parquet.read),
    "transcripts": (make_transcripts, parquet.read),
}
every_artefact = pytest.mark.parametrize(("make", "read"), ARTEFACTS.values(), ids=list(ARTEFACTS))


def refused(read: Callable[[Path], object], path: Path) -> str:
    """Return the one line that names the fault and the remedy."""
    with pytest.raises(InputError) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "run again" in message
    assert "\n" not in message
    return message


@every_artefact
def test_what_is_whole_is_read(tmp_path: Path, make: Callable[[Path], Path], read: Callable[[Path], object]) -> None:
    read(make(tmp_path))


@every_artefact
def test_a_missing_file_is_named(tmp_path: Path, make: Callable[[Path], Path], read: Callable[[Path], object]) -> None:
    path = make(tmp_path)
    path.unlink()
    refused(read, path)


@every_artefact
def test_a_file_cut_off_anywhere_is_named(
    tmp_path: Path, make: Callable[[Path], Path], read: Callable[[Path], object]
) -> None:
    path = make(tmp_path)
    content = path.read_bytes()
    for length in sorted({0, 1, 8, len(content) // 2, len(content) - 9, len(content) - 2}):
        path.write_bytes(content[:length])
        refused(read, path)


@every_artefact
def test_a_flipped_bit_anywhere_is_found(
    tmp_path: Path, make: Callable[[Path], Path], read: Callable[[Path], object]
) -> None:
    path = make(tmp_path)
    content = path.read_bytes()
    bits = len(content) * 8
    rng = random.Random(path.name)
    for bit in {0, bits - 1, *(rng.randrange(bits) for _ in range(150))}:
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        # White space between JSON values may change without effect.
        if path.suffix == ".json" and content[bit // 8 : bit // 8 + 1].isspace():
            continue
        refused(read, path)


def test_a_table_of_another_program_has_no_checksum(tmp_path: Path) -> None:
    pd.DataFrame({"a": [1, 2]}).to_parquet(tmp_path / "a.parquet")
    assert "checksum" in refused(parquet.read, tmp_path / "a.parquet")


def test_other_programs_read_our_tables(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    parquet.write(frame, tmp_path / "a.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "a.parquet"), frame)
    pd.testing.assert_frame_equal(parquet.read(tmp_path / "a.parquet", ["b"]), frame[["b"]])
    pd.testing.assert_frame_equal(parquet.read(tmp_path / "a.parquet", without=["b"]), frame[["a"]])
    assert parquet.read_table(tmp_path / "a.parquet", filters=[("a", "=", 2)]).num_rows == 1


def test_exchanged_recordings_are_found(tmp_path: Path) -> None:
    folder = corpus(tmp_path)
    audio.write_flac(folder / "audio" / "train.flac", SAMPLES[::-1].copy())
    message = refused(read_corpus_audio, folder / "audio" / "train.flac")
    assert message.endswith(f"delete {folder / 'audio'} and run again")


def test_a_recording_without_a_checksum_is_read(tmp_path: Path) -> None:
    audio.write_flac(tmp_path / "a.flac", SAMPLES)
    table = pd.DataFrame({"text": ["a"], "utterance_id": ["a"], "path": ["a.flac"], "seconds": [0.05]})
    for speech in (Speech(table, tmp_path), Speech(table.assign(sha256=None), tmp_path)):
        assert np.array_equal(speech.samples(0), SAMPLES)


class Wildcards:
    """Snakemake's: iterates over values, and has names."""

    def __init__(self, named: Mapping[str, str]) -> None:
        self.named = named

    def __iter__(self) -> Iterator[str]:
        return iter(self.named.values())

    def items(self) -> object:
        return self.named.items()


class TestJob:
    """Return what a script prints and leaves when it cannot write."""

    def context(self, log: Path, outputs: list[Path], **wildcards: str) -> SimpleNamespace:
        """What a script is given, as far as every script needs it."""
        return SimpleNamespace(
            rule="train", wildcards=Wildcards(wildcards), params=SimpleNamespace(), threads=1, log=[log], output=outputs
        )

    def run(self, folder: Path, work: Callable[[], object], log: Path | None = None) -> None:
        context = self.context(log or folder / "log.txt", [folder / "out"], model="seed-1")
        with pytest.raises(SystemExit):
            run(lambda job: work(), context)

    @pytest.fixture
    def full_disk(self, tmp_path: Path) -> Iterator[Path]:
        yield from self.mounted(tmp_path / "disk", "size=64k")

    @pytest.fixture
    def read_only_disk(self, tmp_path: Path) -> Iterator[Path]:
        yield from self.mounted(tmp_path / "disk", "ro")

    def mounted(self, folder: Path, options: str) -> Iterator[Path]:
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
        if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("mounting a small or read-only disk needs more rights")
        yield folder
        # A lazy unmount, because the log is still open there.
        subprocess.run(["umount", "-l", str(folder)], check=True)

    def test_a_full_disk_is_one_line_and_nothing_is_lost(
        self, full_disk: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        path = full_disk / "weights"
        whole.replace_file(path, b"old")
        self.run(full_disk, lambda: whole.replace_file(path, bytes(100_000)), log=tmp_path / "log.txt")
        line = f"error: train seed-1: {path}: No space left on device; make room and run again: "
        assert capfd.readouterr().err.startswith(line)
        assert path.read_bytes() == b"old"
        assert os.listdir(full_disk) == ["weights"]

    def test_a_full_disk_silences_the_log_and_not_the_line(
        self, full_disk: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        def work() -> None:
            (full_disk / "other").write_bytes(bytes(60_000))
            whole.replace_file(full_disk / "weights", bytes(100_000))

        self.run(full_disk, work)
        assert capfd.readouterr().err.count("\n") == 1

    def test_a_read_only_folder_is_one_line(
        self, read_only_disk: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        path = read_only_disk / "weights"
        self.run(tmp_path, lambda: whole.replace_file(path, b"new"))
        message = capfd.readouterr().err
        assert message.startswith(f"error: train seed-1: {path}: Read-only file system; make it writable")
        assert message.count("\n") == 1

    def test_a_read_only_log_folder_is_one_line(
        self, read_only_disk: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        self.run(tmp_path, lambda: None, log=read_only_disk / "log.txt")
        message = capfd.readouterr().err
        assert f"{read_only_disk / 'log.txt'}: Read-only file system; " in message
        assert message.count("\n") == 1

    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
    def test_what_the_user_can_mend_has_no_traceback(
        self,
        tmp_path: Path,
        number: int,
        monkeypatch: pytest.MonkeyPatch,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        def fail(*_: object) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(whole.os, "fsync", fail)
        self.run(tmp_path, lambda: whole.replace_file(tmp_path / "out", b"new"))
        message = capfd.readouterr().err
        assert message.startswith(f"error: train seed-1: {tmp_path / 'out'}: {os.strerror(number)}; ma")
        assert message.count("\n") == 1
        assert sorted(os.listdir(tmp_path)) == ["log.txt"]
        assert os.strerror(number) in (tmp_path / "log.txt").read_text()

    def test_what_others_have_named_does_not_steer_the_terminal(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        def work() -> None:
            raise InputError("a\x1b[31m\rb\nerror: c\u202e: no such file")

        self.run(tmp_path, work)
        message = capfd.readouterr().err
        assert message == "error: train seed-1: a\\x1b[31m b error: c\\u202e: no such file\n"
        assert "\x1b" not in (tmp_path / "log.txt").read_text()

    def test_an_interruption_has_no_traceback(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        def work() -> None:
            raise KeyboardInterrupt

        self.run(tmp_path, work)
        assert capfd.readouterr().err == "error: train seed-1: interrupted; run again to go on\n"

    def test_what_a_killed_writer_left_is_taken_away(self, tmp_path: Path) -> None:
        (tmp_path / "folder").mkdir()
        left = [tmp_path / ".out.x1y2.part", tmp_path / "folder" / ".1.flac.x1y2.part"]
        kept = [tmp_path / ".out2.x1y2.part", tmp_path / "out", tmp_path / "folder" / "1.flac"]
        for path in left + kept:
            path.write_bytes(b"")
        outputs = [tmp_path / "out", tmp_path / "folder"]
        run(lambda job: None, self.context(tmp_path / "log.txt", outputs))
        assert not any(path.exists() for path in left)
        assert all(path.exists() for path in kept)


def test_the_same_table_is_the_same_bytes(tmp_path: Path) -> None:
    one, two = make_samples(tmp_path).read_bytes(), make_samples(tmp_path).read_bytes()
    assert one == two
