"""A Slurm cluster on this machine."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from copies import Repository
from local_slurm import LocalSlurm, Unavailable, install


@pytest.fixture(scope="session")
def slurm() -> Iterator[LocalSlurm]:
    """The cluster; without it, its tests say why they do not run."""
    try:
        install()
    except Unavailable as error:
        pytest.skip(str(error))
    # Not pytest's folder, whose name is too long for a socket's.
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    with LocalSlurm(folder / "c") as cluster:
        yield cluster
    shutil.rmtree(folder)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A copy in which nothing has been run."""
    return Repository.copy(tmp_path / "repository")
