"""Results as they are read: hits are counted as their texts say, and what does not fit is refused."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow
import pytest
from fabricated import JOBS, Heard, Study, deaf
from test_tables import only, tables_of

from asrtransfer.files import parquet
from asrtransfer.files.errors import InputError
from asrtransfer.tables import checks, tabulate
from asrtransfer.tables.results import ranks, scored


def transcripts(*rows: tuple[str, list[str] | None]) -> pyarrow.Table:
    return pyarrow.table(
        {
            "phrase": pyarrow.array([phrase for phrase, _ in rows], pyarrow.string()),
            "texts": pyarrow.array([texts for _, texts in rows], pyarrow.list_(pyarrow.string())),
        }
    )


@pytest.mark.parametrize(
    ("texts", "raw", "hit", "verbatim"),
    [
        (["go"], "go", True, True),
        (["go"], None, True, True),
        (["go"], "Go.", True, False),
        (["no"], "go", False, False),
    ],
)
def test_a_hit_is_verbatim_where_the_recogniser_wrote_the_target(
    texts: list[str], raw: str | None, hit: bool, verbatim: bool
) -> None:
    table = checks._plant([texts])
    table = table.set_column(table.column_names.index("raw"), "raw", pyarrow.array([raw], pyarrow.string()))
    table = table.set_column(table.column_names.index("phrase"), "phrase", pyarrow.array(["go"]))
    row = scored(table).iloc[0]
    assert (bool(row["hit"]), bool(row["verbatim"])) == (hit, verbatim)


def test_rank_is_the_first_place_of_the_phrase() -> None:
    table = transcripts(("a", ["a", "b"]), ("a", ["b", "a", "a"]), ("a", []), ("a", None), ("a", ["b"]), ("", [""]))
    assert ranks(table).tolist() == [1, 2, 0, 0, 0, 1]
    assert ranks(table.slice(1, 2)).tolist() == [2, 0]


def test_a_planted_hit_counts_and_a_near_miss_does_not(tmp_path: Path) -> None:
    """From the text that a remote gives to the table, through everything on the way."""

    def hears(heard: Heard) -> list[str]:
        if heard.kind == "adversarial" and (heard.surrogate, heard.remote) == ("seed-1", "seed-2"):
            planted = {0: "open the door", 1: "open the doors", 2: "open the dor", 3: "open the door "}
            return [planted[heard.utterance]]
        return deaf(heard)

    made = tables_of(Study(tmp_path, jobs=[("cw", "open-the-door", "low")], hears=hears, iterations=(7,)))
    row = only(made["transfers"], surrogate="seed-1", remote="seed-2", counted="all")
    assert (row["hearings"], row["transfers"]) == (4, 1)
    assert row["median_cer_target"] == pytest.approx(1 / 13)


def test_a_scorer_that_is_too_kind_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    checks.planted()
    monkeypatch.setattr(checks, "scored", lambda table: scored(table).assign(hit=True))
    with pytest.raises(InputError, match="no table can be trusted"):
        checks.planted()


def test_a_scorer_that_is_deaf_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "scored", lambda table: scored(table).assign(hit=False))
    with pytest.raises(InputError, match="no table can be trusted"):
        checks.planted()


def test_a_stored_hit_that_its_texts_deny_is_refused(tmp_path: Path) -> None:
    study = Study(tmp_path).write()
    path = study.transcript_path("seed-1", "seed-2")
    rows = parquet.read(path)
    rows.loc[3, "hit"] = True
    parquet.write(rows, path)
    with pytest.raises(InputError, match=r"seed-1/seed-2.parquet: its column hit"):
        study.read()


def test_rows_of_a_removed_phrase_do_not_count(tmp_path: Path) -> None:
    """The files still hold it, the configuration no longer does."""
    study = Study(tmp_path).write()
    smaller = Study(tmp_path, jobs=[job for job in JOBS if job[1] != "rank-3"])
    design = smaller.design()
    assert any("rank-3" in job for job in study.design().jobs)
    made = tabulate(smaller.read(design), design)
    assert not made["near-targets"]["rank"].eq(3).any()
    assert not made["attack-success"]["target"].eq("rank-3").any()
    fresh = tables_of(Study(tmp_path / "fresh", jobs=smaller.jobs))
    for name, table in fresh.items():
        pd.testing.assert_frame_equal(made[name], table)


def test_transcripts_of_other_samples_are_refused(tmp_path: Path) -> None:
    study = Study(tmp_path).write()
    path = study.transcript_path("seed-2", "seed-1.twin")
    rows = parquet.read(path)
    for changed in (rows.iloc[7:], rows.assign(iteration=rows["iteration"] + 1), rows.iloc[:0]):
        parquet.write(pyarrow.Table.from_pandas(changed, pyarrow.parquet.read_schema(path), False), path)
        with pytest.raises(InputError, match=r"seed-2/seed-1.twin.parquet: holds .* delete it and run again"):
            study.read()


def test_damaged_files_are_named(tmp_path: Path) -> None:
    study = Study(tmp_path).write()
    study.transcript_path("seed-1", "seed-2").write_bytes(b"no parquet")
    with pytest.raises(InputError, match=r"seed-1/seed-2.parquet: cannot be read"):
        study.read()
    card = tmp_path / "cards" / "seed-2.json"
    for content in ("{", "[]"):
        card.write_text(content)
        with pytest.raises(InputError, match=r"seed-2.json: "):
            study.read()
