"""Attacks: each attempt once, and samples whose size, bound and text are what the tables say."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from asrtransfer.audit.findings import Finding, Probe
from asrtransfer.audit.stored import Stored, decode

STATUSES = {"sample", "failed", "infeasible", "capped"}
CLOSE = 1e-6
# Samples, and a threshold of K1, from which a confidence without one is compared with it.
FEWEST, SURE = 5, 0.5


def check(stored: Stored) -> Iterator[Finding]:
    """Check the attacks."""
    yield from _check_attempts(stored)
    size = Probe("attacks", "length and distortion are those of the audio that is stored", "samples")
    bound = Probe("attacks", "no perturbation exceeds its bound, and no bound its configuration", "samples")
    confident = Probe("attacks", "K1 is exp(-loss), K2 its root, and K1 exceeds the threshold", "samples")
    for job, rows in stored.jobs():
        name = "/".join(job)
        for row in rows[rows["status"] == "sample"].to_dict("records"):
            _look_at_sample(stored, name, job, row, size, bound, confident)
    yield from (size.finish("no attack has left a sample"), bound.finish("none"), confident.finish("none"))
    yield _check_confidences(stored)


def _check_attempts(stored: Stored) -> Iterator[Finding]:
    dealt = Probe("attacks", "each attempt of the design is there once, and no other", "attempts")
    kept = Probe("attacks", "an attempt has its samples, one of them primary, or says why it has none", "attempts")
    rows = stored.attempts
    names = set(stored.selected["utterance_id"])
    texts = dict(zip(stored.selected["utterance_id"], stored.selected["text"], strict=True))
    for (attack, surrogate, target, confidence), part in rows.groupby(["attack", "surrogate", "target", "confidence"]):
        keys = stored.configuration["attacks"][attack]
        for name, own in part.groupby("utterance_id"):
            where = f"{attack}/{surrogate}/{target}/{confidence} {name}"
            dealt.look(name in names and set(own["text"]) == {texts.get(name)}, f"{where}: not as it was selected")
            samples = own[own["status"] == "sample"]
            whole = len(samples) == len(own) and samples["primary"].sum() == 1 and len(samples) <= keys["keep"]
            last = whole and bool(samples["primary"].iloc[-1])
            none = len(own) == 1 and own["status"].iloc[0] in STATUSES - {"sample"} and not own["primary"].iloc[0]
            kept.look(last or none, f"{where}: {len(samples)} samples in {len(own)} rows")
    for attack, part in rows.groupby("attack"):
        _look_at_design(stored, str(attack), part, dealt)
    yield from (dealt.finish(), kept.finish())


def _look_at_design(stored: Stored, attack: str, rows: pd.DataFrame, probe: Probe) -> None:
    """Every utterance is attacked as often as the design says, for phrases and for each near target."""
    keys, surrogates = stored.configuration["attacks"][attack], list(stored.design["surrogates"])
    attempts = rows.drop_duplicates(["surrogate", "target", "confidence", "utterance_id"])
    rank, words = (attempts["target"].str.startswith(start) for start in ("rank-", "words-"))
    each = len(surrogates) if stored.design["kind"] == "grid" else 1
    phrases = len(keys["phrases"]) if stored.design["kind"] == "grid" else min(1, len(keys["phrases"]))
    for kind, part, expected in (
        ("phrases", attempts[~rank & ~words], phrases),
        ("ranks", attempts[rank], len(keys["ranks"])),
        ("words", attempts[words], len(keys.get("words", []))),
    ):
        counts = part.groupby(["utterance_id", "confidence"]).size()
        for name in stored.selected["utterance_id"] if expected else []:
            for confidence in keys["confidences"]:
                found = int(counts.get((name, confidence), 0))
                probe.look(found == expected * each, f"{attack} {confidence} {name}: {found} attempts for {kind}")


def _look_at_sample(
    stored: Stored, name: str, job: tuple[str, ...], row: dict[Any, Any], size: Probe, bound: Probe, confident: Probe
) -> None:
    where = f"{name} {row['utterance_id']}-{row['iteration']}"
    clean, made = stored.audio.get(row["utterance_id"]), decode(row["audio"])
    if clean is None or len(made) != len(clean):
        size.look(False, f"{where}: its utterance is not selected, or has not its {len(made)} samples")
        return
    change = made.astype(np.int64) - clean.astype(np.int64)
    energy, loud = float((change**2).sum()), float(np.abs(change).max())
    snr = 10 * math.log10(float((clean.astype(np.int64) ** 2).sum()) / energy) if energy else math.nan
    told = (row["linf"], row["l2"], row["snr_db"], row["seconds"])
    found = (loud, math.sqrt(energy), snr, len(made) / 16000)
    alike = all(_is_close(one, other) for one, other in zip(found, told, strict=True))
    size.look(alike, f"{where}: largest change {loud:.0f}, SNR {snr:.3f} dB; the table says {told[0]}, {told[2]}")
    limit = _find_limit(stored, job, clean)
    within = row["bound"] is None or _is_missing(row["bound"]) or loud <= row["bound"]
    configured = limit is None or loud <= limit
    bound.look(within and configured, f"{where}: {loud:.0f}, bound {row['bound']}, configured {limit}")
    threshold = stored.design["attacks"][job[0]]["thresholds"][job[3]]
    sure = threshold is None or row["k1"] > threshold
    exact = _is_close(row["k1"], min(1.0, math.exp(-row["ctc_loss"])))
    exact = exact and _is_close(row["k2"], min(1.0, math.exp(-row["ctc_loss"] / max(1, len(row["phrase"])))))
    confident.look(sure and exact, f"{where}: K1 {row['k1']}, loss {row['ctc_loss']}, threshold {threshold}")


def _check_confidences(stored: Stored) -> Finding:
    """Without a threshold, an attack that succeeds at every step keeps samples that others would not."""
    probe = Probe("attacks", "samples without a threshold are less sure than one asks for", "confidences without one")
    rows = stored.attempts[stored.attempts["status"] == "sample"]
    for attack, about in stored.design["attacks"].items():
        highest = max((of for of in about["thresholds"].values() if of is not None), default=0.0)
        for confidence in [name for name, of in about["thresholds"].items() if of is None]:
            k1 = rows.loc[(rows["attack"] == attack) & (rows["confidence"] == confidence), "k1"]
            # Of the attacks here, one of 25 samples exceeds 0.9 by chance, and most exceed a low threshold.
            if len(k1) >= FEWEST and highest >= SURE:
                probe.look(bool((k1 <= highest).any()), f"{attack} {confidence}: all {len(k1)} exceed {highest}")
    return probe.finish("no attack has enough samples with and without a threshold")


def _find_limit(stored: Stored, job: tuple[str, ...], clean: np.ndarray) -> float | None:
    """The largest change that the configuration allows; None where this attack is not known here."""
    keys = stored.configuration["attacks"][job[0]]
    keys = {**keys, **keys["confidences"][job[3]]}
    match keys["use"] or job[0]:
        case "cw":
            return float(keys["bound"])
        case "pgd":
            of = 32768.0 if keys["bound_of"] == "full-scale" else float(np.abs(clean.astype(np.int64)).max())
            return float(keys["bound"]) * of
    return None


def _is_missing(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _is_close(one: float, other: float | None) -> bool:
    if other is None or _is_missing(other) or _is_missing(one):
        return (other is None or _is_missing(other)) and _is_missing(one)
    return math.isclose(one, other, rel_tol=CLOSE, abs_tol=CLOSE)
