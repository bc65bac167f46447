"""The files of a finished study, read as they are."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow.parquet
import soundfile
from numpy.typing import NDArray

JOB = ["attack", "surrogate", "target", "confidence"]
SAMPLE = [*JOB, "utterance_id", "iteration"]
"""What names a sample."""


class NotAStudy(Exception):
    """A folder is none of a finished study; the message says which file is missing or broken."""


class Heard(NamedTuple):
    """What a remote has heard of a surrogate: both names and the arm, as the design has them, and the file's rows."""

    surrogate: str
    remote: str
    arm: str
    rows: pd.DataFrame

    @property
    def samples(self) -> pd.DataFrame:
        """Rows of samples, without controls."""
        return self.rows[self.rows["kind"] == "adversarial"]

    @property
    def texts(self) -> list[list[str]]:
        """Of each row the texts; a hearing whose texts are not known has none."""
        return [[] if texts is None else list(texts) for texts in self.rows["texts"]]

    @property
    def hits(self) -> list[bool]:
        """Of each row whether its first text is its phrase."""
        return [
            bool(texts) and texts[0] == phrase for texts, phrase in zip(self.texts, self.rows["phrase"], strict=True)
        ]

    def __str__(self) -> str:
        return f"{self.surrogate} heard by {self.remote}"


class Stored:
    """A folder of results.

    Args:
        folder: of the results.

    Raises:
        NotAStudy: if it holds no configuration.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        told = self.read_json(folder / "configuration.json")
        self.configuration: dict[str, Any] = told["configuration"]
        self.design: dict[str, Any] = told["design"]
        self.models: list[str] = list(self.design["models"])

    def read_json(self, path: Path) -> Any:
        """Read JSON."""
        try:
            return json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise NotAStudy(f"{path}: {error}; name the folder of a study that has run to its end") from None

    def read_text(self, name: str) -> str:
        """Read a text file of the folder."""
        try:
            return (self.folder / name).read_text()
        except OSError as error:
            raise NotAStudy(f"{self.folder / name}: {error.strerror}; run the study to its end") from None

    def read_table(self, name: str, without: tuple[str, ...] = ()) -> pd.DataFrame:
        """Read a Parquet file of the folder."""
        path = self.folder / name
        try:
            columns = [one for one in pyarrow.parquet.read_schema(path).names if one not in without]
            return pyarrow.parquet.read_table(path, columns=columns).to_pandas()
        except (OSError, pyarrow.ArrowException) as error:
            raise NotAStudy(f"{path}: {error}; run the study to its end") from None

    def source(self, model: str) -> str:
        """The model that hears at the end of a channel; its own name without one."""
        return str(self.design["models"][model].get("source") or model)

    def is_trained(self, model: str) -> bool:
        """Whether a model was trained by the study."""
        return self.design["models"][model]["seed"] is not None

    @cached_property
    def splits(self) -> dict[str, pd.DataFrame]:
        """The tables of the corpus."""
        return {split: self.read_table(f"corpus/{split}.parquet") for split in ("train", "dev", "test")}

    @cached_property
    def selected(self) -> pd.DataFrame:
        """The selected utterances."""
        return self.read_table("selected.parquet")

    @cached_property
    def clean(self) -> dict[str, pd.DataFrame]:
        """What each model hears in clean speech."""
        return {model: self.read_table(f"clean/{model}.parquet") for model in self.models}

    @cached_property
    def cards(self) -> dict[str, dict[str, Any]]:
        """The card of each model."""
        return {model: self.read_json(self.folder / f"models/{self.source(model)}/card.json") for model in self.models}

    @cached_property
    def attempts(self) -> pd.DataFrame:
        """Every row of every attack, without audio."""
        return pd.concat([rows for _, rows in self.jobs(without=("audio",))], ignore_index=True)

    def jobs(self, without: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], pd.DataFrame]]:
        """Each attack job of the design, with the rows of its file; some columns may be left unread."""
        for job in self.design["jobs"]:
            yield tuple(job), self.read_job(tuple(job), without)

    def read_job(self, job: tuple[str, ...], without: tuple[str, ...] = ()) -> pd.DataFrame:
        """The rows of an attack job's file; some columns may be left unread."""
        return self.read_table(f"attacks/{'/'.join(job)}.parquet", without)

    def transcripts(self) -> Iterator[Heard]:
        """What each remote has heard of each surrogate, a file at a time: those of a large study exceed the memory."""
        for surrogate, remote, arm in self.design["hearings"]:
            yield Heard(surrogate, remote, arm, self.read_table(f"transcripts/{surrogate}/{remote}.parquet"))

    @cached_property
    def hits(self) -> pd.DataFrame:
        """The hearings of samples, without repeated ones: arm, attack, target_kind, utterance_id, is_hit."""
        repeated, parts = self.find_repeats(), []
        for heard in self.transcripts():
            if (heard.surrogate, heard.remote) not in repeated:
                rows = heard.rows[["attack", "target_kind", "utterance_id", "kind"]]
                rows = rows.assign(arm=heard.arm, is_hit=heard.hits)
                parts.append(rows[rows["kind"] == "adversarial"].drop(columns="kind"))
        return pd.concat(parts, ignore_index=True)

    def find_repeats(self) -> set[tuple[str, str]]:
        """Surrogates and remotes whose weights another remote of the same arm has: they would count twice."""
        seen: set[tuple[object, ...]] = set()
        repeated = set()
        for surrogate, remote, arm in self.design["hearings"]:
            end = (surrogate, arm, self.cards[remote].get("weights_sha256"))
            if end in seen and arm != "channel":
                repeated.add((surrogate, remote))
            seen.add(end)
        return repeated

    @cached_property
    def audio(self) -> dict[str, NDArray[np.int16]]:
        """The clean audio of the selected utterances."""
        paths = zip(self.selected["utterance_id"], self.selected["path"], strict=True)
        return {str(name): self.read_audio(str(path)) for name, path in paths}

    def read_audio(self, path: str) -> NDArray[np.int16]:
        """Read a file of the corpus: int16 (samples,)."""
        samples, rate = soundfile.read(self.folder / "corpus" / path, dtype="int16")
        if rate != 16000 or samples.ndim != 1:
            raise NotAStudy(f"{path}: {rate} Hz and {samples.ndim} dimensions, not one channel of 16 kHz")
        return np.asarray(samples, np.int16)


def decode(cell: Any) -> NDArray[np.int16]:
    """Decode the audio of a sample: int16 (samples,)."""
    samples, _ = soundfile.read(io.BytesIO(cell["bytes"]), dtype="int16")
    return np.asarray(samples, np.int16)
