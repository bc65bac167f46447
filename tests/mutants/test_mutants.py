"""A study with a small wrong edit of one of its stages does not end with a verdict.

Each mutant runs what it changes of a finished smoke study, and what follows. Ten, drawn, in each run of the slow lane:
two of a stage at most, and none of those that train or attack again. All of them by hand, with their table:
``MUTANTS=all python -m pytest -m slow tests/mutants -n 2 -rA``.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path

import pytest
from copies import SMOKE, Finished, Repository
from edits import MUTANTS, SURVIVORS

from asrtransfer.audit import audit

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
DRAWN = 10
OF_A_STAGE = 2
LONG = {"corpus", "training", "selection", "attacks"}
ERROR = re.compile(r"^error: (.*)$", re.MULTILINE)


def draw() -> list[str]:
    """Names of all mutants, or of those whose digests come first."""
    if os.environ.get("MUTANTS") == "all":
        return list(MUTANTS)
    drawn: list[str] = []
    for name in sorted(MUTANTS.keys() - SURVIVORS, key=lambda name: hashlib.sha256(name.encode()).digest()):
        stage = MUTANTS[name].stage
        if stage not in LONG and sum(MUTANTS[one].stage == stage for one in drawn) < OF_A_STAGE:
            drawn.append(name)
    return drawn[:DRAWN]


def run(name: str, smoke: Finished, folder: Path) -> str:
    """Run a mutant; return the line that stopped it, or nothing."""
    mutant = MUTANTS[name]
    copy = Repository.copy(folder / "repository", smoke.path)
    path = copy.path / mutant.file
    text = path.read_text()
    assert text.count(mutant.old) == 1, f"{mutant.file} has no {mutant.old!r}"
    path.write_text(text.replace(mutant.old, mutant.new))
    done = copy.snakemake("--cores", "1", "--configfile", SMOKE, check=False)
    found = ERROR.findall(done.stdout)
    shutil.rmtree(copy.path)
    if done.returncode == 0:
        return ""
    assert found, f"stopped without a line: {done.stdout[-3000:]}"
    return str(found[0])


@pytest.mark.parametrize("name", draw())
def test_a_mutant_is_stopped_by_a_line(name: str, smoke: Finished, tmp_path: Path) -> None:
    line = run(name, smoke, tmp_path)
    print(f"| {name} | {MUTANTS[name].stage} | {line or 'survives'} |")
    assert bool(line) != (name in SURVIVORS)


def test_the_study_that_mutants_start_from_has_nothing_wrong(smoke: Finished) -> None:
    assert [one for one in audit(smoke.path / "results-smoke") if not one.holds] == []


def test_survivors_are_mutants() -> None:
    assert SURVIVORS.keys() <= MUTANTS.keys()
    assert len(MUTANTS) - len(SURVIVORS) >= 48
