"""A Slurm cluster on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from copies import Repository, add_extensions
from local_slurm import LocalSlurm, Unavailable, local_slurm, wait
from runs import list_processes


@pytest.fixture(scope="module")
def slurm() -> Iterator[LocalSlurm]:
    """The cluster; without it, its tests say why they do not run.

    One for each file, so that jobs that a test leaves behind when it fails are in nobody's way.
    """
    try:
        with local_slurm() as cluster:
            yield cluster
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    """A copy in which nothing has been run, with files of the user's; nothing works there when the test has ended."""
    copy = Repository.copy(tmp_path / "repository")
    add_extensions(copy.path)
    yield copy
    wait(30, lambda: not list_processes(copy.path), "the end of its processes", strict=False)
    left = list_processes(copy.path)
    told = [f"{process.status()} since {process.create_time():.0f}: {' '.join(process.cmdline())}" for process in left]
    for process in left:
        process.kill()
    assert told == []
