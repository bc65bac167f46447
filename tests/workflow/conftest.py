"""A copy of the repository, and one in which the smoke study has been run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from copies import SMOKE, Finished, Repository


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A copy in which nothing has been run."""
    return Repository.copy(tmp_path_factory.mktemp("fresh") / "repository")


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The smoke study, run once for all tests."""
    path = tmp_path_factory.mktemp("smoke") / "repository"
    # A finished copy of the same state of the repository, for those who work on the tests.
    if ready := os.environ.get("FINISHED_SMOKE_STUDY"):
        Repository.copy(path, Path(ready))
        return Finished(path, (path / "output.txt").read_text())
    copy = Repository.copy(path)
    output = copy.snakemake("--cores", "2", "--configfile", SMOKE).stdout
    (path / "output.txt").write_text(output)
    return Finished(path, output)
