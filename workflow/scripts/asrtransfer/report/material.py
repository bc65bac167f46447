"""What the report is made of, summarised file by file, so that memory does not grow with the hearings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet

from asrtransfer.files import parquet
from asrtransfer.files.cards import read_card
from asrtransfer.files.errors import InputError
from asrtransfer.tables.results import repeats

JOB = ["attack", "surrogate", "target", "confidence"]
SAMPLE = [*JOB, "utterance_id", "iteration"]
"""What names a stored sample."""

# Finer than any figure shows; character error rates have few distinct values anyway.
CER_STEP = 0.01
BATCH = 64
_CELL = ["surrogate", "remote", "arm", "attack", "confidence", "target_kind", "kind"]


@dataclass(frozen=True)
class Material:
    """A study as the report sees it.

    Attributes:
        tables: by name, as :func:`asrtransfer.tables.tabulate` makes them.
        samples: attack jobs' tables without audio, one row a stored sample or an utterance without, and
            ``file`` (of the job), ``target_kind`` and ``transferred`` (whether a remote whose weights are not
            the surrogate's hears the target).
        distances: hearings of primary samples counted by surrogate, remote, arm, attack, confidence,
            target_kind, kind and ``cer`` (character error rate to the target, in steps of CER_STEP).
        transcripts: by (surrogate, remote), the file; in the order in which remotes are shown.
        curves: by model, its learning curve.
        cards: by model.
    """

    tables: Mapping[str, pd.DataFrame]
    samples: pd.DataFrame
    distances: pd.DataFrame
    transcripts: Mapping[tuple[str, str], Path]
    curves: Mapping[str, pd.DataFrame]
    cards: Mapping[str, Mapping[str, Any]]


def read(
    tables: Iterable[Path],
    attacks: Iterable[Path],
    transcripts: Iterable[Path],
    curves: Iterable[Path],
    cards: Iterable[Path],
) -> Material:
    """Read the files of a study.

    Args:
        tables: Parquet files, each named for its table.
        attacks: a file a job.
        transcripts: a file a surrogate and remote, ``.../{surrogate}/{remote}.parquet``.
        curves: a file a model, in a folder named for it.
        cards: as ``curves``.

    Raises:
        InputError: if a file is missing or damaged.
    """
    heard = {(path.parent.name, path.stem): path for path in transcripts}
    known = {path.parent.name: read_card(path) for path in cards}
    weights = {model: card["weights_sha256"] for model, card in known.items()}
    summaries = [
        _summary(path, other=weights[surrogate] != weights[remote]) for (surrogate, remote), path in heard.items()
    ]
    hits = pd.concat([hit for _, hit in summaries], ignore_index=True).drop_duplicates()
    samples = pd.concat([_job(path) for path in attacks], ignore_index=True)
    samples = samples.merge(hits.assign(transferred=True), on=SAMPLE, how="left")
    samples["transferred"] = samples["transferred"].eq(True)
    return Material(
        {path.stem: parquet.read(path) for path in tables},
        samples,
        pd.concat([distances for distances, _ in summaries], ignore_index=True),
        heard,
        {path.parent.name: parquet.read(path) for path in curves},
        known,
    )


def once(rows: pd.DataFrame, weights: Mapping[str, str]) -> pd.DataFrame:
    """Rows of surrogate, remote and arm without the repeats, as the tables count."""
    ends = ["surrogate", "remote", "arm"]
    named = rows[ends].astype(str)
    known = named.drop_duplicates()
    kept = known[~np.array(repeats(known.to_numpy().tolist(), weights), dtype=bool)]
    return rows[pd.MultiIndex.from_frame(named).isin(pd.MultiIndex.from_frame(kept))]


def target_kind(target: pd.Series) -> pd.Series:
    """``near`` for rank-k, else ``phrase``."""
    return target.str.startswith("rank-").map({True: "near", False: "phrase"})


def rows(path: Path, columns: list[str], **wanted: object) -> pd.DataFrame:
    """Some columns of the rows of a Parquet file whose other columns have the ``wanted`` values.

    Raises:
        InputError: if it is missing or damaged.
    """
    where = [(name, "in" if isinstance(value, list) else "=", value) for name, value in wanted.items()]
    return parquet.read_table(path, columns, filters=where).to_pandas()


def audio(path: Path, **wanted: object) -> bytes:
    """The FLAC file in the one row of an attack job's table that has the ``wanted`` values.

    Raises:
        InputError: if the table is missing or damaged, or has no such row.
    """
    keys = rows(path, list(wanted))
    places = np.flatnonzero((keys == pd.Series(wanted)).all(axis=1))
    if len(places) != 1:
        raise InputError(f"{path}: has {len(places)} rows of {wanted}; delete it and run again")
    place = int(places[0])
    # A table of thousands of sounds does not fit into memory at once.
    for batch in pyarrow.parquet.ParquetFile(path).iter_batches(BATCH, columns=["audio"]):
        if place < len(batch):
            return bytes(batch.column(0)[place].as_py()["bytes"])
        place -= len(batch)
    raise AssertionError("a row that was counted is there")


def _job(path: Path) -> pd.DataFrame:
    columns = ["text", "phrase", "status", "primary", "k1", "linf", "snr_db", "peak_db", "seconds"]
    table = rows(path, [*SAMPLE, *columns])
    table["iteration"] = table["iteration"].astype("Int64")
    return table.assign(file=str(path), target_kind=target_kind(table["target"]))


def _summary(path: Path, *, other: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Distances of a remote's hearings and, if it is another model, the samples that it hears as meant."""
    heard = rows(path, [*SAMPLE, "remote", "arm", "kind", "primary", "hit", "cer_target"])
    hits = heard[heard["hit"] & (heard["kind"] == "adversarial") & other]
    primary = heard[heard["primary"]]
    primary = primary.assign(
        target_kind=target_kind(primary["target"]),
        cer=(primary["cer_target"] / CER_STEP).round() * CER_STEP,
    )
    distances = primary.groupby([*_CELL, "cer"]).size().rename("hearings").reset_index()
    return distances, hits[SAMPLE].astype({"iteration": "Int64"})
