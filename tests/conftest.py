"""What tests of several folders share."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from copies import Finished, Repository
from filelock import FileLock
from left_behind import list_mounts, list_started, list_temporary

# What ignores a signal hands that down: a shell to what runs in its background, nohup to all. A handler is not handed
# down, so that what tests start can be interrupted, and its terminal be closed, however the tests were started.
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda *_: None)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """A process a core, four at most; one for a single file, and for tests beside which nothing may run."""
    single = len(config.args) == 1 and ".py" in config.args[0]
    undisturbed = config.option.markexpr.startswith(("alone", "cluster", "pretrained", "slow"))
    return 0 if single or undisturbed else min(4, os.cpu_count() or 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files whose tests run studies: at the end they would leave all processes but one without work."""
    items.sort(key=lambda item: "workflow" not in item.path.parts)


@pytest.fixture(autouse=True, scope="session")
def nothing_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Look, after the last test, for processes, mounts and temporary files that tests have left behind."""
    folder, mark, mounts = tmp_path_factory.mktemp("t"), str(uuid.uuid4()), list_mounts()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TESTS", mark)
        patch.setenv("TMPDIR", str(folder))
        patch.setattr(tempfile, "tempdir", None)
        yield
    assert list_started("TESTS", mark) == []
    assert list_mounts() <= mounts
    assert list_temporary(folder) == []


@pytest.fixture(autouse=True, scope="module")
def usual_numbers() -> Iterator[None]:
    """Give denormal numbers back to the tests of the next file; a job in this process sets them to zero."""
    yield
    if torch := sys.modules.get("torch"):
        torch.set_flush_denormal(False)


def run_once(factory: pytest.TempPathFactory, name: str, run: Callable[[Path], Finished]) -> Finished:
    """A finished study of this process's own; where several share the tests, the first runs it and the others copy.

    Where ``FINISHED_STUDIES`` names a folder, runs of the tests share what it holds. It must be of this state of the
    repository.
    """
    folder = factory.mktemp(name) / "repository"
    shared = os.environ.get("FINISHED_STUDIES")
    if not shared and "PYTEST_XDIST_WORKER" not in os.environ:
        return run(folder)
    common = Path(shared or factory.getbasetemp().parent) / name
    with FileLock(f"{common}.lock"):
        if not (common / "output.txt").exists():
            shutil.rmtree(common, ignore_errors=True)
            run(common)
    Repository.copy(folder, common)
    return Finished(folder, (folder / "output.txt").read_text())


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The smoke study, run once for all tests."""
    return run_once(tmp_path_factory, "smoke", Finished.smoke)


@pytest.fixture(scope="session")
def extended(smoke: Finished, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The smoke study with an attack, a recogniser and an ensemble of the user's, run once for all tests."""
    return run_once(tmp_path_factory, "extended", lambda path: Finished.extended(path, smoke))
