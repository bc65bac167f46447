"""A corpus from a manifest: a table of recordings with their texts, speakers and splits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas
import pyarrow
import pyarrow.parquet

from asrtransfer.corpora import SPLITS, Utterance, check, create_audio_folder, normalise
from asrtransfer.files.errors import InputError
from asrtransfer.machine.random import numpy_stream
from asrtransfer.speech import audio

_COLUMNS = ("path", "text", "speaker", "split")
# The name of a file has at most 255 bytes on the usual file systems; ours have an ending, also while being written.
_LONGEST_NAME = 200
_UNREADABLE = (
    pandas.errors.ParserError,
    pandas.errors.EmptyDataError,
    UnicodeDecodeError,
    pyarrow.ArrowException,
    # As PyArrow reports some faults of a file.
    OSError,
)


def prepare(
    manifest: Path, folder: Path, *, disjoint_speakers: bool, longest_seconds: float, dither: float, seed: int
) -> list[Utterance]:
    """Convert the recordings of a manifest into `folder`/audio and return the utterances.

    Args:
        manifest: a CSV, TSV or Parquet table with the columns path (absolute, or relative to the folder of the
            manifest), text, speaker and split (train, dev or test). A column utterance_id is optional; by default the
            path gives the identifier. Other columns are ignored.
        folder: the corpus folder.
        disjoint_speakers: whether a speaker in two splits is an error.
        longest_seconds: the longest recording that is accepted.
        dither: standard deviation of the white noise that is added to each recording, in 16-bit units.
        seed: draws it, for each utterance by its identifier.

    Raises:
        InputError: for an unreadable manifest or a faulty row. All rows are checked first; the error names the first
            faulty row (row 1 follows the header) and the number of faulty rows.
    """
    limit = audio.Limit(longest_seconds, "raise corpus.manifest.longest_seconds, or split the recording")
    rows = _read_rows(manifest)
    faults: dict[int, InputError] = {}
    entries: dict[int, tuple[Utterance, Path]] = {}
    names: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        try:
            entries[number] = _parse_row(row, f"{manifest}: row {number}", manifest.parent)
            _claim_name(entries[number][0].utterance_id, names, number, manifest)
        except InputError as error:
            faults[number] = error
    if not faults:
        # Checked before hours of audio are converted in vain.
        check((utterance for utterance, _ in entries.values()), manifest, disjoint_speakers=disjoint_speakers)
    utterances = []
    create_audio_folder(folder)
    for number, (utterance, source) in entries.items():
        try:
            samples = audio.read(source, limit)
        except InputError as error:
            faults.setdefault(number, InputError(f"{manifest}: row {number}: {error}"))
            continue
        if not faults:
            name = f"{seed}\0{utterance.utterance_id}"
            samples = audio.add_noise(samples, dither, numpy_stream(name)) if dither else samples
            digest = audio.write_flac(folder / utterance.path, samples)
            seconds = len(samples) / audio.SAMPLE_RATE
            utterances.append(replace(utterance, seconds=seconds, sha256=digest))
    if faults:
        count = f" ({len(faults)} of {len(rows)} rows are faulty)" if len(faults) > 1 else ""
        raise InputError(f"{faults[min(faults)]}{count}")
    return utterances


def _read_rows(manifest: Path) -> list[dict[str, Any]]:
    if not manifest.is_file():
        raise InputError(f"{manifest}: no such manifest; correct the path")
    ending = manifest.suffix.lower()
    try:
        if ending == ".parquet":
            rows = pyarrow.parquet.read_table(manifest)
            # Text that is none fails only where it is used.
            rows.validate(full=True)
            # What pandas noted about a table, which nobody needs here, may be damaged where the rest is not.
            table = rows.replace_schema_metadata(None).to_pandas()
        elif ending in (".csv", ".tsv"):
            # "null" and "none" are words; only an empty field is a missing value.
            separator = "\t" if ending == ".tsv" else ","
            table = pandas.read_csv(manifest, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        else:
            raise InputError(f"{manifest}: {ending or 'no'} file ending; give .csv, .tsv or .parquet")
    except _UNREADABLE as error:
        raise InputError(f"{manifest}: not readable as a table ({error}); replace the file") from None
    missing = [name for name in _COLUMNS if name not in table.columns]
    if missing:
        present = ", ".join(map(str, table.columns))
        raise InputError(f"{manifest}: no column {', '.join(missing)}; it has {present}; add the missing ones")
    return [dict(zip(table.columns, row, strict=True)) for row in table.itertuples(index=False)]


def _parse_row(row: Mapping[str, Any], where: str, base: Path) -> tuple[Utterance, Path]:
    fields = {name: _read_field(row, name) for name in _COLUMNS}
    for name in ("path", "speaker"):
        if not fields[name]:
            raise InputError(f"{where}: the {name} is empty; fill it in or remove the row")
    if fields["split"] not in SPLITS:
        raise InputError(f"{where}: split {fields['split']!r} is not one of {', '.join(SPLITS)}")
    text = normalise(fields["text"], where)
    name = _read_field(row, "utterance_id") or _derive_name(fields["path"])
    if not re.fullmatch(r"[\w][\w.-]*", name, re.ASCII):
        raise InputError(f"{where}: utterance_id {name!r} must be letters, digits, dot, dash and underscore")
    if len(name) > _LONGEST_NAME:
        raise InputError(
            f"{where}: utterance_id {name!r} is longer than {_LONGEST_NAME} characters; add a column utterance_id with "
            "shorter ones"
        )
    utterance = Utterance(name, fields["split"], fields["speaker"], f"audio/{name}.flac", 0.0, text)
    return utterance, base / fields["path"]


def _read_field(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return "" if value is None or value != value else str(value).strip()


def _derive_name(path: str) -> str:
    """Derive an identifier from the whole path: `a/1.wav` and `b/1.wav` are two utterances."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", str(Path(path).with_suffix(""))).strip("-.")


def _claim_name(name: str, names: dict[str, int], number: int, manifest: Path) -> None:
    # The name becomes a file name, and some file systems ignore case.
    first = names.setdefault(name.lower(), number)
    if first != number:
        raise InputError(f"{manifest}: row {number}: utterance_id {name!r} is that of row {first}; make it unique")
