"""Tables, weights and manifests that somebody has changed: read, or refused by name and reason, in bounded memory."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from limited import Worker

from asrtransfer.attacks import samples
from asrtransfer.corpora import manifest
from asrtransfer.files import parquet
from asrtransfer.hearing import transfer
from asrtransfer.recognisers.deepspeech.network import Network, load_weights, save_weights
from asrtransfer.speech import audio

SOUND = np.random.default_rng(1).integers(-999, 999, 800).astype(np.int16)
NUMBERS = [number.to_bytes(4, "little") for number in (0, 1, 127, 2**16, 2**31 - 1, 2**32 - 1)]
CHANGES = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True), st.one_of(st.sampled_from(NUMBERS), st.binary(min_size=1, max_size=6))
    ),
    min_size=1,
    max_size=3,
)
KEPT = st.integers(0, 4).flatmap(lambda number: st.just(1.0) if number else st.floats(0, 1))
FEW = {"deadline": None, "derandomize": True, "suppress_health_check": [HealthCheck.too_slow]}
MANY = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}


def changed(content: bytes, changes: list[tuple[float, bytes]], kept: float) -> bytes:
    """Bytes with some written over them, and their end cut off."""
    found = bytearray(content)
    for place, change in changes:
        start = int(place * len(found))
        found[start : start + len(change)] = change
    return bytes(found[: int(len(found) * kept)])


def sealed(content: bytes) -> bytes:
    """A table with the checksum that its bytes have now, as a hostile author would give it."""
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    if footer < 32:
        return content
    body = content[: footer - 32], content[footer:]
    return body[0] + hashlib.sha256(b"".join(body)).digest() + body[1]


def is_line(answer: object, path: Path) -> bool:
    """Whether a file is refused as it should be."""
    return isinstance(answer, str) and answer.startswith(f"{path}: ") and "\n" not in answer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def tables(folder: Path) -> list[Path]:
    """Samples, transcripts and a table of counts, as a study writes them."""
    sound = {"bytes": audio.encode_flac(SOUND), "path": "a.flac"}
    made = [{"utterance_id": f"a-{row}", "status": "sample", "audio": sound, "k1": 0.95} for row in range(5)]
    heard = [{"utterance_id": f"a-{row}", "texts": ["one", "two"], "hit": False, "rank": 2} for row in range(9)]
    written = []
    for rows in (
        pyarrow.Table.from_pylist(made, schema=samples.SCHEMA),
        pyarrow.Table.from_pylist(heard, schema=transfer.SCHEMA),
        pd.DataFrame({"arm": ["seed", "twin"] * 40, "hearings": range(80), "share": np.linspace(0, 1, 80)}),
    ):
        written.append(folder / f"{len(written)}.parquet")
        parquet.write(rows, written[-1])
    return written


@pytest.fixture(scope="module")
def weights(folder: Path) -> Path:
    model = Network(2)
    model.initialise(1)
    save_weights(model, folder / "weights.safetensors")
    return folder / "weights.safetensors"


@pytest.fixture(scope="module")
def reader() -> Iterator[Worker]:
    worker = Worker(read_artefact)
    yield worker
    worker.close()


def read_artefact(path: Path) -> object:
    return len(parquet.read(path)) if path.suffix == ".parquet" else sum(1 for _ in load_weights(path).parameters())


def check(original: Path, how: tuple[Any, float], folder: Path, reader: Worker) -> None:
    path = folder / f"hostile{original.suffix}"
    content = changed(original.read_bytes(), *how)
    path.write_bytes(sealed(content) if path.suffix == ".parquet" else content)
    answer = reader.read(path)
    assert isinstance(answer, int) or is_line(answer, path), answer


@settings(max_examples=150, **FEW)
@given(which=st.integers(0, 2), how=st.tuples(CHANGES, KEPT))
def test_a_table_is_read_or_refused(
    tables: list[Path], folder: Path, reader: Worker, which: int, how: tuple[Any, float]
) -> None:
    check(tables[which], how, folder, reader)


@pytest.mark.slow
@settings(max_examples=1000, **MANY)
@given(which=st.integers(0, 2), how=st.tuples(CHANGES, KEPT))
def test_a_thousand_tables_are_read_or_refused(
    tables: list[Path], folder: Path, reader: Worker, which: int, how: tuple[Any, float]
) -> None:
    check(tables[which], how, folder, reader)


@settings(max_examples=150, **FEW)
@given(how=st.tuples(CHANGES, KEPT))
def test_weights_are_read_or_refused(weights: Path, folder: Path, reader: Worker, how: tuple[Any, float]) -> None:
    check(weights, how, folder, reader)


@pytest.mark.slow
@settings(max_examples=1000, **MANY)
@given(how=st.tuples(CHANGES, KEPT))
def test_a_thousand_weights_are_read_or_refused(
    weights: Path, folder: Path, reader: Worker, how: tuple[Any, float]
) -> None:
    check(weights, how, folder, reader)


@pytest.mark.parametrize(
    "shape",
    [
        {"units": 10**9, "front_end": "mfcc", "cepstra": 26, "recurrence": "lstm"},
        {"units": -1, "front_end": "mfcc", "cepstra": 26, "recurrence": "lstm"},
        {"units": 2, "front_end": "other", "cepstra": 26, "recurrence": "lstm"},
        {"units": 3, "front_end": "mfcc", "cepstra": 26, "recurrence": "lstm"},
        {"units": "many"},
        {"run": "rm"},
        [],
        None,
    ],
)
def test_a_shape_that_the_weights_have_not_is_refused(
    weights: Path, folder: Path, reader: Worker, shape: object
) -> None:
    content = weights.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    entry = json.loads(header["__metadata__"]["asrtransfer"])
    entry["about"]["network"] = shape
    header["__metadata__"]["asrtransfer"] = json.dumps(entry)
    head = json.dumps(header).encode()
    path = folder / "shape.safetensors"
    path.write_bytes(len(head).to_bytes(8, "little") + head + content[8 + size :])
    assert is_line(reader.read(path), path)


TEXTS = st.one_of(
    st.sampled_from(
        ["", "a", "../../out", "/etc/passwd", "a\0b", "nan", "=1+1", "a/../b", "\x1b[31m", "one.wav", "x" * 300]
    ),
    st.text(max_size=20),
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "path": st.one_of(st.sampled_from(["one.wav", "two.wav", "three.wav"]), TEXTS),
            "text": st.one_of(st.sampled_from(["yes", "no way"]), TEXTS),
            "speaker": st.one_of(st.sampled_from(["me", "you"]), TEXTS),
            "split": st.one_of(st.sampled_from(["train", "dev", "test"]), TEXTS),
        },
        optional={"utterance_id": TEXTS},
    ),
    max_size=4,
)
PLAIN = [
    {"path": f"{name}.wav", "text": "yes", "speaker": name, "split": split}
    for name, split in (("one", "train"), ("two", "dev"), ("three", "test"))
]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    for name in ("one", "two", "three"):
        audio.write_flac(folder / f"{name}.wav", SOUND)
    return folder


@pytest.fixture(scope="module")
def preparer(recordings: Path) -> Iterator[Worker]:
    def prepare(path: Path) -> object:
        made = manifest.prepare(
            path, recordings / "corpus", disjoint_speakers=False, longest_seconds=10, dither=0, seed=0
        )
        return [(one.utterance_id, one.path) for one in made]

    worker = Worker(prepare)
    yield worker
    worker.close()


def write_manifest(path: Path, rows: list[dict[str, str]]) -> bytes:
    frame = pd.DataFrame(PLAIN + rows)
    match path.suffix:
        case ".parquet":
            # As pandas writes what is no text of UTF-8: not at all.
            frame.map(
                lambda cell: cell.encode("utf-8", "replace").decode() if isinstance(cell, str) else cell
            ).to_parquet(path, index=False)
        case ending:
            text = frame.to_csv(index=False, sep="," if ending == ".csv" else "\t")
            path.write_bytes(text.encode("utf-8", "replace"))
    return path.read_bytes()


def check_manifest(
    recordings: Path, preparer: Worker, ending: str, rows: list[dict[str, str]], how: tuple[Any, float] | None
) -> None:
    path = recordings / f"manifest{ending}"
    content = write_manifest(path, rows)
    if how is not None:
        path.write_bytes(changed(content, *how))
    before = {one for one in recordings.iterdir() if one.name != "corpus"}
    try:
        answer = preparer.read(path)
        assert isinstance(answer, list) or is_line(answer, path) or is_line(answer, recordings / "corpus"), answer
        if isinstance(answer, list):
            for name, place in answer:
                assert place == f"audio/{name}.flac"
                assert (recordings / "corpus" / place).resolve().parent == recordings / "corpus/audio"
        assert {one for one in recordings.iterdir() if one.name != "corpus"} == before
    finally:
        shutil.rmtree(recordings / "corpus", ignore_errors=True)


MANIFESTS = {
    "ending": st.sampled_from([".csv", ".tsv", ".parquet"]),
    "rows": ROWS,
    "how": st.one_of(st.none(), st.tuples(CHANGES, KEPT)),
}


@settings(max_examples=200, **FEW)
@given(**MANIFESTS)
def test_a_manifest_is_read_or_refused(
    recordings: Path, preparer: Worker, ending: str, rows: list[dict[str, str]], how: tuple[Any, float] | None
) -> None:
    check_manifest(recordings, preparer, ending, rows, how)


@pytest.mark.slow
@settings(max_examples=2000, **MANY)
@given(**MANIFESTS)
def test_two_thousand_manifests_are_read_or_refused(
    recordings: Path, preparer: Worker, ending: str, rows: list[dict[str, str]], how: tuple[Any, float] | None
) -> None:
    check_manifest(recordings, preparer, ending, rows, how)
