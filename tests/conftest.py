"""What tests of several folders share."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator

import pytest
from copies import Finished

# What ignores a signal hands that down: a shell to what runs in its background, nohup to all. A handler is not handed
# down, so that what tests start can be interrupted, and its terminal be closed, however the tests were started.
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda *_: None)


@pytest.fixture(autouse=True, scope="module")
def usual_numbers() -> Iterator[None]:
    """Give denormal numbers back to the tests of the next file; a job in this process sets them to zero."""
    yield
    if torch := sys.modules.get("torch"):
        torch.set_flush_denormal(False)


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The smoke study, run once for all tests."""
    return Finished.smoke(tmp_path_factory.mktemp("smoke") / "repository")


@pytest.fixture(scope="session")
def extended(smoke: Finished, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The smoke study with an attack, a recogniser and an ensemble of the user's, run once for all tests."""
    return Finished.extended(tmp_path_factory.mktemp("extended") / "repository", smoke)
