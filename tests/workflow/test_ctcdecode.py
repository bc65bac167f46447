"""The smoke study decoded by ctcdecode: the same texts and figures as by flashlight."""

from __future__ import annotations

import pandas as pd
import pytest
from copies import SMOKE, Finished, Repository

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
RESULTS = "results-smoke"


@pytest.fixture(scope="module")
def decoded(smoke: Finished, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """The smoke study, finished by flashlight and decoded again by ctcdecode."""
    pytest.importorskip("ctcdecode", reason="ctcdecode is not built: make ctcdecode")
    copy = Repository.copy(tmp_path_factory.mktemp("ctcdecode") / "copy", smoke.path)
    copy.snakemake("--cores", "2", "--configfile", SMOKE, "--config", "decoder={backend: ctcdecode}")
    return copy


@pytest.mark.parametrize("folder", ["clean", "transcripts/seed-1"])
def test_the_ten_texts_are_the_same(smoke: Finished, decoded: Repository, folder: str) -> None:
    paths = sorted((smoke.path / RESULTS / folder).glob("*.parquet"))
    assert paths
    for path in paths:
        ours, theirs = pd.read_parquet(path), pd.read_parquet(decoded.path / path.relative_to(smoke.path))
        assert theirs["texts"].map(list).tolist() == ours["texts"].map(list).tolist(), path.name


def test_the_study_reaches_the_same_verdict(smoke: Finished, decoded: Repository) -> None:
    verdict = f"{RESULTS}/verdict.txt"
    assert (decoded.path / verdict).read_text() == (smoke.path / verdict).read_text()
    assert decoded.plan({"decoder": {"backend": "ctcdecode"}}, [SMOKE]).needed == set()
