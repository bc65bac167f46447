"""How many jobs the shipped configurations make, and which."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import yaml
from configurations import read_study
from copies import ROOT, SMOKE, Plan, Repository

from study.cost import plan, rates

ONCE = dict.fromkeys(("corpus", "select", "tables", "audit", "verdict", "report", "proofread"), 1)
# (1 + 2 targets) x 2 confidences + 1 phrase, for each of three surrogates.
SMALL = {"train": 7, "hear": 7, "attack": 3 * ((1 + 2) * 2 + 1), "transcribe": 3 * 7}
PUBLISHED = {"train": 19, "hear": 19, "attack": 9 * ((11 + 2) * 2 + 9), "transcribe": 9 * 19}
SCORED = {"language": 1, "tune": 1, "score": 19}


@cache
def plan_shipped(repository: Repository, name: str) -> Plan:
    """The jobs of a shipped configuration, planned once: the largest take a quarter of a minute."""
    manifest = repository.path / "fsdd-strings/manifest.csv"
    manifest.parent.mkdir(exist_ok=True)
    manifest.touch()
    return repository.plan(configfiles=[f"config/{name}.yaml"])


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("config", SMALL),
        ("smoke", {"train": 4, "hear": 4, "attack": (1 + 2) * 2 + 1, "transcribe": 4}),
        ("digits", SMALL | {"attack": 3 * ((3 + 2) * 2 + 3)}),
        ("dose", {"train": 5, "hear": 5, "attack": 3 * ((1 + 2) * (7 + 4) + 7), "transcribe": 3 * 5}),
        ("ladder", {"train": 28, "hear": 43, "attack": 3 * 3, "transcribe": 3 * (16 + 5)}),
        ("families", {"train": 13, "hear": 13, "attack": 8 * 3, "transcribe": 8 * 13}),
        ("factors", {"train": 31, "hear": 31, "attack": 2 * 3, "transcribe": 2 * 31}),
        # A surrogate is heard by two strangers, a twin and its members.
        ("effort", {"train": 7, "hear": 7, "attack": 3 * 10, "transcribe": 3 * 3 + 1 + 2 + 4}),
        pytest.param(
            "strong",
            {"train": 11, "hear": 11, "attack": 5 * ((11 + 1) * 2 + 9), "transcribe": 5 * 11},
            marks=pytest.mark.slow,
        ),
        pytest.param("full-synthetic", PUBLISHED, marks=pytest.mark.slow),
        pytest.param("paper", PUBLISHED | SCORED, marks=pytest.mark.slow),
    ],
)
def test_shipped_configuration_makes_so_many_jobs(repository: Repository, name: str, counts: dict[str, int]) -> None:
    plan = plan_shipped(repository, name)
    assert plan.counts() == ONCE | counts
    folders = {output.relative_to(repository.path).parts[0] for output in plan.outputs}
    assert folders == {"results" if name == "config" else f"results-{name}"}
    assert plan.needed == plan.jobs, "nothing has been made yet"
    assert plan.first == {"corpus"} | (SCORED.keys() & counts.keys() & {"language"})


def test_every_configuration_is_counted() -> None:
    assert {path.stem for path in (ROOT / "config").glob("*.yaml")} == {
        "config",
        "smoke",
        "digits",
        "dose",
        "ladder",
        "families",
        "factors",
        "effort",
        "strong",
        "full-synthetic",
        "paper",
    }


def test_jobs_of_the_smoke_study(repository: Repository) -> None:
    models = ["seed-1", "seed-2", "seed-1.twin", "seed-1.ulp-1"]
    assert repository.plan(configfiles=[SMOKE]).jobs == {
        *ONCE,
        *(f"train {model}" for model in models),
        *(f"hear {model}" for model in models),
        *(f"attack cw seed-1 {target} {c}" for target in ("go", "rank-2", "rank-3") for c in ("low", "high")),
        "attack pgd seed-1 go high",
        *(f"transcribe seed-1 {model}" for model in models),
    }


@pytest.mark.parametrize(
    "name",
    [
        *("config", "smoke", "dose", "ladder", "families", "factors", "effort"),
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("strong", "paper", "full-synthetic")),
    ],
)
def test_the_plan_has_the_jobs_that_there_are(repository: Repository, name: str) -> None:
    planned = plan.jobs(read_study(f"{name}.yaml"), rates.read([ROOT / "config/rates.json"]))
    assert set(planned) == plan_shipped(repository, name).jobs


def test_configurations_have_folders_of_their_own() -> None:
    """Two studies in one folder would take turns at remaking each other's files."""
    given = [yaml.safe_load(path.read_text()) for path in sorted((ROOT / "config").glob("*.yaml"))]
    assert len({one.get("results", "results") for one in given}) == len(given)


def test_a_surrogate_always_hears_its_own_samples(repository: Repository) -> None:
    plan = repository.plan({"remotes": ["seed-2"]}, [SMOKE])
    heard = {job for job in plan.jobs if job.startswith("transcribe")}
    assert heard == {"transcribe seed-1 seed-1", "transcribe seed-1 seed-2"}


def test_an_ensemble_is_one_surrogate_and_hears_its_own_samples(repository: Repository) -> None:
    plan = repository.plan({"surrogates": [["seed-1", "seed-2"]], "remotes": ["seed-1.twin"]}, [SMOKE])
    assert {job for job in plan.jobs if job.startswith("transcribe")} == {
        f"transcribe seed-1+seed-2 {remote}" for remote in ("seed-1", "seed-2", "seed-1.twin")
    }
    assert plan.counts()["attack"] == (1 + 2) * 2 + 1


def test_an_attack_can_be_taken_away(repository: Repository) -> None:
    assert repository.plan({"attacks": {"cw": None}}, [SMOKE]).counts()["attack"] == 1


def test_the_snakefile_at_the_top_makes_the_whole_study(repository: Repository) -> None:
    output = repository.snakemake("-n", "--cores", "1", "--snakefile", "Snakefile", "--configfile", SMOKE).stdout
    assert "rule report:" in output


def test_the_workflow_runs_from_another_folder(repository: Repository, tmp_path: Path) -> None:
    """Only config/config.yaml is read from where one stands."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text((repository.path / "config/config.yaml").read_text())
    result = repository.snakemake("-n", "-q", "all", "--directory", tmp_path)
    assert "corpus" in result.stdout
