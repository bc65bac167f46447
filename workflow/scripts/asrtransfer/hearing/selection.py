"""Which utterances are attacked: those that every model transcribes exactly right."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping

import pandas as pd

from asrtransfer.files.errors import InputError
from asrtransfer.machine.random import numpy_stream


def select(utterances: pd.DataFrame, transcripts: Mapping[str, pd.DataFrame], count: int, seed: int) -> pd.DataFrame:
    """Draw utterances among those that all models get right, character for character.

    The draw ranks utterances by a hash of (seed, utterance_id), so that an utterance which drops out is replaced
    without disturbing the others.

    Args:
        utterances: the test split; at least the columns utterance_id and seconds.
        transcripts: by model, rows of the clean test split; columns utterance_id, text (truth), texts (best first).
        count: how many to draw.

    Returns:
        ``count`` rows of ``utterances``, ascending by length.

    Raises:
        InputError: if fewer are right; says how many each model gets right, and what to change.
    """
    right = {
        model: set(heard.loc[[_right(row) for row in heard.itertuples()], "utterance_id"])
        for model, heard in transcripts.items()
    }
    common = set.intersection(*right.values())
    if len(common) < count:
        raise InputError(_explain(right, len(common), len(utterances), count))
    drawn = sorted(common, key=lambda name: hashlib.sha256(f"{seed}\0{name}".encode()).digest())[:count]
    chosen = utterances[utterances["utterance_id"].isin(drawn)]
    return chosen.sort_values(["seconds", "utterance_id"]).reset_index(drop=True)


def near_targets(selected: pd.DataFrame, transcripts: pd.DataFrame, ranks: list[int]) -> pd.DataFrame:
    """List a recogniser's own k-th most likely transcriptions of the selected utterances.

    Returns:
        Columns utterance_id, rank, phrase; the phrase is missing where the recogniser names fewer texts.
    """
    texts = {name: list(heard) for name, heard in zip(transcripts["utterance_id"], transcripts["texts"], strict=True)}
    rows = [
        (name, rank, texts[name][rank - 1] if len(texts[name]) >= rank else None)
        for name in selected["utterance_id"]
        for rank in ranks
    ]
    return pd.DataFrame(rows, columns=["utterance_id", "rank", "phrase"])


def change_words(selected: pd.DataFrame, pool: Collection[str], count: int, seed: int) -> pd.DataFrame:
    """Change words of what the selected utterances say.

    What is drawn for an utterance depends on the seed, its name and the count alone.

    Args:
        selected: at least the columns utterance_id and text.
        pool: words to draw from.
        count: of words that change.
        seed: draws places and words.

    Returns:
        Columns utterance_id and phrase; the phrase is missing where there are too few words to change, or
        no others.
    """
    known = sorted(set(pool))
    rows = []
    for name, text in zip(selected["utterance_id"], selected["text"], strict=True):
        words = text.split()
        random = numpy_stream(f"{seed}\0words\0{count}\0{name}")
        enough = count <= len(words) and len(known) > 1
        for place in random.permutation(len(words))[:count] if enough else []:
            others = [word for word in known if word != words[place]]
            words[place] = others[int(random.integers(len(others)))]
        rows.append((name, " ".join(words) if enough else None))
    return pd.DataFrame(rows, columns=["utterance_id", "phrase"])


def _right(row: object) -> bool:
    texts = row.texts  # type: ignore[attr-defined]
    return len(texts) > 0 and texts[0] == row.text  # type: ignore[attr-defined]


def _explain(right: Mapping[str, set[str]], common: int, total: int, count: int) -> str:
    counts = ", ".join(f"{model} {len(names)}" for model, names in right.items())
    worst = min(right, key=lambda model: len(right[model]))
    without = [names for model, names in right.items() if model != worst]
    spare = len(set.intersection(*without)) if without else total
    return (
        f"selection: every model is right on {common} of {total} test utterances, and selection.utterances asks for "
        f"{count} (right: {counts}; without {worst} they would share {spare}). Lower selection.utterances, train "
        f"longer (training.epochs), give more test utterances, or remove {worst} from models"
    )
