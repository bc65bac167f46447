from __future__ import annotations

from pathlib import Path

import yaml

PROFILES = Path(__file__).resolve().parents[2] / "profiles"


def test_default_profile_leaves_to_the_cluster_what_is_its_own() -> None:
    """Snakemake loads it with every other profile and lets it win, key by key, without a word."""
    profile = yaml.safe_load((PROFILES / "default/profile.yaml").read_text())
    assert profile.keys() & {"executor", "cores", "jobs", "default-resources", "set-resources"} == set()
    assert profile["resources"] == {"gpu": 1}
    assert "code" not in profile["rerun-triggers"]
    assert {"params", "input"} <= set(profile["rerun-triggers"])


def test_profile_slurm_is_found_as_typed_and_sets_nothing_that_the_default_profile_takes_back() -> None:
    assert (PROFILES.parent / "slurm").resolve() == PROFILES / "slurm"
    assert [path.name for path in (PROFILES / "slurm").iterdir()] == ["profile.yaml"], "Snakemake takes any of two"
    profile = yaml.safe_load((PROFILES / "slurm/profile.yaml").read_text())
    default = yaml.safe_load((PROFILES / "default/profile.yaml").read_text())
    assert profile.keys() & default.keys() == set()
    assert profile["executor"] == "slurm"
    assert profile["slurm-status-command"] == "squeue"
    assert profile["retries"] > 0


def test_rules_leave_retries_to_the_profile() -> None:
    """In a rule, each of them would be repeated within one allocation of Slurm's."""
    rules = (PROFILES.parent / "workflow/rules").glob("*.smk")
    assert [path.name for path in rules if "retries" in path.read_text()] == []
