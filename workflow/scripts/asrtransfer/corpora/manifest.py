"""Bring your own corpus: a table of recordings with their texts, speakers and splits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas
import pyarrow

from asrtransfer.corpora import SPLITS, Utterance, audio_folder, check, normalise
from asrtransfer.files.errors import InputError
from asrtransfer.speech import audio

_COLUMNS = ("path", "text", "speaker", "split")
_UNREADABLE = (
    pandas.errors.ParserError,
    pandas.errors.EmptyDataError,
    UnicodeDecodeError,
    pyarrow.ArrowInvalid,
)


def prepare(manifest: Path, folder: Path, *, disjoint_speakers: bool) -> list[Utterance]:
    """Convert the recordings of a CSV, TSV or Parquet table into `folder`/audio and return the utterances.

    Columns: path (absolute, or relative to the manifest's folder), text, speaker, split (train, dev or test)
    and perhaps utterance_id; without it the path gives the name. Further columns are ignored. Any rate and
    number of channels will do. All rows are looked at before anything is raised: one InputError names the
    first faulty row (the first below the header is row 1) and says how many there are.
    """
    rows = _rows(manifest)
    faults: dict[int, InputError] = {}
    entries: dict[int, tuple[Utterance, Path]] = {}
    names: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        try:
            entries[number] = _entry(row, f"{manifest}: row {number}", manifest.parent)
            _claim(entries[number][0].utterance_id, names, number, manifest)
        except InputError as error:
            faults[number] = error
    if not faults:
        # Before hours of audio are converted for nothing.
        check((utterance for utterance, _ in entries.values()), manifest, disjoint_speakers=disjoint_speakers)
    utterances = []
    audio_folder(folder)
    for number, (utterance, source) in entries.items():
        try:
            samples = audio.read(source)
        except InputError as error:
            faults.setdefault(number, InputError(f"{manifest}: row {number}: {error}"))
            continue
        if not faults:
            digest = audio.write_flac(folder / utterance.path, samples)
            seconds = len(samples) / audio.SAMPLE_RATE
            utterances.append(replace(utterance, seconds=seconds, sha256=digest))
    if faults:
        count = f" ({len(faults)} of {len(rows)} rows are faulty)" if len(faults) > 1 else ""
        raise InputError(f"{faults[min(faults)]}{count}")
    return utterances


def _rows(manifest: Path) -> list[dict[str, Any]]:
    if not manifest.is_file():
        raise InputError(f"{manifest}: no such manifest; correct the path")
    ending = manifest.suffix.lower()
    try:
        if ending == ".parquet":
            table = pandas.read_parquet(manifest)
        elif ending in (".csv", ".tsv"):
            # "null" and "none" are words, so nothing but an empty field is missing.
            separator = "\t" if ending == ".tsv" else ","
            table = pandas.read_csv(manifest, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        else:
            raise InputError(f"{manifest}: {ending or 'no'} file ending; give .csv, .tsv or .parquet")
    except _UNREADABLE as error:
        raise InputError(f"{manifest}: not readable as a table ({' '.join(str(error).split())})") from None
    missing = [name for name in _COLUMNS if name not in table.columns]
    if missing:
        present = ", ".join(map(str, table.columns))
        raise InputError(f"{manifest}: no column {', '.join(missing)}; it has {present}")
    return [dict(zip(table.columns, row, strict=True)) for row in table.itertuples(index=False)]


def _entry(row: Mapping[str, Any], where: str, base: Path) -> tuple[Utterance, Path]:
    fields = {name: _field(row, name) for name in _COLUMNS}
    for name in ("path", "speaker"):
        if not fields[name]:
            raise InputError(f"{where}: the {name} is empty; fill it in or remove the row")
    if fields["split"] not in SPLITS:
        raise InputError(f"{where}: split {fields['split']!r} is not one of {', '.join(SPLITS)}")
    text = normalise(fields["text"], where)
    name = _field(row, "utterance_id") or _name_of(fields["path"])
    if not re.fullmatch(r"[\w][\w.-]*", name, re.ASCII):
        raise InputError(f"{where}: utterance_id {name!r} must be letters, digits, dot, dash and underscore")
    utterance = Utterance(name, fields["split"], fields["speaker"], f"audio/{name}.flac", 0.0, text)
    return utterance, base / fields["path"]


def _field(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return "" if value is None or value != value else str(value).strip()


def _name_of(path: str) -> str:
    """A name from the path, its folders included: `a/1.wav` and `b/1.wav` are two utterances."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", str(Path(path).with_suffix(""))).strip("-.")


def _claim(name: str, names: dict[str, int], number: int, manifest: Path) -> None:
    # Some file systems do not tell upper from lower case, and a name becomes a file.
    first = names.setdefault(name.lower(), number)
    if first != number:
        raise InputError(f"{manifest}: row {number}: utterance_id {name!r} is that of row {first}")
