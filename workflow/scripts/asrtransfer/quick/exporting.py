"""The samples of a study as files that other programs open: WAV, and a table beside them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
from numpy.typing import NDArray

from asrtransfer.attacks.samples import SCHEMA, read_audio
from asrtransfer.files import parquet
from asrtransfer.files.errors import InputError
from asrtransfer.files.whole import replace_file
from asrtransfer.quick.steps import write_audio
from asrtransfer.speech.audio import SAMPLE_RATE
from asrtransfer.speech.utterances import Speech

TOLD = [name for name in SCHEMA.names if name not in ("audio", "status", "primary", "best_loss")]
"""Columns of an attack's table that the exported table has, too."""


def export(results: Path | str, folder: Path | str, *, every: bool = False) -> int:
    """Write the samples of a finished study as 16-bit WAV, with their clean audio and perturbations.

    ``samples/metadata.csv`` has a row a sample, as loaders of audio folders expect it: ``file_name``, what the attack's
    table tells, and the names of two more files. ``clean`` is the clean audio, 16-bit WAV; ``perturbation`` is a WAV of
    32-bit floats over 32768, since it may exceed 16 bits.

    Args:
        results: the folder of results.
        folder: to write into; must not hold files yet.
        every: all samples, not only the primary ones, one an attempt.

    Returns:
        How many samples there are.

    Raises:
        InputError: if the study has no attacks yet, a file is damaged, or the folder is not empty.
    """
    results, folder = Path(results), Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: holds something; name a folder that is empty or not there")
    tables = sorted((results / "attacks").rglob("*.parquet"))
    if not tables:
        raise InputError(f"{results}: no attacks in it; name the folder of results of a study that has run")
    speech = Speech.read(results / "selected.parquet", results / "corpus")
    clean = {name: speech.samples(index) for index, name in enumerate(speech.utterance_ids)}
    for name, audio in clean.items():
        write_audio(_make(folder / "clean" / f"{name}.wav"), audio)
    rows = []
    for path in tables:
        table = parquet.read(path)
        chosen = table[table["status"] == "sample"]
        for row in (chosen if every else chosen[chosen["primary"]]).to_dict("records"):
            rows.append(_write_sample(folder, {str(key): value for key, value in row.items()}, clean))
    buffer = io.StringIO()
    pd.DataFrame(rows, columns=["file_name", "clean", "perturbation", *TOLD]).to_csv(buffer, index=False)
    replace_file(_make(folder / "samples" / "metadata.csv"), buffer.getvalue().encode())
    return len(rows)


def _write_sample(folder: Path, row: dict[str, object], clean: dict[str, NDArray[np.int16]]) -> dict[str, object]:
    cell, name = row["audio"], str(row["utterance_id"])
    assert isinstance(cell, dict)
    audio = read_audio(cell)
    job = "/".join(str(row[key]) for key in ("attack", "surrogate", "target", "confidence"))
    file = f"{job}/{name}-{row['iteration']}.wav"
    write_audio(_make(folder / "samples" / file), audio)
    buffer = io.BytesIO()
    change = (audio.astype(np.float32) - clean[name]) / 32768
    soundfile.write(buffer, change, SAMPLE_RATE, format="WAV", subtype="FLOAT")
    replace_file(_make(folder / "perturbations" / file), buffer.getvalue())
    beside = {"clean": f"../clean/{name}.wav", "perturbation": f"../perturbations/{file}"}
    return {"file_name": file, **beside, **{key: row[key] for key in TOLD}}


def _make(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
