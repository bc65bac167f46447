"""A disk that loses power, is full or becomes read-only: the next run ends as if nothing had happened."""

from __future__ import annotations

from pathlib import Path

import pytest
from copies import Finished
from failing_disks import Fault, Watched
from power_loss import Recorded, faults_planned, try_points

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def recorded(smoke: Finished, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The last jobs of a smoke study, and what their disk did."""
    folder = tmp_path_factory.mktemp("recorded")
    Recorded.smoke(folder, smoke.path)
    return folder


def test_what_a_loss_of_power_leaves_is_made_again(recorded: Path) -> None:
    found = Recorded.read(recorded)
    assert try_points(found, found.draw(10, seed=1), faults_planned) == 0


def test_what_was_never_flushed_is_missed(recorded: Path) -> None:
    """The comparison can fail: of a file that the study says is finished, the content is lost."""
    found = Recorded.read(recorded)
    lost = [found.rebuild(point, recorded / "lost") for point in found.draw(1, seed=1)]
    (lost[0].path / "results-smoke/corpus/test.parquet").write_bytes(b"")
    assert faults_planned(lost[0], found.undisturbed) == ["corpus/test.parquet"]


def test_a_full_disk_is_named_and_the_next_run_mends_it(recorded: Path, tmp_path: Path) -> None:
    watched = Watched.read(recorded)
    assert watched.judge(Fault("full", watched.written // 2), tmp_path) == []
