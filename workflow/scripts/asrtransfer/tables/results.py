"""A study's results as data frames, read from its files and checked against each other.

What a remote heard is scored here a second time, from the texts themselves, and must agree with what is
stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.compute
from numpy.typing import NDArray

from asrtransfer.files import parquet
from asrtransfer.files.cards import read_card
from asrtransfer.files.errors import InputError
from asrtransfer.tables.design import SAMPLE, Design, target_kinds

GRADED = ["contains", "cer_target", "cer_truth"]
"""What the best text tells; of samples that are not primary it need not be known."""
MEASURES = [*GRADED, "ctc_loss", "ctc_loss_clean"]
NAMES = [
    "surrogate",
    "remote",
    "arm",
    "attack",
    "target",
    "confidence",
    "utterance_id",
    "iteration",
    "primary",
    "kind",
]


@dataclass(frozen=True)
class Results:
    """Everything that the tables are made of.

    Attributes:
        samples: one row a stored sample, or an utterance without one; the columns of an attack job's table
            except the audio, and target_kind.
        hearings: one row a hearing: surrogate, remote, arm, attack, target, confidence, utterance_id,
            iteration, primary, kind, target_kind, hit, top_ten, contains, cer_target, cer_truth (these three only
            of primary samples and their controls), ctc_loss, ctc_loss_clean.
        repeated: hearings, with the same columns, of remotes with the weights of an earlier remote in the same arm
            of the same surrogate, as a twin is for every other seed: the same hearings again, which would count
            twice.
        clean: by model, its transcripts of the clean dev and test splits.
        cards: by model.
        scored: by model, its transcripts of dev and test with a language model; none if the study has none.
    """

    samples: pd.DataFrame
    hearings: pd.DataFrame
    repeated: pd.DataFrame
    clean: Mapping[str, pd.DataFrame]
    cards: Mapping[str, Mapping[str, Any]]
    scored: Mapping[str, pd.DataFrame]


def read(
    design: Design,
    attacks: Iterable[Path],
    transcripts: Iterable[Path],
    clean: Iterable[Path],
    cards: Iterable[Path],
    scored: Iterable[Path] = (),
) -> Results:
    """Read the files of a study.

    Args:
        design: names the jobs, hearings and models; rows of others are left out.
        attacks: a file a job.
        transcripts: a file a hearing, in the design's order.
        clean: a file a model, in the design's order.
        cards: as ``clean``.
        scored: as ``clean``, or none.

    Raises:
        InputError: if a file is damaged, or transcripts belong to other samples than there are.
    """
    samples = read_samples(design, attacks)
    described = {model: read_card(path) for model, path in zip(design.models, cards, strict=True)}
    weights = {model: str(card["weights_sha256"]) for model, card in described.items()}
    heard = [
        read_hearings(design, path, samples, weights[names[1]], *names)
        for path, names in zip(transcripts, design.hearings, strict=True)
    ]
    again = repeats(design.hearings, weights)

    def together(repeated: bool) -> pd.DataFrame:
        chosen = [frame for frame, repeats in zip(heard, again, strict=True) if repeats is repeated]
        rows = pd.concat(chosen or [heard[0].iloc[:0]], ignore_index=True)
        return _with_utterances(design.typed(rows), samples)

    return Results(
        samples,
        together(False),
        together(True),
        {model: parquet.read(path) for model, path in zip(design.models, clean, strict=True)},
        described,
        # Of all models or of none.
        {model: parquet.read(path) for model, path in zip(design.models, scored, strict=False)},
    )


def repeats(hearings: Iterable[Sequence[str]], weights: Mapping[str, str]) -> list[bool]:
    """Of each (surrogate, remote, arm), whether an earlier one's remote has the same weights, all else equal.

    A twin of another seed hears everything a second time, which counts once.
    """
    ends = [(surrogate, arm, weights[remote]) for surrogate, remote, arm in hearings]
    return [end in ends[:place] for place, end in enumerate(ends)]


def read_samples(design: Design, paths: Iterable[Path]) -> pd.DataFrame:
    """The tables of all attack jobs, without audio and without jobs that are not the design's."""
    rows = pd.concat([parquet.read(path, without=["audio"]) for path in paths], ignore_index=True)
    rows = _of_design(design, rows)
    rows["iteration"] = rows["iteration"].astype("Int64")
    return _with_utterances(rows, rows)


