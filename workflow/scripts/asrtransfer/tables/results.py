"""A study's results as data frames, read from its files and checked against each other.

Transcripts are scored here a second time, from their texts, and the score must agree with the stored one.
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
from asrtransfer.tables.design import SAMPLE, Design

GRADED = ["contains", "cer_target", "cer_truth"]
"""Measures of the most likely text; they may be unknown for samples that are not primary."""
LOSSES = ["ctc_loss", "ctc_loss_clean"]
"""Losses of the phrase, in nats; null where the remote is no CTC model."""
SCORES = ["k1", "k2", "k5", "ctc_loss"]
"""Confidences and loss of a stored sample; null where the surrogate is no CTC model."""
NAMES = [
    *["surrogate", "remote", "arm", "attack", "target", "target_kind", "confidence"],
    *["utterance_id", "iteration", "primary", "kind"],
]


@dataclass(frozen=True)
class Results:
    """Source of every table.

    Attributes:
        samples: one row a stored sample, or an utterance without one; the columns of an attack job's table
            except the audio.
        hearings: one row a hearing: surrogate, remote, arm, attack, target, target_kind, confidence, utterance_id,
            iteration, primary, kind, hit, top_ten, contains, cer_target, cer_truth (these three only of primary
            samples and their controls), ctc_loss, ctc_loss_clean (null where the remote is no CTC model).
        repeated: hearings, with the same columns, of remotes with the weights of an earlier remote in the same arm
            of the same surrogate, as a twin has for every other seed. They repeat hearings and would count twice.
        clean: by model, its transcripts of the clean dev and test splits.
        cards: by model.
        scored: by model, its transcripts of dev and test with a language model; models may lack them.
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
        design: names the jobs, hearings and models; rows of other jobs are left out.
        attacks: a file a job.
        transcripts: a file a hearing, in the design's order.
        clean: a file a model, in the design's order.
        cards: as ``clean``.
        scored: a file a model that is scored with a language model, named for it.

    Raises:
        InputError: if a file is damaged, or transcripts do not belong to the stored samples.
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
        return _categorise_utterances(design.typed(rows), samples)

    return Results(
        samples,
        together(False),
        together(True),
        {model: parquet.read(path) for model, path in zip(design.models, clean, strict=True)},
        described,
        {path.stem: parquet.read(path) for path in scored},
    )


def repeats(hearings: Iterable[Sequence[str]], weights: Mapping[str, str]) -> list[bool]:
    """Find hearings that repeat earlier ones, such as those of a twin of another seed.

    Args:
        hearings: (surrogate, remote, arm).
        weights: by model, the hash.

    Returns:
        For each hearing, whether an earlier one of the same surrogate and arm has a remote with the same weights.
        Through a channel the same weights hear something else.
    """
    ends = [(surrogate, arm, weights[remote]) for surrogate, remote, arm in hearings]
    return [end[1] != "channel" and end in ends[:place] for place, end in enumerate(ends)]


def heard_by_others(rows: pd.DataFrame, design: Design, weights: Mapping[str, str]) -> pd.DataFrame:
    """Select rows of surrogate and remote whose remote does not have the surrogate's own weights.

    An arm that came out with the weights of its surrogate is no other model, although the study meant it to be one.
    """
    ends = pd.MultiIndex.from_arrays([rows["surrogate"].astype(str), rows["remote"].astype(str)])
    other = [(one, remote) for one, remote in ends.unique() if not design.has_own_weights(one, remote, weights)]
    return rows[ends.isin(other)]


def read_samples(design: Design, paths: Iterable[Path]) -> pd.DataFrame:
    """Read the tables of the design's attack jobs, without audio."""
    scores = dict.fromkeys(SCORES, "float64")
    rows = pd.concat([parquet.read(path, without=["audio"]).astype(scores) for path in paths], ignore_index=True)
    rows = _select_jobs(design, rows)
    rows["iteration"] = rows["iteration"].astype("Int64")
    return _categorise_utterances(rows, rows)


