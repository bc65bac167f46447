"""The ladder: how transfer grows with what a remote and the surrogate share."""

from __future__ import annotations

import math
import re
from itertools import product

import pandas as pd

from asrtransfer.tables import counting
from asrtransfer.tables.design import POOLED, SAMPLE, TARGET_KINDS, Design
from asrtransfer.tables.doses import find_best_control
from asrtransfer.tables.results import Results
from asrtransfer.tables.transfers import count_units
from asrtransfer.text import error_rates

ORDER = ("family", "seed", "native", "ulp", "shares", "tuned", "twin")
"""Arms of the ladder, from the one whose weights share least with the surrogate's to the one whose weights are these.

Arms of the same seed share its start, and end at other weights.
"""
COLUMNS = ["rung", "arm", "target_kind", "attack", "confidence", "hearings"]
"""Of the table where nobody but the surrogate itself hears."""


def ladder(results: Results, design: Design) -> pd.DataFrame:
    """Count transfers of primary samples by rung, with bounds by each unit.

    One row a rung, kind of target, attack and confidence, those of all attacks together first; a rung is an arm, and
    of ``shares`` and ``tuned`` how much.
    """
    heard = results.hearings[results.hearings["primary"]]
    stored = results.samples[results.samples["primary"]]
    sizes = stored[[*SAMPLE, "snr_db"]].astype({"iteration": "int64"})
    pairs = pd.DataFrame([list(row) for row in design.hearings], columns=["surrogate", "remote", "arm"])
    pairs["rung"] = [name_rung(design, remote, arm) for remote, arm in zip(pairs["remote"], pairs["arm"], strict=True)]
    pairs = pairs[pairs["arm"].isin(ORDER)]
    found = set(zip(pairs["arm"], pairs["rung"], strict=True))
    rungs = sorted(found, key=lambda pair: (ORDER.index(pair[0]), _place(pair[1])))
    cells = list(dict.fromkeys(zip(design.job_table["attack"], design.job_table["confidence"], strict=True)))
    rows = []
    for (arm, rung), kind, (attack, confidence) in product(rungs, TARGET_KINDS, [(POOLED, POOLED), *cells]):
        chosen = {} if attack == POOLED else {"attack": attack, "confidence": confidence}
        if counting.selected(design.job_table, target_kind=kind, **chosen).empty:
            continue
        remotes = pairs.loc[pairs["rung"] == rung, "remote"].unique()
        part = counting.selected(heard, arm=arm, target_kind=kind, **chosen)
        part = part[part["remote"].isin(remotes)]
        key = {"rung": rung, "arm": arm, "target_kind": kind, "attack": attack, "confidence": confidence}
        rows.append(key | count_units(counting.adversarial(part), design) | _describe(results, part, sizes))
    return pd.DataFrame(rows, columns=None if rows else COLUMNS)


def name_rung(design: Design, remote: str, arm: str) -> str:
    """Return the rung of a hearing: of ``shares`` and ``tuned`` the remote's own, else its arm.

    A surrogate that is a rung itself gives its name to what its donor hears of it.
    """
    if arm not in ("shares", "tuned"):
        return arm
    own = design.models[remote]
    return own.rung if own.arm == arm else arm


def _place(rung: str) -> tuple[object, ...]:
    """Order rungs of an arm: first layers after last ones, more of them later, and more epochs of tuning earlier."""
    number = int(found[0]) if (found := re.findall(r"[0-9]+", rung)) else 0
    first = bool(re.fullmatch(r"shares-[0-9]+", rung))
    return (first, rung.rstrip("0123456789"), -number if rung.startswith("tuned") else number)


def _describe(results: Results, rows: pd.DataFrame, sizes: pd.DataFrame) -> dict[str, object]:
    """Describe the samples, the best negative control and the remotes: a worse model is another kind of stranger."""
    samples = counting.adversarial(rows)[SAMPLE].drop_duplicates().merge(sizes, on=SAMPLE)
    control = find_best_control(rows, "hit")
    rates = [_rate(results.clean[str(remote)]) for remote in rows["remote"].unique()]
    return {
        "median_snr_db": samples["snr_db"].median(),
        "control_hearings": len(control),
        "control_share": counting.share(*counting.tally(control, "hearing")),
        "remotes": len(rates),
        "worst_test_wer": max(rates, default=math.nan),
    }


def _rate(clean: pd.DataFrame) -> float:
    rows = clean[clean["split"] == "test"]
    tops = [texts[0] if len(texts) else "" for texts in rows["texts"]]
    return error_rates.wer(list(rows["text"]), tops)
