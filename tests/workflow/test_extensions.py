"""An attack, a recogniser and an ensemble of the user's go through the smoke study to its report."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from copies import EXTENDED, LAB, RESULTS, SMOKE, Finished, Repository, add_extensions, read_recipes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
BOTH = "seed-1+seed-2"


def table(study: Finished, name: str) -> pd.DataFrame:
    return pd.read_parquet(study.path / RESULTS / "tables" / f"{name}.parquet")


def code_of(repository: Repository) -> dict[str, str]:
    """Every file of a copy that comes from the repository, with a digest."""
    parts = ("Snakefile", "config", "envs", "profiles", "workflow")
    files = [path for part in parts for path in sorted((repository.path / part).rglob("*")) if path.is_file()]
    return {
        str(path.relative_to(repository.path)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in [*files, repository.path / "Snakefile"]
        if "__pycache__" not in path.parts
    }


def test_the_page_has_the_files_that_it_speaks_of() -> None:
    assert {f"{LAB}/{name}" for name in ("mim.py", "mim.yaml", "loudness.py", "loudness.yaml", "art_cw.py")} <= set(
        read_recipes()
    )


def test_no_file_of_the_repository_changes_for_them(extended: Finished, repository: Repository) -> None:
    assert code_of(extended) == code_of(repository)


def test_the_attack_has_rows_in_every_table(extended: Finished) -> None:
    assert len(table(extended, "phrases-mim")) == 2
    for name in ("attack-success", "arms", "transfers", "controls", "confidence-definitions"):
        rows = table(extended, name)
        assert "mim" in set(rows["attack"]), name
    assert {"mim-seed", "mim-same-seed", "mim-family"} <= set(table(extended, "claims")["claim"])
    assert set(table(extended, "claims").query("claim == 'mim-seed'")["published"]) == {""}
    assert "pgd-like-cw" in set(table(extended, "claims")["claim"])


def test_the_attack_finds_samples_within_its_bound(extended: Finished) -> None:
    made = pd.read_parquet(extended.path / RESULTS / "attacks/mim/seed-1/go/high.parquet")
    samples = made[made["status"] == "sample"]
    assert len(samples)
    assert (samples["linf"] <= samples["bound"]).all()
    assert set(samples["bound"]) == {2000.0}


def test_the_recogniser_is_heard_and_has_no_vote(extended: Finished, smoke: Finished) -> None:
    heard = pd.read_parquet(extended.path / RESULTS / "transcripts/seed-1/loudness.parquet")
    assert set(heard["arm"]) == {"family"}
    assert {text for texts in heard["texts"] for text in texts} <= {"loud", "quiet"}
    for column in ("greedy", "log_probabilities", "ctc_loss", "ctc_loss_clean"):
        assert heard[column].isna().all(), column
    selected = [(study.path / RESULTS / "selected.parquet").read_bytes() for study in (extended, smoke)]
    assert selected[0] == selected[1]
    card = json.loads((extended.path / RESULTS / "models/loudness/card.json").read_text())
    assert card["weights_sha256"] == heard["remote_weights_sha256"].iloc[0]
    assert table(extended, "models").query("model == 'loudness'")["family"].tolist() == ["loudness"]


def test_a_surrogate_of_two_models_is_heard_by_both_and_by_others(extended: Finished) -> None:
    heard = {
        remote: pd.read_parquet(extended.path / RESULTS / f"transcripts/{BOTH}/{remote}.parquet")
        for remote in ("seed-1", "seed-2", "seed-1.twin", "seed-1.ulp-1", "loudness")
    }
    assert {remote: set(rows["arm"]) for remote, rows in heard.items()} == {
        "seed-1": {"self"},
        "seed-2": {"self"},
        "seed-1.twin": {"twin"},
        "seed-1.ulp-1": {"ulp"},
        "loudness": {"family"},
    }
    for member in ("seed-1", "seed-2", "seed-1.twin"):
        adversarial = heard[member][heard[member]["kind"] == "adversarial"]
        assert len(adversarial)
        assert adversarial["hit"].all(), member
    assert BOTH in set(table(extended, "attack-success")["surrogate"])
    assert BOTH in set(table(extended, "transfers")["surrogate"])


def test_verdict_and_report_show_all_of_them(extended: Finished) -> None:
    verdict = (extended.path / RESULTS / "verdict.txt").read_text()
    assert "MI-FGSM" in verdict
    assert "another family" in verdict
    assert "2 surrogates" in verdict
    page = (extended.path / RESULTS / "report.html").read_text()
    for text in ("MI-FGSM by phrase", "loudness", BOTH, "phrases-mim"):
        assert text in page, text
    assert "Traceback" not in extended.output


def test_from_a_folder_that_is_not_the_repositorys(repository: Repository, extended: Finished, tmp_path: Path) -> None:
    """Code stays where it is; files of the user's and results lie elsewhere."""
    add_extensions(tmp_path)
    given = ["--cores", "1", "--directory", tmp_path, "--configfile", SMOKE, tmp_path / EXTENDED]
    repository.snakemake(*given, "--", f"{RESULTS}/models/loudness/card.json")
    card, other = (
        json.loads((folder / RESULTS / "models/loudness/card.json").read_text()) for folder in (tmp_path, extended.path)
    )
    assert card["weights_sha256"] == other["weights_sha256"]
    assert not (repository.path / RESULTS / "models").exists()


