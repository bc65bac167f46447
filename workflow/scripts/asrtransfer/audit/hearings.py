"""Hearings: each sample by each remote once, ranks and hits from the texts, and a drawn share heard again."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pandas as pd

from asrtransfer.audit import network
from asrtransfer.audit.findings import Finding, Probe
from asrtransfer.audit.models import read_weights
from asrtransfer.audit.stored import SAMPLE, Stored, decode

AGAIN = 3
"""Samples of each surrogate and remote that are heard again."""
NEAR = 0.02
"""Nats by which a loss may differ for rounding, beside a thousandth of it."""
Names = list[tuple[object, ...]]


def check(stored: Stored) -> Iterator[Finding]:
    """Check the transcripts."""
    yield _check_complete(stored)
    yield _check_marks(stored)
    yield _check_weights(stored)
    yield _hear_again(stored)


def _name(rows: pd.DataFrame) -> Names:
    """The names of samples."""
    return list(rows[SAMPLE].astype({"iteration": int}).itertuples(index=False, name=None))


def _check_complete(stored: Stored) -> Finding:
    probe = Probe("hearing", "every remote hears each sample once, and nothing else", "surrogates by remotes")
    made = stored.attempts[stored.attempts["status"] == "sample"]
    heard = stored.transcripts[stored.transcripts["kind"] == "adversarial"]
    for surrogate, remote, _ in stored.design["hearings"]:
        judged = [name for name, one in stored.design["attacks"].items() if remote in one.get("judges", ())]
        wanted = Counter(_name(made[(made["surrogate"] == surrogate) & ~made["attack"].isin(judged)]))
        own = heard[(heard["told_surrogate"] == surrogate) & (heard["told_remote"] == remote)]
        found = Counter(_name(own))
        wrong = len((wanted - found) | (found - wanted))
        probe.look(not wrong, f"{surrogate} heard by {remote}: {wrong} samples are missing, or too many")
    return probe.finish()


def _check_marks(stored: Stored) -> Finding:
    probe = Probe("hearing", "rank and hit are those of the texts, and names those of the file", "hearings")
    told = ["told_surrogate", "told_remote", "told_arm"]
    columns = ["texts", "phrase", "rank", "hit", *(name.removeprefix("told_") for name in told)]
    # A hearing whose texts are not known has none.
    known: list[Any] = [[] if some is None else some for some in stored.transcripts["texts"]]
    rows = stored.transcripts.assign(texts=known)
    for row in rows[[*columns, *told]].to_dict("records"):
        texts, phrase = list(row["texts"]), row["phrase"]
        rank = texts.index(phrase) + 1 if phrase in texts else None
        hit = bool(texts) and texts[0] == phrase
        same_rank = math.isnan(row["rank"]) if rank is None else row["rank"] == rank
        same = all(row[name.removeprefix("told_")] == row[name] for name in told)
        fits = same and bool(row["hit"]) == hit and bool(same_rank)
        probe.look(fits, f"{row['remote']}: {phrase!r} is text {rank} of {texts[:1]}; the table says {row['rank']}")
    return probe.finish()


def _check_weights(stored: Stored) -> Finding:
    probe = Probe("hearing", "the weights that listened are those on the remote's card", "surrogates by remotes")
    for (surrogate, remote), rows in stored.transcripts.groupby(["told_surrogate", "told_remote"]):
        card = stored.cards[str(remote)].get("weights_sha256")
        listened = set(rows["remote_weights_sha256"])
        probe.look(listened == {card}, f"{surrogate} heard by {remote}: {sorted(listened)[:2]}; its card has {card}")
    return probe.finish()


def _is_published(stored: Stored, model: str) -> bool:
    """Whether a model is the network that is written out here."""
    card = stored.cards[model]
    shape = (card.get("front_end"), card.get("cepstra"), card.get("recurrence"))
    return shape == ("mfcc", 26, "lstm") and stored.is_trained(model) and stored.source(model) == model


def _hear_again(stored: Stored) -> Finding:
    """Hear a drawn share of the samples by the network in NumPy."""
    probe = Probe("hearing", "a drawn share, heard again in NumPy, has the same greedy text and loss", "hearings")
    audio: dict[tuple[object, ...], Any] = {}
    for _, rows in stored.jobs():
        samples = rows[rows["status"] == "sample"]
        audio.update(zip(_name(samples), samples["audio"], strict=True))
    heard = stored.transcripts[stored.transcripts["kind"] == "adversarial"]
    for surrogate, remote, _ in stored.design["hearings"]:
        if not _is_published(stored, remote):
            continue
        own = heard[(heard["told_surrogate"] == surrogate) & (heard["told_remote"] == remote)]
        names = _name(own)
        for place in _draw(names, remote):
            row = own.iloc[place]
            if names[place] not in audio:
                probe.look(False, f"{surrogate} heard by {remote}: there is no sample {names[place]}")
                continue
            log_probs = network.recognise(read_weights(stored.folder, remote), decode(audio[names[place]]))
            text, loss = network.read_greedily(log_probs), network.compute_loss(log_probs, row["phrase"])
            close = abs(loss - row["ctc_loss"]) <= NEAR + 1e-3 * abs(loss)
            said = f"{text!r} with {loss:.3f} nats; stored are {row['greedy']!r} and {row['ctc_loss']:.3f}"
            probe.look(text == row["greedy"] and close, f"{surrogate} heard by {remote}, {row['utterance_id']}: {said}")
    return probe.finish("no remote is the published network")


def _draw(names: Names, remote: str) -> list[int]:
    """Draw some places of a list by what stands there."""
    digests = [hashlib.sha256(f"{remote}{name}".encode()).digest() for name in names]
    return sorted(range(len(names)), key=digests.__getitem__)[:AGAIN]
