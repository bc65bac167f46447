"""The smoke study, run for real: everything is made, the controls hold, and running it again does nothing."""

from __future__ import annotations

import csv
import getpass
import json
import os
import re
import socket

import pandas as pd
import pytest
from copies import RESULTS, SMOKE, Finished, Repository

pytestmark = pytest.mark.timeout(1800)
# Where every attack succeeds there is nothing to list.
MAY_BE_EMPTY = {"failures"}


def test_every_output_is_there(smoke: Finished) -> None:
    outputs = smoke.plan(configfiles=[SMOKE]).outputs
    assert len(outputs) > 50
    assert [path for path in outputs if not path.exists()] == []
    assert [path for path in outputs if path.is_file() and path.stat().st_size == 0] == []


def test_every_job_has_a_log_and_a_benchmark(smoke: Finished) -> None:
    jobs = len(smoke.plan(configfiles=[SMOKE]).jobs)
    assert len(list((smoke.path / RESULTS / "logs").rglob("*.log"))) == jobs
    assert len(list((smoke.path / RESULTS / "benchmarks").rglob("*.tsv"))) == jobs


def test_nothing_is_left_lying_about(smoke: Finished) -> None:
    """Temporary files, checkpoints of training, files beside the results."""
    made = [path for path in (smoke.path / RESULTS).rglob("*") if path.is_file()]
    outputs = smoke.plan(configfiles=[SMOKE]).outputs
    known = (smoke.path / RESULTS / "logs", smoke.path / RESULTS / "benchmarks")
    audio = smoke.path / RESULTS / "corpus/audio"
    assert [
        path
        for path in made
        if path not in outputs and not any(path.is_relative_to(folder) for folder in (*known, audio))
    ] == []


def test_the_verdict_is_the_last_thing_said(smoke: Finished) -> None:
    verdict = (smoke.path / RESULTS / "verdict.txt").read_text()
    assert verdict.startswith("VERDICT")
    assert verdict in smoke.output
    assert len(smoke.output.partition(verdict)[2].splitlines()) <= 5


def test_the_twin_hears_what_the_surrogate_hears(smoke: Finished) -> None:
    def heard(remote: str) -> pd.DataFrame:
        return pd.read_parquet(smoke.path / RESULTS / f"transcripts/seed-1/{remote}.parquet")

    itself, twin = heard("seed-1"), heard("seed-1.twin")
    assert (itself["kind"] == "adversarial").sum() > 0
    assert itself[itself["kind"] == "adversarial"]["hit"].all()
    assert twin["log_probabilities"].map(tuple).equals(itself["log_probabilities"].map(tuple))
    cards = [
        json.loads((smoke.path / RESULTS / f"models/{model}/card.json").read_text())
        for model in ("seed-1", "seed-1.twin", "seed-1.ulp-1", "seed-2")
    ]
    hashes = [card["weights_sha256"] for card in cards]
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3


def test_tables_have_rows(smoke: Finished) -> None:
    tables = sorted((smoke.path / RESULTS / "tables").glob("*.parquet"))
    assert tables
    assert [path.stem for path in tables if path.stem not in MAY_BE_EMPTY and not len(pd.read_parquet(path))] == []


def test_selection_has_more_than_it_needs(smoke: Finished) -> None:
    """On other hardware a few more utterances may be wrong."""
    clean = (smoke.path / RESULTS / "clean").glob("*.parquet")
    right = []
    for path in clean:
        heard = pd.read_parquet(path).query("split == 'test'")
        rows = zip(heard["utterance_id"], heard["text"], heard["texts"], strict=True)
        right.append({name for name, text, texts in rows if len(texts) and texts[0] == text})
    assert len(set.intersection(*right)) >= 2 * len(pd.read_parquet(smoke.path / RESULTS / "selected.parquet"))


@pytest.mark.slow
def test_tables_do_not_depend_on_which_hearings_skipped_the_search(
    smoke: Finished, tmp_path_factory: pytest.TempPathFactory
) -> None:
    copy = Repository.copy(tmp_path_factory.mktemp("copy") / "copy", smoke.path)
    given = ["--configfile", SMOKE, "--config", "decoder={certify: true}"]
    assert copy.plan({"decoder": {"certify": True}}, [SMOKE]).first == {"transcribe"}
    copy.snakemake("--cores", "2", f"{RESULTS}/verdict.txt", *given)

    def heard(repository: Repository) -> pd.DataFrame:
        found = sorted((repository.path / RESULTS / "transcripts/seed-1").glob("*.parquet"))
        return pd.concat([pd.read_parquet(path) for path in found])

    assert heard(smoke)["searched"].all()
    assert not heard(copy)["searched"].all()
    tables = sorted(path.name for path in (smoke.path / RESULTS / "tables").glob("*.csv"))
    assert len(tables) > 10
    for name in [f"tables/{table}" for table in tables]:
        assert (copy.path / RESULTS / name).read_bytes() == (smoke.path / RESULTS / name).read_bytes(), name
    # A search that is skipped takes no time: the hours that a larger study would take differ, and nothing else.
    verdicts = [(repository.path / RESULTS / "verdict.txt").read_text() for repository in (copy, smoke)]
    first, second = (re.sub(r"\(about [^()]* on [^()]*\)", "", verdict) for verdict in verdicts)
    assert first == second


