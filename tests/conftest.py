"""What tests of several folders share."""

from __future__ import annotations

import signal

import pytest
from copies import Finished

# Tests interrupt what they start, and a shell has what it runs in the background ignore that, and so its children.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The smoke study, run once for all tests."""
    return Finished.smoke(tmp_path_factory.mktemp("smoke") / "repository")
