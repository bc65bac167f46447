"""Hearings: each sample by each remote once, ranks and hits from the texts, and a drawn share heard again."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asrtransfer.audit import network, texts
from asrtransfer.audit.controls import KINDS, rebuild
from asrtransfer.audit.findings import Finding, Probe
from asrtransfer.audit.models import hear, is_written_out
from asrtransfer.audit.stored import SAMPLE, Stored, decode

AGAIN = 3
"""Samples of each surrogate and remote that are heard again, and as many controls."""
MOST = 100
"""Samples that are heard again in all, but one at least of each surrogate and remote."""
EDITED = 2000
"""Hearings, about, whose error rates are counted again."""
SURVIVES = 0.95
"""Share of samples that their own surrogate hears as meant, at the least: another machine rounds otherwise."""
NEAR = 0.02
"""Nats by which a loss may differ for rounding, beside a thousandth of it."""
Names = list[tuple[object, ...]]


def check(stored: Stored) -> Iterator[Finding]:
    """Check the transcripts."""
    yield _check_arms(stored)
    yield _check_complete(stored)
    yield _check_controls(stored)
    yield _check_marks(stored)
    yield _check_edits(stored)
    yield _check_weights(stored)
    yield _check_survival(stored)
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


def _check_arms(stored: Stored) -> Finding:
    """What remote and surrogate differ in, read from their names; of rungs, whose names tell of donors, nothing."""
    probe = Probe("hearing", "arms are what the names of surrogate and remote say", "surrogates by remotes")
    about = stored.design["models"]
    for surrogate, remote, arm in stored.design["hearings"]:
        members = stored.design["surrogates"][surrogate]
        if any(about[name]["arm"] in ("tuned", "shares") for name in (*members, remote)) or "@" in remote:
            continue
        own = _name_arm(about, members, remote)
        probe.look(arm in own, f"{surrogate} heard by {remote}: {arm}, and their names say {own}")
    return probe.finish("all remotes are rungs, or hear through a channel")


def _name_arm(about: dict[str, Any], members: list[str], remote: str) -> set[str]:
    """The arms that names allow: an ensemble is as near as its nearest member."""
    if remote in members:
        return {"self"}
    one = about[remote]
    kin = [name for name in members if about[name]["family"] == one["family"]]
    same = [name for name in kin if about[name]["base"] == one["base"]]
    if not same:
        return {"seed"} if kin else {"family"}
    arms = {about[name]["arm"] for name in (*same, remote)} - {"none", "twin"}
    return arms or {"twin"}


def _check_controls(stored: Stored) -> Finding:
    """A primary sample stands beside its controls: of one utterance alone nothing can be moved to another."""
    probe = Probe("hearing", "each primary sample has its controls, and each phrase is spoken", "surrogates by remotes")
    rows = stored.transcripts[stored.transcripts["primary"]]
    for (surrogate, remote), part in rows.groupby(["told_surrogate", "told_remote"]):
        alone = part["utterance_id"].nunique() == 1
        counts = {kind: Counter(_name(own)) for kind, own in part.groupby("kind")}
        samples = counts.get("adversarial", Counter())
        phrases = Counter(_name(part[(part["kind"] == "adversarial") & (part["target_kind"] == "phrase")]))
        wanted = {kind: samples for kind in KINDS if not (alone and kind == "moved")} | {"spoken": phrases}
        wrong = [kind for kind, names in wanted.items() if counts.get(kind, Counter()) != names]
        probe.look(not wrong, f"{surrogate} heard by {remote}: {', '.join(wrong)}")
    return probe.finish()


def _check_edits(stored: Stored) -> Finding:
    """Distances of the top text to target and truth, of a drawn share."""
    probe = Probe("hearing", "error rates to target and truth are edits over length", "hearings")
    rows = stored.transcripts[stored.transcripts["cer_target"].notna()]
    step = max(1, len(rows) // EDITED)
    for row in rows.iloc[::step].to_dict("records"):
        known = row["texts"]
        top = known[0] if known is not None and len(known) else ""
        own = [texts.rate_characters(row[name], top) for name in ("phrase", "text")]
        contains = f" {row['phrase']} " in f" {top} "
        told = [row["cer_target"], row["cer_truth"]]
        fits = np.allclose(own, told, atol=1e-9) and contains == bool(row["contains"])
        probe.look(fits, f"{row['remote']}: {top!r}: {told}, and counted are {own}")
    return probe.finish()


def _check_survival(stored: Stored) -> Finding:
    """Surrogates hear what was made for them; with a language model, or greedily, another text may be the top one."""
    probe = Probe("hearing", "a surrogate hears its stored samples as their targets", "surrogates by members")
    decoder = stored.configuration["decoder"]
    rows = stored.transcripts[
        (stored.transcripts["kind"] == "adversarial") & (stored.transcripts["told_arm"] == "self")
    ]
    if decoder["backend"] == "greedy" or decoder["language_model"] is not None:
        return probe.finish("the decoder may name another text than the most probable one")
    for (surrogate, remote), part in rows.groupby(["told_surrogate", "told_remote"]):
        heard = int(part["hit"].sum())
        probe.look(heard >= SURVIVES * len(part), f"{surrogate} by {remote}: {heard} of {len(part)}")
    return probe.finish("no surrogate has heard a sample")


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


def _hear_again(stored: Stored) -> Finding:
    """Hear a drawn share of the samples, and of their controls, by the network in NumPy."""
    probe = Probe("hearing", "a drawn share, heard again in NumPy, has the same greedy text and loss", "hearings")
    drawn = _draw(stored)
    made = _read_samples(stored, set(_name(drawn)))
    for name, row in zip(_name(drawn), drawn.to_dict("records"), strict=True):
        where = f"{row['told_surrogate']} heard by {row['told_remote']}, {row['kind']} {row['utterance_id']}"
        audio = _find_audio(stored, made.get(name), row)
        if audio is None:
            probe.look(False, f"{where}: there is no sample {name}")
            continue
        log_probs = hear(stored, row["told_remote"], audio)
        text, loss = network.read_greedily(log_probs), network.compute_loss(log_probs, row["phrase"])
        close = abs(loss - row["ctc_loss"]) <= NEAR + 1e-3 * abs(loss)
        said = f"{text!r} with {loss:.3f} nats; stored are {row['greedy']!r} and {row['ctc_loss']:.3f}"
        probe.look(text == row["greedy"] and close, f"{where}: {said}")
    return probe.finish("no remote's network is written out here")


def _draw(stored: Stored) -> pd.DataFrame:
    """Draw hearings of samples, and of controls, of each surrogate by each remote whose network is written out."""
    rows = stored.transcripts[stored.transcripts["kind"].isin(("adversarial", *KINDS))]
    ends = [(one, remote) for one, remote, _ in stored.design["hearings"] if is_written_out(stored, remote)]
    each = max(1, min(AGAIN, MOST // max(1, len(ends))))
    parts = []
    for surrogate, remote in ends:
        own = rows[(rows["told_surrogate"] == surrogate) & (rows["told_remote"] == remote)]
        for part in (own[own["kind"] == "adversarial"], own[own["kind"] != "adversarial"]):
            digests = [hashlib.sha256(f"{remote}{name}".encode()).digest() for name in _name(part)]
            parts.append(part.iloc[sorted(range(len(part)), key=digests.__getitem__)[:each]])
    return pd.concat(parts, ignore_index=True) if parts else rows.iloc[:0]


def _read_samples(stored: Stored, wanted: set[tuple[object, ...]]) -> dict[tuple[object, ...], NDArray[np.int16]]:
    """Read the audio of some samples, by name."""
    found: dict[tuple[object, ...], NDArray[np.int16]] = {}
    for job, rows in stored.jobs():
        if any(name[:4] == job for name in wanted):
            samples = rows[rows["status"] == "sample"]
            named = zip(_name(samples), samples["audio"], strict=True)
            found |= {name: decode(cell) for name, cell in named if name in wanted}
    return found


def _find_audio(stored: Stored, made: NDArray[np.int16] | None, row: dict[Any, Any]) -> NDArray[np.int16] | None:
    """What was heard: a sample, or a control of it, made again from its seed; None where there is no sample."""
    name = str(row["utterance_id"])
    if made is None or row["kind"] == "adversarial":
        return made
    attacked = set(stored.attempts.loc[stored.attempts["surrogate"] == row["told_surrogate"], "utterance_id"])
    own = [one for one in stored.selected["utterance_id"] if one in attacked]
    after = own[(own.index(name) + 1) % len(own)]
    seed = "/".join(str(row[key]) for key in ("surrogate", "attack", "target", "confidence", "utterance_id"))
    return rebuild(row["kind"], stored.audio[name], made, stored.audio[after], seed)
