"""What recognisers hear in audio files: texts, and where a phrase stands among them."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from asrtransfer.ctc import decoding
from asrtransfer.ctc.backends import BACKEND
from asrtransfer.files.errors import InputError
from asrtransfer.files.whole import replace_file
from asrtransfer.hearing.hear import Hearing, hear, rank
from asrtransfer.machine import compute
from asrtransfer.quick.steps import Report, check_phrase, list_audio, load_named, read_audio
from asrtransfer.recognisers.base import Recogniser
from asrtransfer.report.words import write_probability

SHOWN = 3
"""Other texts that the list shows, beside the most likely one."""


@dataclass(frozen=True)
class Listening:
    """What recognisers have heard.

    Attributes:
        phrase: that was asked for; None if none was.
        table: one row a file and recogniser: ``file``, ``recogniser``, ``text`` (the most likely), ``raw`` (as the
            recogniser wrote it), ``probability`` (P(text | audio)), ``phrase_rank`` (among the ten most likely, from
            1), ``phrase_probability`` (P(phrase | audio)), ``alternatives`` (a list of the other texts) and
            ``alternative_probabilities``. What a recogniser does not tell is missing.
    """

    phrase: str | None
    table: pd.DataFrame

    def text(self) -> str:
        """Write a list for people: each file, and below it what each recogniser hears."""
        lines: list[str] = []
        width = max(map(len, self.table["recogniser"]), default=0)
        for file, rows in self.table.groupby("file", sort=False):
            lines.append(str(file))
            for row in rows.to_dict("records"):
                lines.append(f"  {row['recogniser']:{width}}  {_quote(row['text'], row['probability'])}")
                lines += [f"  {'':{width}}  {line}" for line in self._list_details(row)]
        return "\n".join(lines) + "\n"

    def _list_details(self, row: Mapping[Any, Any]) -> list[str]:
        others = list(zip(row["alternatives"], row["alternative_probabilities"], strict=True))
        lines = [f"{place}. {_quote(*one)}" for place, one in enumerate(others[:SHOWN], start=2)]
        if self.phrase is not None:
            place = "not among its texts" if pd.isna(row["phrase_rank"]) else f"its text {row['phrase_rank']:.0f}"
            probability = row["phrase_probability"]
            known = "" if pd.isna(probability) else f", probability {write_probability(probability)}"
            lines.append(f"{self.phrase!r}: {place}{known}")
        return lines

    def write(self, path: Path | str) -> None:
        """Write the table as CSV, whole or not at all; alternatives stand in one cell, with ``" | "`` between them."""
        told = self.table.assign(
            alternatives=[" | ".join(texts) for texts in self.table["alternatives"]],
            alternative_probabilities=[
                " | ".join("" if pd.isna(one) else f"{one:.6g}" for one in values)
                for values in self.table["alternative_probabilities"]
            ],
        )
        buffer = io.StringIO()
        told.to_csv(buffer, index=False, float_format="%.6g")
        replace_file(Path(path), buffer.getvalue().encode())


def listen(
    recognisers: Mapping[str, Recogniser | str | Path | Mapping[str, Any]],
    files: Iterable[Path | str],
    phrase: str | None = None,
    *,
    device: str = "cpu",
    threads: int = 1,
    report: Report = lambda line: None,
) -> Listening:
    """Let recognisers hear audio files, each on its own.

    Sets the threads and the determinism of PyTorch for this process, as a job of a study does.

    Args:
        recognisers: by name: one that is loaded, the path of its ``weights.safetensors``, the path of a Python file of
            your own, or the arguments of :func:`asrtransfer.quick.load`.
        files: audio of any format that libsndfile reads, and folders that hold such files, also in folders of theirs.
        phrase: whose place among the texts, and whose probability, is wanted.
        device: ``cpu`` or ``cuda``.
        threads: CPU threads of PyTorch.
        report: told how it goes.

    Raises:
        InputError: if an argument does not fit, or a file is missing or damaged.
    """
    if phrase is not None:
        check_phrase(phrase)
    if not recognisers:
        raise InputError("recognisers: none; give one at least")
    audio = {name: read_audio(path) for name, path in list_audio(files).items()}
    if not audio:
        raise InputError("files: none; give audio files, or a folder that holds some")
    compute.prepare(device, threads)
    decoder = decoding.build(BACKEND)
    heard: dict[str, list[Hearing]] = {}
    for name, about in recognisers.items():
        heard[name] = hear(load_named(name, about, device), decoder, list(audio.values()), [phrase] * len(audio))
        report(f"{name}: has heard {len(audio)} files")
    rows = [
        {"file": file, "recogniser": name, **_describe(hearings[place], phrase)}
        for place, file in enumerate(audio)
        for name, hearings in heard.items()
    ]
    return Listening(phrase, pd.DataFrame(rows))


def _describe(hearing: Hearing, phrase: str | None) -> dict[str, object]:
    known = hearing.log_probabilities
    probabilities = [math.nan] * len(hearing.texts) if known is None else [math.exp(one) for one in known]
    return {
        "text": hearing.top,
        "raw": hearing.top if hearing.raw is None else hearing.raw,
        "probability": probabilities[0] if probabilities else math.nan,
        "phrase_rank": None if phrase is None else rank(phrase, hearing.texts),
        "phrase_probability": None if hearing.loss is None else math.exp(-hearing.loss),
        "alternatives": hearing.texts[1:],
        "alternative_probabilities": probabilities[1:],
    }


def _quote(text: str, probability: float) -> str:
    known = "" if math.isnan(probability) else f"  ({write_probability(probability)})"
    return f'"{text}"{known}'