def test_transcripts_do_not_depend_on_how_many_processes_decode(
    smoke: Finished, tmp_path_factory: pytest.TempPathFactory
) -> None:
    copy = Repository.copy(tmp_path_factory.mktemp("copy") / "copy", smoke.path)
    name = f"{RESULTS}/transcripts/seed-1/seed-2.parquet"
    (copy.path / name).unlink()
    output = copy.snakemake("--cores", "2", "--set-threads", "transcribe=2", "--configfile", SMOKE, "--", name).stdout
    assert "threads: 2" in output
    assert (copy.path / name).read_bytes() == (smoke.path / name).read_bytes()


def test_a_second_run_does_nothing(smoke: Finished) -> None:
    files = {path: path.stat().st_mtime_ns for path in (smoke.path / RESULTS).rglob("*")}
    output = smoke.snakemake("--cores", "2", "--configfile", SMOKE).stdout
    assert "Nothing to be done" in output
    assert {path: path.stat().st_mtime_ns for path in (smoke.path / RESULTS).rglob("*")} == files


def test_a_lock_left_by_a_killed_run_says_how_to_remove_it(smoke: Finished) -> None:
    locks = smoke.path / ".snakemake/locks"
    locks.mkdir()
    (locks / "0.output.lock").write_text(f"{RESULTS}/report.html\n")
    given = ["--cores", "1", "--configfile", SMOKE]
    refused = smoke.snakemake(*given, "--forcerun", "report", check=False)
    assert refused.returncode != 0
    assert "--unlock" in refused.stdout
    smoke.snakemake(*given, "--unlock")
    assert "Nothing to be done" in smoke.snakemake(*given).stdout


@pytest.mark.parametrize("target", ["results-smoke/verdict.txt", "results-smoke/tables/arms.csv"])
def test_a_deleted_result_is_made_again_from_what_there_is(smoke: Finished, target: str) -> None:
    path = smoke.path / target
    kept = path.read_bytes()
    path.unlink()
    try:
        first = smoke.plan(configfiles=[SMOKE], targets=[target]).first
        assert first == {"verdict" if target.endswith("txt") else "tables"}
    finally:
        path.write_bytes(kept)


def test_results_name_neither_a_folder_nor_a_person_of_this_machine(smoke: Finished) -> None:
    """So that they can be published; a name of three letters would be found in any audio."""
    private = [
        str(smoke.path),
        str(smoke.path.parent),
        getpass.getuser(),
        socket.gethostname(),
        os.environ.get("HOME", ""),
    ]
    private = [name for name in private if len(name) > 3 and name != "root"]
    assert str(smoke.path) in private
    found = []
    for path in sorted(path for path in (smoke.path / RESULTS).rglob("*") if path.is_file()):
        content = path.read_bytes()
        if path.suffix == ".parquet":
            # Compressed: as text, without the audio.
            rows = pd.read_parquet(path)
            content += rows.drop(columns="audio", errors="ignore").to_csv().encode() + repr(rows.attrs).encode()
        found += [(path, name) for name in private if name.encode() in content]
    assert found == []


def test_no_cell_of_a_table_is_a_formula_to_a_spreadsheet(smoke: Finished) -> None:
    paths = sorted((smoke.path / RESULTS / "tables").glob("*.csv"))
    assert paths
    for path in paths:
        with path.open(newline="") as file:
            cells = {cell for row in csv.reader(file) for cell in row}
        # A negative number is none.
        assert [cell for cell in cells if re.match(r"[=+@\t\r]|-(?![\d.])", cell)] == [], path


def test_too_few_right_utterances_end_the_run_with_what_to_change(
    smoke: Finished, tmp_path_factory: pytest.TempPathFactory
) -> None:
    copy = Repository.copy(tmp_path_factory.mktemp("copy") / "copy", smoke.path)
    given = ["--cores", "1", "--configfile", SMOKE, "--config", "selection={utterances: 60}"]
    result = copy.snakemake(*given, "--", "results-smoke/selected.parquet", check=False)
    assert result.returncode != 0
    [line] = [line for line in result.stdout.splitlines() if line.startswith("error: select: ")]
    assert "Lower selection.utterances" in line
    assert "Traceback" not in result.stdout


@pytest.mark.slow
def test_transfer_falls_along_the_curve_to_a_stranger(
    smoke: Finished, tmp_path_factory: pytest.TempPathFactory
) -> None:
    copy = Repository.copy(tmp_path_factory.mktemp("copy") / "copy", smoke.path)
    copy.snakemake("--cores", "2", "transfer_curve", "--configfile", SMOKE)
    table = pd.read_csv(copy.path / RESULTS / "tables/transfer-curve.csv")
    assert (copy.path / RESULTS / "figures/transfer-curve.svg").stat().st_size > 1000
    for kind in ("phrase", "near"):
        rows = table[table["target_kind"] == kind].sort_values("distance")
        assert rows["distance"].iloc[0] == 0 and rows["share"].iloc[0] == 1
        assert {"epoch", "line"} == set(rows["kind"])
        nearest = rows[(rows["kind"] == "line") & (rows["distance"] > 0)].iloc[0]
        assert nearest["share"] > rows["share"].iloc[-1]
    assert copy.plan(configfiles=[SMOKE]).needed == set()
