"""A copy of the repository."""

from __future__ import annotations

import pytest
from copies import SMOKE, Finished, Repository


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A copy in which nothing has been run."""
    return Repository.copy(tmp_path_factory.mktemp("fresh") / "repository")


@pytest.fixture(scope="session")
def curved(smoke: Finished, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """The smoke study with its transfer curve."""
    copy = Repository.copy(tmp_path_factory.mktemp("curved") / "repository", smoke.path)
    copy.snakemake("--cores", "2", "transfer_curve", "--configfile", SMOKE)
    return copy
