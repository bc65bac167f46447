"""Hearings: each sample by each remote once, ranks and hits from the texts, and a drawn share heard again."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asrtransfer.audit import network, texts
from asrtransfer.audit.controls import KINDS, rebuild
from asrtransfer.audit.findings import Finding, Probe
from asrtransfer.audit.models import hear, is_written_out
from asrtransfer.audit.stored import SAMPLE, Heard, Stored, decode

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


Look = Callable[[Stored, Heard, Probe], None]


def check(stored: Stored) -> Iterator[Finding]:
    """Check the transcripts, all of a file at once."""
    probes = {look: Probe("hearing", *promise) for look, promise in LOOKS.items()}
    drawn = []
    each = _count_again(stored)
    for heard in stored.transcripts():
        for look, probe in probes.items():
            look(stored, heard, probe)
        if is_written_out(stored, heard.remote):
            drawn += _draw(heard, each)
    for probe in probes.values():
        yield probe.finish("nothing that could show it")
    yield _hear_again(stored, drawn)


def _name(rows: pd.DataFrame) -> Names:
    """The names of samples."""
    return list(rows[SAMPLE].astype({"iteration": int}).itertuples(index=False, name=None))


def _check_arm(stored: Stored, heard: Heard, probe: Probe) -> None:
    """What remote and surrogate differ in, read from their names; of rungs, whose names tell of donors, nothing."""
    about = stored.design["models"]
    members = stored.design["surrogates"][heard.surrogate]
    if any(about[name]["arm"] in ("tuned", "shares") for name in (*members, heard.remote)) or "@" in heard.remote:
        return
    own = _name_arm(about, members, heard.remote)
    probe.look(heard.arm in own, f"{heard}: {heard.arm}, and their names say {own}")


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


def _check_complete(stored: Stored, heard: Heard, probe: Probe) -> None:
    made = stored.attempts[stored.attempts["status"] == "sample"]
    judged = [name for name, one in stored.design["attacks"].items() if heard.remote in one.get("judges", ())]
    wanted = Counter(_name(made[(made["surrogate"] == heard.surrogate) & ~made["attack"].isin(judged)]))
    found = Counter(_name(heard.samples))
    wrong = len((wanted - found) | (found - wanted))
    probe.look(not wrong, f"{heard}: {wrong} samples are missing, or too many")


def _check_controls(stored: Stored, heard: Heard, probe: Probe) -> None:
    """A primary sample stands beside its controls: of one utterance alone nothing can be moved to another."""
    part = heard.rows[heard.rows["primary"]]
    alone = part["utterance_id"].nunique() == 1
    counts = {kind: Counter(_name(own)) for kind, own in part.groupby("kind")}
    samples = counts.get("adversarial", Counter())
    phrases = Counter(_name(part[(part["kind"] == "adversarial") & (part["target_kind"] == "phrase")]))
    wanted = {kind: samples for kind in KINDS if not (alone and kind == "moved")} | {"spoken": phrases}
    wrong = [kind for kind, names in wanted.items() if counts.get(kind, Counter()) != names]
    probe.look(not wrong, f"{heard}: {', '.join(wrong)}")


def _check_marks(stored: Stored, heard: Heard, probe: Probe) -> None:
    rows = heard.rows
    named = {"surrogate": heard.surrogate, "remote": heard.remote, "arm": heard.arm}
    for column, name in named.items():
        probe.look(set(rows[column]) <= {name}, f"{heard}: the file says {column} {sorted(set(rows[column]))[:2]}")
    marks = zip(heard.texts, rows["phrase"], rows["rank"], rows["hit"], strict=True)
    for texts_, phrase, told, hit in marks:
        rank = texts_.index(phrase) + 1 if phrase in texts_ else None
        same = math.isnan(told) if rank is None else told == rank
        fits = bool(same) and bool(hit) == (rank == 1)
        probe.look(fits, f"{heard}: {phrase!r} is text {rank} of {texts_[:1]}; the table says {told}")


def _check_edits(stored: Stored, heard: Heard, probe: Probe) -> None:
    """Distances of the top text to target and truth, of some rows."""
    rows = heard.rows[heard.rows["cer_target"].notna()]
    step = max(1, len(rows) * len(stored.design["hearings"]) // EDITED)
    for row in rows.iloc[::step].to_dict("records"):
        known = row["texts"]
        top = known[0] if known is not None and len(known) else ""
        own = [texts.rate_characters(row[name], top) for name in ("phrase", "text")]
        contains = f" {row['phrase']} " in f" {top} "
        told = [row["cer_target"], row["cer_truth"]]
        fits = np.allclose(own, told, atol=1e-9) and contains == bool(row["contains"])
        probe.look(fits, f"{heard}: {top!r}: {told}, and counted are {own}")


def _check_weights(stored: Stored, heard: Heard, probe: Probe) -> None:
    card = stored.cards[heard.remote].get("weights_sha256")
    listened = set(heard.rows["remote_weights_sha256"])
    probe.look(listened <= {card}, f"{heard}: {sorted(listened)[:2]}; its card has {card}")


def _check_survival(stored: Stored, heard: Heard, probe: Probe) -> None:
    """Surrogates hear what was made for them; with a language model, or greedily, another text may be the top one."""
    decoder = stored.configuration["decoder"]
    if heard.arm != "self" or decoder["backend"] == "greedy" or decoder["language_model"] is not None:
        return
    hits, samples = int(heard.samples["hit"].sum()), len(heard.samples)
    probe.look(hits >= SURVIVES * samples, f"{heard}: {hits} of {samples}")


LOOKS: dict[Look, tuple[str, str]] = {
    _check_arm: ("arms are what the names of surrogate and remote say", "surrogates by remotes"),
    _check_complete: ("every remote hears each sample once, and nothing else", "surrogates by remotes"),
    _check_controls: ("each primary sample has its controls, and each phrase is spoken", "surrogates by remotes"),
    _check_marks: ("rank and hit are those of the texts, and names those of the file", "names and hearings"),
    _check_edits: ("error rates to target and truth are edits over length", "hearings"),
    _check_weights: ("the weights that listened are those on the remote's card", "surrogates by remotes"),
    _check_survival: ("a surrogate hears its stored samples as their targets", "surrogates by members"),
}
"""What is looked at in each file, with what must hold and what is counted."""


def _count_again(stored: Stored) -> int:
    """Samples of each surrogate and remote that are heard again."""
    ends = [remote for _, remote, _ in stored.design["hearings"] if is_written_out(stored, remote)]
    return max(1, min(AGAIN, MOST // max(1, len(ends))))


def _draw(heard: Heard, each: int) -> list[dict[Any, Any]]:
    """Draw rows, by what stands there: some of samples, and as many of controls."""
    found: list[dict[Any, Any]] = []
    controls = heard.rows[heard.rows["kind"].isin(KINDS)]
    for part in (heard.samples, controls):
        digests = [hashlib.sha256(f"{heard.remote}{name}".encode()).digest() for name in _name(part)]
        rows = part.iloc[sorted(range(len(part)), key=digests.__getitem__)[:each]]
        found += [row | {"remote": heard.remote, "surrogate": heard.surrogate} for row in rows.to_dict("records")]
    return found


def _hear_again(stored: Stored, drawn: list[dict[Any, Any]]) -> Finding:
    """Hear a drawn share of the samples, and of their controls, by the network in NumPy."""
    probe = Probe("hearing", "a drawn share, heard again in NumPy, has the same greedy text and loss", "hearings")
    names = _name(pd.DataFrame(drawn)) if drawn else []
    made = _read_samples(stored, set(names))
    for name, row in zip(names, drawn, strict=True):
        where = f"{row['surrogate']} heard by {row['remote']}, {row['kind']} {row['utterance_id']}"
        audio = _find_audio(stored, made.get(name), row)
        if audio is None:
            probe.look(False, f"{where}: there is no sample {name}")
            continue
        log_probs = hear(stored, row["remote"], audio)
        text, loss = network.read_greedily(log_probs), network.compute_loss(log_probs, row["phrase"])
        close = abs(loss - row["ctc_loss"]) <= NEAR + 1e-3 * abs(loss)
        said = f"{text!r} with {loss:.3f} nats; stored are {row['greedy']!r} and {row['ctc_loss']:.3f}"
        probe.look(text == row["greedy"] and close, f"{where}: {said}")
    return probe.finish("no remote's network is written out here")


def _read_samples(stored: Stored, wanted: set[tuple[object, ...]]) -> dict[tuple[object, ...], NDArray[np.int16]]:
    """Read the audio of some samples, by name."""
    found: dict[tuple[object, ...], NDArray[np.int16]] = {}
    for job in sorted({tuple(map(str, name[:4])) for name in wanted}):
        rows = stored.read_job(job)
        samples = rows[rows["status"] == "sample"]
        named = zip(_name(samples), samples["audio"], strict=True)
        found |= {name: decode(cell) for name, cell in named if name in wanted}
    return found


def _find_audio(stored: Stored, made: NDArray[np.int16] | None, row: dict[Any, Any]) -> NDArray[np.int16] | None:
    """What was heard: a sample, or a control of it, made again from its seed; None where there is no sample."""
    name = str(row["utterance_id"])
    if made is None or row["kind"] == "adversarial":
        return made
    attacked = set(stored.attempts.loc[stored.attempts["surrogate"] == row["surrogate"], "utterance_id"])
    own = [one for one in stored.selected["utterance_id"] if one in attacked]
    after = own[(own.index(name) + 1) % len(own)]
    seed = "/".join(str(row[key]) for key in ("surrogate", "attack", "target", "confidence", "utterance_id"))
    return rebuild(row["kind"], stored.audio[name], made, stored.audio[after], seed)
