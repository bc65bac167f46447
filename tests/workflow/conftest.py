"""A copy of the repository."""

from __future__ import annotations

import pytest
from copies import Repository


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A copy in which nothing has been run."""
    return Repository.copy(tmp_path_factory.mktemp("fresh") / "repository")
