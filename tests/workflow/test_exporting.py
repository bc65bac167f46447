"""A finished study's samples as files: what other programs open is what the study has stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from copies import Finished

from asrtransfer import quick
from asrtransfer.attacks.samples import read_audio
from asrtransfer.files import parquet
from asrtransfer.files.errors import InputError
from asrtransfer.quick import __main__ as command

pytestmark = pytest.mark.timeout(1800)


def test_samples_become_files_that_other_programs_open(
    smoke: Finished, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = smoke.path / "results-smoke"
    assert command.main(["export", str(results), str(tmp_path / "out")]) == 0
    table = pd.read_csv(tmp_path / "out/samples/metadata.csv")
    assert capsys.readouterr().out == f"{tmp_path}/out/samples/metadata.csv lists {len(table)} samples\n"
    stored = pd.concat([parquet.read(path) for path in sorted((results / "attacks").rglob("*.parquet"))])
    primary = stored[stored["primary"]].reset_index(drop=True)
    assert len(table) == len(primary) > 10
    assert table["file_name"].is_unique
    folder = tmp_path / "out/samples"
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.wav")} == set(table["file_name"])
    for row, kept in zip(table.to_dict("records"), primary.to_dict("records"), strict=True):
        audio, rate = soundfile.read(folder / row["file_name"], dtype="int16")
        assert rate == 16000
        assert np.array_equal(audio, read_audio(kept["audio"]))
        clean, _ = soundfile.read(folder / row["clean"], dtype="int16")
        change, _ = soundfile.read(folder / row["perturbation"], dtype="float32")
        assert np.array_equal(clean + np.rint(change * 32768).astype(int), audio)
        assert (row["phrase"], row["text"], row["surrogate"]) == (kept["phrase"], kept["text"], kept["surrogate"])
        assert row["snr_db"] == pytest.approx(kept["snr_db"])


def test_every_sample_and_no_folder_that_holds_something(smoke: Finished, tmp_path: Path) -> None:
    results = smoke.path / "results-smoke"
    every = quick.export(results, tmp_path / "every", every=True)
    assert every > quick.export(results, tmp_path / "some") > 0
    with pytest.raises(InputError, match="some: holds something"):
        quick.export(results, tmp_path / "some")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty: no attacks in it"):
        quick.export(tmp_path / "empty", tmp_path / "other")
