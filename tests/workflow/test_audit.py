"""The audit of a finished study: it passes where nothing is wrong, and names what was changed where something was."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute
import pytest
import soundfile
from copies import SMOKE, Finished, Repository
from safetensors.numpy import load_file, save_file

from asrtransfer.audit import STAGES, audit, pages
from asrtransfer.audit.__main__ import main
from asrtransfer.audit.findings import Finding, describe
from asrtransfer.audit.stored import NotAStudy, Stored, decode
from asrtransfer.files import parquet

pytestmark = pytest.mark.timeout(1800)
PGD = "attacks/pgd/seed-1/go/high.parquet"
CW = "attacks/cw/seed-1/go/low.parquet"
HEARD = "transcripts/seed-1/seed-2.parquet"


def test_a_finished_study_passes(smoke: Finished, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(smoke.path / "results-smoke")]) == 0
    printed = capsys.readouterr().out
    assert "FAILS" not in printed
    assert re.search(r"^audit: 4\d checks, 0 fail, 1 had nothing to look at$", printed, re.MULTILINE)


@pytest.mark.slow
def test_one_with_files_of_the_users_passes(extended: Finished) -> None:
    assert [one for one in audit(extended.path / "results-smoke") if not one.holds] == []


@pytest.fixture
def results(smoke: Finished, tmp_path: Path) -> Path:
    """A copy of a finished study, to be changed."""
    shutil.copytree(smoke.path / "results-smoke", tmp_path / "results", ignore=shutil.ignore_patterns("logs"))
    return tmp_path / "results"


def rewrite(results: Path, name: str, change: Callable[[pd.DataFrame], pd.DataFrame | None]) -> None:
    """Change a table of the study, as a stage that errs would have written it."""
    rows = pd.read_parquet(results / name)
    changed = change(rows)
    (rows if changed is None else changed).to_parquet(results / name, index=False)


def every(results: Path, folder: str, change: Callable[[pd.DataFrame], pd.DataFrame | None]) -> None:
    for path in sorted((results / folder).rglob("*.parquet")):
        rewrite(results, str(path.relative_to(results)), change)


def select_what_nobody_hears(results: Path) -> None:
    clean = pd.read_parquet(results / "clean/seed-1.parquet")
    wrong = clean[(clean["split"] == "test") & (clean["texts"].str[0] != clean["text"])]["utterance_id"].iloc[0]
    test = pd.read_parquet(results / "corpus/test.parquet").set_index("utterance_id", drop=False)
    rewrite(results, "selected.parquet", lambda rows: pd.concat([rows.iloc[:2], test.loc[[wrong]]], ignore_index=True))


def leave_the_ball(results: Path) -> None:
    """Eight times the perturbation, with columns that say so, and a bound that allows it."""

    def change(rows: pd.DataFrame) -> None:
        selected = pd.read_parquet(results / "selected.parquet").set_index("utterance_id")
        for place, row in rows.iterrows():
            if row["status"] != "sample":
                continue
            clean, _ = soundfile.read(results / "corpus" / selected.loc[row["utterance_id"], "path"], dtype="int16")
            far = 8 * (decode(row["audio"]).astype(int) - clean)
            made = np.clip(clean + far, -32768, 32767).astype(np.int16)
            buffer = io.BytesIO()
            soundfile.write(buffer, made, 16000, format="FLAC", subtype="PCM_16")
            rows.at[place, "audio"] = {"bytes": buffer.getvalue(), "path": row["audio"]["path"]}
            size = made.astype(int) - clean
            energy = float((size.astype(float) ** 2).sum())
            rows.loc[place, "linf"] = float(np.abs(size).max())
            rows.loc[place, "l2"] = energy**0.5
            rows.loc[place, "snr_db"] = 10 * np.log10(float((clean.astype(float) ** 2).sum()) / energy)
            rows.loc[place, "bound"] = 13107.0

    rewrite(results, PGD, change)


def listen_with_the_surrogates_weights(results: Path) -> None:
    own = pd.read_parquet(results / "transcripts/seed-1/seed-1.parquet")
    rewrite(results, HEARD, lambda rows: own.assign(remote="seed-2", arm="seed"))


def halve_losses(path: Path) -> None:
    table = parquet.read_table(path)
    halved = pyarrow.compute.divide(table["ctc_loss"], 2.0)
    parquet.write(table.set_column(table.column_names.index("ctc_loss"), "ctc_loss", halved), path)


def swap_weights(results: Path) -> None:
    """The file of another seed, under a card that says otherwise."""
    shutil.copy(results / "models/seed-1/weights.safetensors", results / "models/seed-2/weights.safetensors")


def damage_the_twin(results: Path) -> None:
    path = results / "models/seed-1.twin/weights.safetensors"
    weights = load_file(path)
    weights["dense6.bias"] = weights["dense6.bias"] + np.float32(1e-7)
    save_file(weights, path)


def leak_test_into_train(results: Path) -> None:
    test = pd.read_parquet(results / "corpus/test.parquet")
    rewrite(results, "corpus/train.parquet", lambda rows: pd.concat([rows, test.iloc[:1]], ignore_index=True))


def rank_by_another(results: Path) -> None:
    other = pd.read_parquet(results / "near-targets/seed-1/rank-3.parquet")
    rewrite(results, "near-targets/seed-1/rank-2.parquet", lambda rows: rows.assign(phrase=other["phrase"]))


def raise_hits(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(hit=True, rank=1.0)


def shift_ranks(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(rank=rows["rank"] - 1)


def edit_verdict(results: Path) -> None:
    path = results / "verdict.txt"
    path.write_text(re.sub(r"(another seed +)\d+ of", r"\g<1>7 of", path.read_text()))


def edit_report(results: Path) -> None:
    """One figure of the page, in a table that its file has, too."""
    path = results / "report.html"
    start, table, rest = path.read_text().partition('data-table="transfers"')
    path.write_text(start + table + re.sub(r'data-value="0\.\d+"', 'data-value="0.123"', rest, count=1))


def promote_claims(results: Path) -> None:
    path = results / "verdict.txt"
    path.write_text(path.read_text().replace(" undecided at this size", " supported", 1))


def halve(name: str, column: str) -> Callable[[Path], None]:
    return lambda results: rewrite(results, name, lambda rows: rows.assign(**{column: rows[column] / 2}))


def drop(name: str, rows_left: int) -> Callable[[Path], None]:
    return lambda results: rewrite(results, name, lambda rows: rows.iloc[:rows_left])


def change(name: str, how: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], None]:
    return lambda results: rewrite(results, name, how)


def edit_card(model: str, **keys: Any) -> Callable[[Path], None]:
    def edit(results: Path) -> None:
        path = results / f"models/{model}/card.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | keys))

    return edit


SABOTAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "selection takes what nobody hears right": (select_what_nobody_hears, "selection: every voting model hears"),
    "selection draws by another seed": (drop("selected.parquet", 2), "selection: the draw is the one"),
    "PGD goes eight times over its bound": (leave_the_ball, "attacks: no perturbation exceeds its bound"),
    "distortion in the wrong unit": (halve(CW, "linf"), "attacks: length and distortion"),
    "SNR of amplitudes": (halve(CW, "snr_db"), "attacks: length and distortion"),
    "confidence of another loss": (halve(PGD, "k1"), "attacks: K1 is exp(-loss)"),
    "an attempt is lost": (
        change(CW, lambda rows: rows[rows["utterance_id"] != rows["utterance_id"].iloc[0]]),
        "attacks: each attempt",
    ),
    "no sample is primary": (
        change(CW, lambda rows: rows.assign(primary=False)),
        "attacks: an attempt has its samples",
    ),
    "the surrogate's weights listened": (listen_with_the_surrogates_weights, "hearing: the weights that listened"),
    "weights of another seed lie in a model's folder": (swap_weights, "training: weights agree where they must"),
    "the twin is no twin": (damage_the_twin, "training: weights agree where they must"),
    "another recipe": (edit_card("seed-2", dropout=0.5), "training: models of a family have one recipe"),
    "other data": (edit_card("seed-2", training_data_sha256="x"), "training: models of a family have one recipe"),
    "test leaks into train": (leak_test_into_train, "corpus: no utterance is in two splits"),
    "texts with capitals": (
        change("corpus/dev.parquet", lambda rows: rows.assign(text=rows["text"].str.upper())),
        "corpus: texts are words",
    ),
    "audio of another length": (
        change("corpus/test.parquet", lambda rows: rows.assign(seconds=rows["seconds"] + 0.1)),
        "corpus: audio has the length",
    ),
    "a near target of another rank": (rank_by_another, "selection: a near target is"),
    "everything is a hit": (change(HEARD, raise_hits), "hearing: rank and hit"),
    "ranks count from zero": (
        change("transcripts/seed-1/seed-1.parquet", shift_ranks),
        "hearing: rank and hit",
    ),
    "hearings are dropped": (drop(HEARD, 5), "hearing: every remote hears each sample once"),
    "hearings are doubled": (
        change(HEARD, lambda rows: pd.concat([rows, rows.iloc[:1]], ignore_index=True)),
        "hearing: every remote hears each sample once",
    ),
    "texts of another hearing": (
        change(HEARD, lambda rows: rows.assign(greedy=rows["greedy"].iloc[::-1].to_numpy())),
        "hearing: a drawn share, heard again",
    ),
    "losses of another text": (halve(HEARD, "ctc_loss"), "hearing: a drawn share, heard again"),
    "a table counts too many": (
        change("tables/arms.parquet", lambda rows: rows.assign(transfers=rows["transfers"] + 1)),
        "tables: arms.csv",
    ),
    "a table counts samples for utterances": (
        change("tables/arms.parquet", lambda rows: rows.assign(utterances=rows["hearings"])),
        "tables: arms.csv",
    ),
    "limits of another level": (halve("tables/arms.parquet", "utterance_upper"), "tables: limits of shares"),
    "a claim of its own": (
        change("tables/claims.parquet", lambda rows: rows.assign(verdict="supported")),
        "claims: a claim of absence",
    ),
    "an order of its own": (
        change(
            "tables/claims.parquet",
            lambda rows: rows.assign(
                verdict=rows["verdict"].where(~rows["claim"].str.contains("-above-"), "within the margin")
            ),
        ),
        "claims: a claim of order",
    ),
    "a verdict of its own": (edit_verdict, "verdict: its line on another seed"),
    "claims that the verdict promotes": (promote_claims, "verdict: it counts and names the claims"),
    "a report of its own": (edit_report, "report: its tables"),
    "controls of another seed": (
        change(HEARD, lambda rows: rows.assign(ctc_loss=rows["ctc_loss"].where(rows["kind"] != "noise", 1.0))),
        "hearing: a drawn share, heard again",
    ),
    "pairs in another order": (
        change(
            "tables/paired.parquet",
            lambda rows: rows.assign(only_first=rows["only_second"] + 1, only_second=rows["only_first"]),
        ),
        "tables: paired.csv",
    ),
    "p of another test": (halve("tables/paired.parquet", "p_value"), "tables: paired.csv"),
    **{
        f"{name} counts one too many": (
            change(f"tables/{name}.parquet", lambda rows, column=column: rows.assign(**{column: rows[column] + 1})),
            f"tables: {name}.csv",
        )
        for name, column in (
            ("transfers", "transfers"),
            ("controls", "hearings"),
            ("near-targets", "utterances"),
            ("doses", "top_ten"),
            ("families", "pairs"),
            ("attack-success", "reached"),
            ("models", "test_right"),
            ("phrases-cw", "seed_hearings"),
            ("paired", "utterances"),
        )
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("what", SABOTAGE)
def test_sabotage_fails_the_check_of_its_stage(results: Path, what: str) -> None:
    sabotage, check = SABOTAGE[what]
    sabotage(results)
    stored = Stored(results)
    found = (one for stage in (*STAGES, pages) for one in stage.check(stored))
    failing = []
    for one in found:
        if not one.holds:
            failing.append(f"{one.stage}: {one.check}")
            # What comes after is not looked at.
            if failing[-1].startswith(check):
                return
    pytest.fail(f"not among {failing}")


@pytest.mark.slow
def test_a_check_that_fails_stops_the_run(smoke: Finished, tmp_path: Path) -> None:
    copy = Repository.copy(tmp_path / "copy", smoke.path)
    verdict = copy.path / "results-smoke/verdict.txt"
    halve_losses(copy.path / "results-smoke" / HEARD)
    stopped = copy.snakemake("--cores", "1", "--configfile", SMOKE, check=False)
    assert stopped.returncode != 0
    assert "error: verdict: the audit does not trust these results: hearing: a drawn share" in stopped.stdout
    assert not verdict.exists()
    assert "What fails" in (verdict.parent / "audit.html").read_text()


def test_what_is_no_study_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], results: Path) -> None:
    assert main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(f"error: {tmp_path}/configuration.json: ")
    (results / HEARD).write_bytes(b"PAR1")
    with pytest.raises(NotAStudy, match=r"seed-2\.parquet: "):
        audit(results)


def test_the_list_shows_ten_failures_and_counts_the_rest() -> None:
    shown = describe(
        [Finding("a", "b", 12, "c", [str(number) for number in range(12)]), Finding("a", "d", 0, "c", (), "no c")]
    )
    assert shown.startswith("FAILS       a: b (12 c)\n")
    assert "and 2 more" in shown and "not checked a: d (no c)" in shown
    assert shown.endswith("audit: 2 checks, 1 fail, 1 had nothing to look at\n")