def test_keys_of_the_users_sections_are_shown(extended: Finished) -> None:
    shown = extended.snakemake("--cores", "1", "keys", "--configfile", SMOKE, EXTENDED).stdout
    assert "attacks.mim: Sign steps along a decaying sum of gradients." in shown
    assert "decay: 0.9" in shown
    assert "share of the sum that stays at each step" in shown
    assert "families.loudness: Names loudness." in shown


@pytest.mark.parametrize(
    ("overlay", "line"),
    [
        ("attacks: {mim: {use: my-lab/mim.py, phrases: [go], decay: -1}}", "attacks.mim.decay: "),
        ("attacks: {mim: {use: my-lab/mim.py, phrases: [go], decoy: 1}}", "attacks.mim.decoy: unknown key"),
        ("attacks: {mim: {use: my-lab/none.py, phrases: [go]}}", "attacks.mim.use: my-lab/none.py: no such file"),
        ("attacks: {mim: {use: null}}", "attacks.mim.use: there is no attack 'mim'"),
        ("families: {loudness: {use: my-lab/mim.py}}", "families.loudness.use: my-lab/mim.py: names no recogniser"),
        ("families: {loudness: {use: my-lab/loudness.py, threshold: loud}}", "families.loudness.threshold: "),
        ("surrogates: [loudness]", "surrogates: loudness hears and cannot be attacked"),
        ("models: [seed-1, seed-2, nobody]", "models: nobody is of the family nobody; add families.nobody"),
    ],
)
def test_a_wrong_section_ends_with_one_line(extended: Finished, tmp_path: Path, overlay: str, line: str) -> None:
    (tmp_path / "wrong.yaml").write_text(overlay)
    given = ["-n", "--cores", "1", "--configfile", SMOKE, EXTENDED, tmp_path / "wrong.yaml"]
    result = extended.snakemake(*given, check=False)
    assert result.returncode != 0
    [found] = [one for one in result.stdout.splitlines() if one.startswith("configuration: ")]
    assert found.startswith(f"configuration: {line}")
    assert "Traceback" not in result.stdout


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("moved = self.delta", "moved = self.gone", "AttributeError"),
        ("self.delta = moved", "self.delta = moved * float('nan')\n        moved = self.delta", "not finite"),
        ("scaled = gradient", "import time\n        time.sleep(60)\n        scaled = gradient", "time_limit of 1 s"),
    ],
)
def test_a_faulty_attack_ends_with_one_line_that_names_its_file(
    extended: Finished, tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    copy = Repository.copy(tmp_path / "copy", extended.path)
    path = copy.path / LAB / "mim.py"
    path.write_text(path.read_text().replace(old, new, 1))
    output = f"{RESULTS}/attacks/mim/seed-1/go/high.parquet"
    given = ["--cores", "1", "--configfile", SMOKE, EXTENDED, "--config", "time_limit=1", "--", output]
    result = copy.snakemake(*given, check=False)
    assert result.returncode != 0
    [line] = [one for one in result.stdout.splitlines() if one.startswith("error: attack mim seed-1 go high: ")]
    assert f"{LAB}/mim.py" in line
    assert complaint in line
    assert "Traceback" not in result.stdout
    assert (copy.path / RESULTS / "tables/arms.csv").exists()


def test_an_attack_that_never_succeeds_has_failed_rows_and_tables(extended: Finished, tmp_path: Path) -> None:
    copy = Repository.copy(tmp_path / "copy", extended.path)
    path = copy.path / LAB / "mim.py"
    path.write_text(path.read_text().replace("self.delta = moved.clamp(-self.keys.bound, self.keys.bound)", "pass"))
    table = f"{RESULTS}/tables/attack-success.parquet"
    copy.snakemake("--cores", "2", table, "--configfile", SMOKE, EXTENDED, "--config", "remotes=[seed-2]")
    success = pd.read_parquet(copy.path / table).query("attack == 'mim'")
    assert success["reached"].sum() == 0
    assert success["failed"].sum() == success["utterances"].sum() > 0
    shutil.rmtree(copy.path)
