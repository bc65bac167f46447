"""How much speech the plan expects of a table of recordings."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest
from test_resources import study_of, work_of

from study.cost import recordings, work

ROWS = pd.DataFrame(
    {
        "path": [f"{number}.wav" for number in range(6)],
        "text": "go",
        "speaker": "a",
        "split": ["train", "train", "train", "dev", "test", "test"],
        "seconds": [1.5, 2.0, 4.0, 3.0, 1.0, 2.5],
    }
)


def write(path: Path, rows: pd.DataFrame = ROWS) -> Path:
    if path.suffix == ".parquet":
        rows.to_parquet(path)
    else:
        rows.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.parquet"])
def test_a_table_tells_its_splits(tmp_path: Path, name: str) -> None:
    found = recordings.measure(write(tmp_path / name))
    assert found == {"train": (3, 7.5, 4.0), "dev": (1, 3.0, 3.0), "test": (2, 3.5, 2.5)}


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
@pytest.mark.parametrize("seconds", [None, "long", -1.0, float("nan"), float("inf")])
def test_lengths_that_are_not_told_are_not_known(tmp_path: Path, name: str, seconds: object) -> None:
    rows = ROWS.drop(columns="seconds") if seconds is None else ROWS.astype({"seconds": str})
    if seconds is not None:
        rows.loc[0, "seconds"] = str(seconds)
    assert recordings.measure(write(tmp_path / name, rows))["train"] == (3, None, None)


def test_a_table_that_has_changed_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv")
    assert recordings.measure(path)["test"].utterances == 2
    write(path, ROWS.iloc[:5])
    os.utime(path, ns=(1, 1))
    assert recordings.measure(path)["test"].utterances == 1


def test_what_cannot_be_read_is_left_to_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert recordings.measure(tmp_path / "missing.csv") == {}
    assert recordings.measure(tmp_path) == {}
    os.mkfifo(tmp_path / "pipe.csv")
    assert recordings.measure(tmp_path / "pipe.csv") == {}
    for name, content in {"a.csv": b"\xff\xfe\x00", "b.parquet": b"PAR1", "c.csv": b'path,"' + b"x" * 200_000}.items():
        (tmp_path / name).write_bytes(content)
        assert recordings.measure(tmp_path / name).get("train") is None
    monkeypatch.setattr(recordings, "LARGEST", 10)
    assert recordings.measure(write(tmp_path / "large.csv")) == {}


def test_the_plan_follows_the_table(tmp_path: Path) -> None:
    """A tenth of the recordings take about a tenth of the training."""

    def train(rows: int) -> float:
        table = pd.concat([ROWS] * rows, ignore_index=True)
        path = write(tmp_path / f"{rows}.csv", table)
        study = study_of("digits", corpus={"manifest": {"path": str(path)}})
        assert work.speech(study, "train").seconds == pytest.approx(7.5 * rows)
        return work_of("train", study).seconds

    assert train(1000) / train(100) == pytest.approx(10, rel=0.2)
    unknown = study_of("digits", corpus={"manifest": {"path": str(tmp_path / "missing.csv")}})
    assert work.speech(unknown, "train") == work.UNKNOWN
