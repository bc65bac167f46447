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