def read_hearings(
    design: Design, path: Path, samples: pd.DataFrame, weights: str, surrogate: str, remote: str, arm: str
) -> pd.DataFrame:
    """One remote's transcripts of one surrogate's samples, scored.

    Args:
        design: names the jobs that count.
        path: of the transcripts.
        samples: from :func:`read_samples`.
        weights: hash of the remote's, as on its card.
        surrogate: whose samples they are.
        remote: who heard them.
        arm: what the two differ in.

    Raises:
        InputError: if other weights than the remote's listened, the stored score is not that of the texts, or a
            sample is missing or unknown.
    """
    table = parquet.read_table(path)
    if not all(heard == weights for heard in table["remote_weights_sha256"].unique().to_pylist()):
        raise InputError(f"{path}: other weights than those on the card of {remote} listened; delete it and run again")
    frame = scored(table)
    if not np.array_equal(frame["hit"], table["hit"].to_numpy()):
        raise InputError(f"{path}: its column hit is not what its texts say; delete it and run again")
    frame = _of_design(design, frame.assign(surrogate=surrogate, remote=remote, arm=arm))
    _check_complete(path, frame, samples[samples["surrogate"] == surrogate])
    return frame


def scored(table: pyarrow.Table) -> pd.DataFrame:
    """Transcripts without their texts, with what the texts say: hit and top_ten.

    A hit is a most likely text equal to the phrase, character for character; top_ten is the phrase among the
    texts. What the most likely text tells besides is left out of samples that are not primary, of which it is known
    or not, as the decoder went about it.
    """
    place = ranks(table)
    frame = table.select([*NAMES, *MEASURES]).to_pandas()
    graded = frame[GRADED].astype("float64").where(frame["primary"].astype(bool))
    frame = frame.assign(**{name: graded[name] for name in GRADED})
    return frame.assign(hit=place == 1, top_ten=place > 0, target_kind=target_kinds(frame["target"]))


def ranks(table: pyarrow.Table) -> NDArray[np.int64]:
    """Place of each row's phrase among its texts, from 1, or 0."""
    texts = table["texts"].combine_chunks()
    lengths = pyarrow.compute.fill_null(pyarrow.compute.list_value_length(texts), 0).to_numpy(zero_copy_only=False)
    row = np.repeat(np.arange(len(texts)), lengths)
    phrases = table["phrase"].combine_chunks().take(pyarrow.array(row))
    equal = pyarrow.compute.equal(texts.flatten(), phrases).fill_null(False).to_numpy(zero_copy_only=False)
    # Backwards, so that the first of equal texts is what remains.
    matches = np.flatnonzero(equal)[::-1]
    starts = np.cumsum(lengths) - lengths
    place = np.zeros(len(texts), dtype=np.int64)
    place[row[matches]] = matches - starts[row[matches]] + 1
    return place


def _of_design(design: Design, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of the design's jobs, with target_kind and the design's categories."""
    names = pd.MultiIndex.from_frame(rows[SAMPLE[:4]].astype(str))
    wanted = pd.MultiIndex.from_tuples([tuple(job) for job in design.jobs])
    kept = rows[names.isin(wanted)].reset_index(drop=True)
    return design.typed(kept.assign(target_kind=target_kinds(kept["target"])))


def _with_utterances(rows: pd.DataFrame, samples: pd.DataFrame) -> pd.DataFrame:
    dtype = pd.CategoricalDtype(sorted(samples["utterance_id"].astype(str).unique()), ordered=True)
    return rows.astype({"utterance_id": dtype})


def _check_complete(path: Path, frame: pd.DataFrame, samples: pd.DataFrame) -> None:
    made = samples[samples["status"] == "sample"]
    heard = frame[frame["kind"] == "adversarial"]
    one, other = (pd.MultiIndex.from_frame(part[SAMPLE].astype(dict.fromkeys(SAMPLE, str))) for part in (made, heard))
    if len(one) != len(other) or not one.isin(other).all():
        raise InputError(
            f"{path}: holds {len(other)} samples where the attacks made {len(one)}, or other ones; "
            "delete it and run again"
        )