def read_hearings(
    design: Design, path: Path, samples: pd.DataFrame, weights: str, surrogate: str, remote: str, arm: str
) -> pd.DataFrame:
    """Read and score one remote's transcripts of one surrogate's samples.

    Args:
        design: names the jobs that count.
        path: of the transcripts.
        samples: from :func:`read_samples`.
        weights: hash on the remote's card.
        surrogate: whose samples they are.
        remote: the listener.
        arm: what the two differ in.

    Raises:
        InputError: if weights other than the remote's listened, the stored score differs from that of the texts, or
            a sample is missing or unknown.
    """
    table = parquet.read_table(path)
    if not all(heard == weights for heard in table["remote_weights_sha256"].unique().to_pylist()):
        raise InputError(f"{path}: other weights than those on the card of {remote} listened; delete it and run again")
    frame = scored(table)
    if not np.array_equal(frame["hit"], table["hit"].to_numpy()):
        raise InputError(f"{path}: its column hit is not what its texts say; delete it and run again")
    frame = _select_jobs(design, frame.assign(surrogate=surrogate, remote=remote, arm=arm))
    judged = [name for name, attack in design.attacks.items() if remote in attack.judges]
    _check_complete(path, frame, samples[(samples["surrogate"] == surrogate) & ~samples["attack"].isin(judged)])
    return frame


def scored(table: pyarrow.Table) -> pd.DataFrame:
    """Score transcripts: replace their texts by the columns hit, verbatim and top_ten.

    A hit is a most likely text equal to the phrase, character for character; it is verbatim where the text as the
    recogniser wrote it is, too; top_ten is the phrase among the texts.
    The columns :data:`GRADED` are emptied for samples that are not primary: the decoder may leave them unknown.
    """
    place = ranks(table)
    frame = table.select([*NAMES, *GRADED, *LOSSES]).to_pandas()
    graded = frame[GRADED].astype("float64").where(frame["primary"].astype(bool))
    measured = pd.concat([graded, frame[LOSSES].astype("float64")], axis=1)
    frame = frame.assign(**{name: measured[name] for name in measured})
    # Where a recogniser writes nothing else, there is no raw text.
    written = pyarrow.compute.equal(table["raw"], table["phrase"]).fill_null(True).to_numpy(zero_copy_only=False)
    return frame.assign(hit=place == 1, verbatim=(place == 1) & written, top_ten=place > 0)


def ranks(table: pyarrow.Table) -> NDArray[np.int64]:
    """Find the place of each row's phrase among its texts: from 1, or 0 where it is not among them."""
    texts = table["texts"].combine_chunks()
    lengths = pyarrow.compute.fill_null(pyarrow.compute.list_value_length(texts), 0).to_numpy(zero_copy_only=False)
    row = np.repeat(np.arange(len(texts)), lengths)
    phrases = table["phrase"].combine_chunks().take(pyarrow.array(row))
    equal = pyarrow.compute.equal(texts.flatten(), phrases).fill_null(False).to_numpy(zero_copy_only=False)
    # In reverse order, so that the first of equal texts is written last.
    matches = np.flatnonzero(equal)[::-1]
    starts = np.cumsum(lengths) - lengths
    place = np.zeros(len(texts), dtype=np.int64)
    place[row[matches]] = matches - starts[row[matches]] + 1
    return place


def _select_jobs(design: Design, rows: pd.DataFrame) -> pd.DataFrame:
    """Select the rows of the design's jobs, with the design's categories."""
    names = pd.MultiIndex.from_frame(rows[SAMPLE[:4]].astype(str))
    wanted = pd.MultiIndex.from_tuples([tuple(job) for job in design.jobs])
    kept = rows[names.isin(wanted)].reset_index(drop=True)
    return design.typed(kept)


def _categorise_utterances(rows: pd.DataFrame, samples: pd.DataFrame) -> pd.DataFrame:
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
