"""A study whose machine loses its power, and with it what was not flushed, ends as if nothing had happened."""

from __future__ import annotations

from pathlib import Path

import pytest
from copies import Finished
from power_loss import KINDS, Point, Recorded, faults_at_the_end, faults_planned

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.timeout(1800)]
ALL = len(KINDS) * 4


@pytest.fixture(scope="module")
def recorded(smoke: Finished, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """The last jobs of the smoke study, every change of whose folder is written down."""
    return Recorded.smoke(tmp_path_factory.mktemp("recorded"), smoke.path)


def test_the_journal_holds_every_change(recorded: Recorded, tmp_path: Path) -> None:
    """Else the folders of the other tests would be none that a loss of power leaves."""
    point = Point("killed", len(recorded.journal.changes), 0)
    copy = recorded.rebuild(point, tmp_path / "repository")
    assert _files(copy.path) == _files(recorded.repository.path)
    assert faults_planned(copy, recorded.undisturbed) == []


def test_nothing_is_taken_as_finished_that_is_not(recorded: Recorded, tmp_path: Path) -> None:
    for number, point in enumerate(recorded.draw(ALL, seed=1)):
        copy = recorded.rebuild(point, tmp_path / str(number))
        assert faults_planned(copy, recorded.undisturbed) == [], point


def test_a_torn_result_would_be_seen(recorded: Recorded, tmp_path: Path) -> None:
    """The judgement of this module can fail."""
    copy = recorded.rebuild(Point("killed", len(recorded.journal.changes), 0), tmp_path / "repository")
    table = copy.path / "results-smoke/tables/arms.csv"
    table.write_bytes(table.read_bytes()[:-1])
    assert faults_planned(copy, recorded.undisturbed) == ["tables/arms.csv"]


@pytest.mark.parametrize("kind", ["unflushed", "zeros", "drawn"])
def test_the_next_run_ends_with_the_same_tables(recorded: Recorded, tmp_path: Path, kind: str) -> None:
    # Near the end, so that the next run takes seconds.
    end = recorded.place_of("report.html", KINDS.index(kind) * 20)
    copy = recorded.rebuild(Point(kind, end, 1), tmp_path / "repository")
    assert faults_at_the_end(copy, recorded.undisturbed) == []


def _files(folder: Path) -> dict[str, bytes]:
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}
