"""Source of the report, summarised file by file, so that memory does not grow with the hearings."""

from __future__ import annotations

import math
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
from asrtransfer.tables.design import SAMPLE, STRANGERS, Design

JOB = SAMPLE[:4]

# Finer than any figure shows; character error rates have few distinct values anyway.
CER_STEP = 0.01
BATCH = 64
_CELL = ["surrogate", "remote", "arm", "attack", "confidence", "target_kind", "kind"]


@dataclass(frozen=True)
class Material:
    """A study as the report sees it.

    Attributes:
        design: of the study.
        tables: by name, as :func:`asrtransfer.tables.tabulate` makes them.
        samples: attack jobs' tables without audio, one row a stored sample or an utterance without, and
            ``file`` (of the job) and ``transferred`` (whether a remote that does not have the surrogate's own weights
            hears the target).
        distances: hearings of primary samples counted by surrogate, remote, arm, attack, confidence,
            target_kind, kind and ``cer`` (character error rate to the target, in steps of CER_STEP).
        transcripts: by (surrogate, remote), the file.
        curves: by trained model, its learning curve.
        cards: by model.
    """

    design: Design
    tables: Mapping[str, pd.DataFrame]
    samples: pd.DataFrame
    distances: pd.DataFrame
    transcripts: Mapping[tuple[str, str], Path]
    curves: Mapping[str, pd.DataFrame]
    cards: Mapping[str, Mapping[str, Any]]

    def label(self, attack: str) -> str:
        """Return an attack's name as people read it."""
        return self.design.attacks[attack].label

    def reads_own_weights(self, surrogate: str, remote: str) -> bool:
        """Return whether a remote has the weights of any member of the surrogate."""
        return self.design.has_own_weights(surrogate, remote, self.weights)

    @property
    def weights(self) -> dict[str, str]:
        """Hash of the weights, by model."""
        return {model: str(card["weights_sha256"]) for model, card in self.cards.items()}

    @property
    def models(self) -> list[str]:
        """Models in the order of the study, each followed by its arms."""
        known = self.design.models
        bases = dict.fromkeys(model.base for model in known.values())
        arms = {base: [name for name in known if known[name].base == base] for base in bases}
        return [name for base in bases for name in sorted(arms[base], key=lambda name: name != base)]

    @property
    def surrogates(self) -> list[str]:
        """Surrogates in the order of the study."""
        return list(self.design.surrogates)

    def find_control_arm(self, kind: str) -> str | None:
        """Return the arm whose hearings of controls stand beside those of samples: strangers, or None."""
        heard = set(self.distances.loc[self.distances["target_kind"] == kind, "arm"])
        return next((arm for arm in STRANGERS if arm in heard), None)


def read(
    design: Design,
    tables: Iterable[Path],
    attacks: Iterable[Path],
    transcripts: Iterable[Path],
    curves: Iterable[Path],
    cards: Iterable[Path],
) -> Material:
    """Read the files of a study.

    Args:
        design: of the study.
        tables: Parquet files, each named for its table.
        attacks: a file a job.
        transcripts: a file a surrogate and remote, ``.../{surrogate}/{remote}.parquet``.
        curves: a file a trained model, in a folder named for it.
        cards: a file a model, in a folder named for it.

    Raises:
        InputError: if a file is missing or damaged.
    """
    heard = {(path.parent.name, path.stem): path for path in transcripts}
    found = {path.parent.name: read_card(path) for path in cards}
    known = {model: found[design.find_source(model)] for model in design.models}
    weights = {model: str(card["weights_sha256"]) for model, card in known.items()}
    summaries = [_summarise(path, other=not design.has_own_weights(*pair, weights)) for pair, path in heard.items()]
    hits = pd.concat([hit for _, hit in summaries], ignore_index=True).drop_duplicates()
    samples = pd.concat([_read_job(path) for path in attacks], ignore_index=True)
    samples = samples.merge(hits.assign(transferred=True), on=SAMPLE, how="left")
    samples["transferred"] = samples["transferred"].eq(True)
    return Material(
        design,
        {path.stem: parquet.read(path) for path in tables},
        samples,
        pd.concat([distances for distances, _ in summaries], ignore_index=True),
        heard,
        {path.parent.name: parquet.read(path) for path in curves},
        known,
    )


def quantile(distances: pd.DataFrame, share: float) -> float:
    """Find the smallest character error rate that at least a share of hearings does not exceed.

    Args:
        distances: rows of :attr:`Material.distances`.
        share: 0..1.

    Returns:
        The rate; not a number where there are no hearings.
    """
    counts = distances.groupby("cer")["hearings"].sum().sort_index()
    reached = counts.cumsum() >= share * counts.sum() - 1e-9
    return float(counts[reached].index[0]) if len(counts) else math.nan


def rows(path: Path, columns: list[str], **wanted: object) -> pd.DataFrame:
    """Read columns of some rows of a Parquet file.

    Args:
        path: of the file.
        columns: names.
        wanted: by column, the value that the rows must have, or a list of values.

    Raises:
        InputError: if it is missing or damaged.
    """
    where = [(name, "in" if isinstance(value, list) else "=", value) for name, value in wanted.items()]
    return parquet.read_table(path, columns, filters=where).to_pandas()


def audio(path: Path, **wanted: object) -> bytes:
    """Read a FLAC file from an attack job's table.

    Args:
        path: of the table.
        wanted: by column, the value of the one row that holds it.

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


def _read_job(path: Path) -> pd.DataFrame:
    columns = ["target_kind", "text", "phrase", "status", "primary", "seconds"]
    measures = ["k1", "linf", "bound", "snr_db", "peak_db"]
    table = rows(path, [*SAMPLE, *columns, *measures])
    types = {"iteration": "Int64", **dict.fromkeys(measures, "float64")}
    return table.astype(types).assign(file=str(path))


def _summarise(path: Path, *, other: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Summarise one remote's transcripts.

    Returns:
        Distances of its hearings and, if it is another model, the samples that it hears as meant.
    """
    heard = rows(path, [*SAMPLE, "target_kind", "remote", "arm", "kind", "primary", "hit", "cer_target"])
    hits = heard[heard["hit"] & (heard["kind"] == "adversarial") & other]
    primary = heard[heard["primary"]]
    primary = primary.assign(cer=(primary["cer_target"] / CER_STEP).round() * CER_STEP)
    distances = primary.groupby([*_CELL, "cer"]).size().rename("hearings").reset_index()
    return distances, hits[SAMPLE].astype({"iteration": "Int64"})
