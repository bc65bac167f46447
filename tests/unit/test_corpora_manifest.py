"""Corpora from manifests: any sample rate and table format, and one line that names the fault."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pyarrow
import pyarrow.parquet
import pytest
import soundfile

from asrtransfer import corpora
from asrtransfer.corpora import manifest
from asrtransfer.files.errors import InputError
from asrtransfer.speech import audio

FSDD = Path(__file__).parents[3] / "shared" / "data" / "fsdd-strings" / "manifest.csv"


@pytest.fixture
def rows(tmp_path: Path) -> list[dict[str, Any]]:
    (tmp_path / "recordings").mkdir()
    made = []
    for number, split in enumerate(("train", "dev", "test")):
        path = f"recordings/{split}.wav"
        soundfile.write(tmp_path / path, 0.1 * np.sin(np.arange(8000 * (number + 1)) / 5), 8000)
        made.append({"path": path, "text": f"Word {split}", "speaker": f"s{number}", "split": split, "note": 1})
    return made


def prepare(tmp_path: Path, rows: list[dict[str, Any]], **changes: Any) -> list[corpora.Utterance]:
    pandas.DataFrame(rows).to_csv(tmp_path / "manifest.csv", index=False)
    settings = {"disjoint_speakers": False, "longest_seconds": 600, "dither": 0, "seed": 0}
    return manifest.prepare(tmp_path / "manifest.csv", tmp_path / "corpus", **(settings | changes))


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet"])
def test_formats(tmp_path: Path, rows: list[dict[str, Any]], ending: str) -> None:
    path = tmp_path / f"manifest.{ending}"
    table = pandas.DataFrame(rows)
    if ending == "parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False, sep="\t" if ending == "tsv" else ",")
    utterances = manifest.prepare(
        path, tmp_path / "corpus", disjoint_speakers=True, longest_seconds=600, dither=0, seed=0
    )
    assert [(u.split, u.text, u.seconds) for u in utterances] == [
        ("train", "word train", 1.0),
        ("dev", "word dev", 2.0),
        ("test", "word test", 3.0),
    ]
    for utterance in utterances:
        assert soundfile.info(tmp_path / "corpus" / utterance.path).samplerate == audio.SAMPLE_RATE
    corpora.write(utterances, tmp_path / "corpus", disjoint_speakers=True)


def test_what_pandas_noted_about_a_table_may_be_damaged(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    table = pyarrow.Table.from_pandas(pandas.DataFrame(rows)).replace_schema_metadata({b"pandas": b'{"columns": 8'})
    pyarrow.parquet.write_table(table, tmp_path / "manifest.parquet")
    utterances = manifest.prepare(
        tmp_path / "manifest.parquet",
        tmp_path / "corpus",
        disjoint_speakers=True,
        longest_seconds=600,
        dither=0,
        seed=0,
    )
    assert [one.text for one in utterances] == [row["text"].lower() for row in rows]


def test_words_that_pandas_takes_for_missing_values(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    rows[0]["text"] = "null"
    rows[1]["speaker"] = "NA"
    utterances = prepare(tmp_path, rows)
    assert utterances[0].text == "null"
    assert utterances[1].speaker == "NA"


def test_tabs_and_accents_are_read(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    rows[0]["text"] = " Caf\u00e9\tna\u00efve "
    assert prepare(tmp_path, rows)[0].text == "cafe naive"


def test_names_are_kept_or_made_from_the_path(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    assert prepare(tmp_path, rows)[0].utterance_id == "recordings-train"
    for row in rows:
        row["utterance_id"] = row["split"] + "-1"
    assert prepare(tmp_path, rows)[0].utterance_id == "train-1"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("path", "recordings/gone.wav", r"row 2: .*gone\.wav: no such audio file"),
        ("path", "broken.wav", r"row 2: .*broken\.wav: not readable"),
        ("path", "recordings/train.wav", "row 2: utterance_id 'recordings-train' is that of row 1"),
        ("path", "", "row 2: the path is empty"),
        ("text", "", "row 2: the text is empty"),
        ("text", "room 5", "row 2: '5' in 'room 5'"),
        ("text", "room\u200f five", r"row 2: '\\u200f' in 'room\\u200f five'"),
        ("speaker", "", "row 2: the speaker is empty"),
        ("split", "valid", "row 2: split 'valid'"),
        ("split", "train", "no utterances in dev"),
        ("speaker", "s0", "speaker s0 is in train and dev"),
        ("utterance_id", "../up", r"row 2: utterance_id '\.\./up'"),
    ],
)
def test_one_fault(tmp_path: Path, rows: list[dict[str, Any]], key: str, value: str, message: str) -> None:
    (tmp_path / "broken.wav").write_text("no audio")
    rows[1][key] = value
    with pytest.raises(InputError, match=message) as caught:
        prepare(tmp_path, rows, disjoint_speakers=True)
    assert "manifest.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_recordings_beyond_the_limit_name_its_key(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    message = r"row 3: .*test\.wav: holds 3 s of audio, more than .* 2\.5 s; raise corpus\.manifest\.longest_seconds"
    with pytest.raises(InputError, match=message):
        prepare(tmp_path, rows, longest_seconds=2.5)


def test_faults_are_counted_and_the_first_row_is_named(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    rows[0]["path"] = "recordings/gone.wav"
    rows[1]["text"] = ""
    with pytest.raises(InputError, match=r"row 1: .*gone.wav.*\(2 of 3 rows are faulty\)"):
        prepare(tmp_path, rows)


def test_missing_column_names_what_there_is(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        del row["speaker"], row["split"]
    with pytest.raises(InputError, match=r"no column speaker, split; it has path, text, note"):
        prepare(tmp_path, rows)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.csv", None, "no such manifest"),
        ("m.csv", b"", "not readable as a table"),
        ("m.csv", b"path,text\n\xff\xfe,a\n", "not readable as a table"),
        ("m.parquet", b"no parquet", "not readable as a table"),
        ("m.json", b"{}", r"\.json file ending"),
        ("m.csv", b"path,text,speaker,split\n", "no utterances in train"),
    ],
)
def test_unusable_manifests(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        manifest.prepare(
            tmp_path / name, tmp_path / "corpus", disjoint_speakers=False, longest_seconds=600, dither=0, seed=0
        )


@pytest.mark.skipif(not FSDD.is_file(), reason="shared/data/fsdd-strings is not here")
def test_real_digit_strings(tmp_path: Path) -> None:
    table = pandas.read_csv(FSDD)
    table["path"] = [str(FSDD.parent / path) for path in table["path"]]
    few = table.groupby("split").head(3)
    few.to_csv(tmp_path / "few.csv", index=False)
    utterances = manifest.prepare(
        tmp_path / "few.csv", tmp_path, disjoint_speakers=False, longest_seconds=600, dither=0, seed=0
    )
    assert [u.utterance_id for u in utterances] == list(few.utterance_id)
    for utterance, seconds in zip(utterances, few.seconds, strict=True):
        assert utterance.seconds == pytest.approx(seconds, abs=0.001)
    with pytest.raises(InputError, match="give each speaker one split or set disjoint_speakers to false"):
        corpora.write(utterances, tmp_path, disjoint_speakers=True)


def test_dither_is_noise_of_the_asked_size_and_each_utterances_own(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    def read(name: str, some: list[dict[str, Any]], **changes: Any) -> dict[str, np.ndarray]:
        (tmp_path / name).mkdir()
        own = [row | {"path": str(tmp_path / row["path"])} for row in some]
        made = prepare(tmp_path / name, [row | {"utterance_id": row["split"]} for row in own], **changes)
        return {
            one.split: soundfile.read(tmp_path / name / "corpus" / one.path, dtype="int16")[0].astype(int)
            for one in made
        }

    clean, noisy = read("clean", rows), read("noisy", rows, dither=30)
    for split, samples in noisy.items():
        assert np.std(samples - clean[split]) == pytest.approx(30, rel=0.03)
    again = read("again", rows[::-1], dither=30)
    assert all(np.array_equal(again[split], samples) for split, samples in noisy.items())
    assert not np.array_equal(read("other", rows, dither=30, seed=1)["test"], noisy["test"])
