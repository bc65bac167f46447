"""What tests of several folders share."""

from __future__ import annotations

import pytest
from copies import Finished


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The smoke study, run once for all tests."""
    return Finished.smoke(tmp_path_factory.mktemp("smoke") / "repository")
