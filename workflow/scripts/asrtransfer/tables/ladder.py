"""The ladder: how transfer grows with what a remote and the surrogate share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import product
from typing import NamedTuple

import pandas as pd

from asrtransfer.tables import counting
from asrtransfer.tables.design import SAMPLE, Design
from asrtransfer.tables.doses import find_best_control
from asrtransfer.tables.models import read_tops
from asrtransfer.tables.results import Results
from asrtransfer.tables.transfers import count_units, list_cells
from asrtransfer.text import error_rates

ORDER = ("family", "seed", "data", "native", "ulp", "shares", "tuned", "channel", "twin")
"""Arms of the ladder, from the one whose weights share least with the surrogate's to the one whose weights are these.

Arms of the same seed share its start, and end at other weights. A channel changes what is heard, not who hears.
"""
COMMON = {
    "twin": "all weights",
    "ulp": "the seed, one ulp apart",
    "native": "the seed, run again",
    "data": "the seed, on part of the data",
    "seed": "another seed",
    "family": "another family",
}
"""What a remote has in common with the surrogate, of the arms that are one rung."""
COLUMNS = ["rung", "common", "arm", "target_kind", "attack", "confidence", "hearings"]
"""Of the table where nobody but the surrogate itself hears."""


class _Rung(NamedTuple):
    """Place of its arm and its own, arm, name, and what remote and surrogate have in common."""

    arm_place: int
    place: int
    arm: str
    name: str
    common: str


def ladder(results: Results, design: Design) -> pd.DataFrame:
    """Count transfers of primary samples by rung, with bounds by each unit.

    One row a rung, kind of target, attack and confidence, those of all attacks together first; a rung is an arm, of
    ``shares`` and ``tuned`` also how much, and of ``channel`` also which, and who hears.
    """
    heard = results.hearings[results.hearings["primary"]]
    stored = results.samples[results.samples["primary"]]
    sizes = stored[[*SAMPLE, "snr_db"]].astype({"iteration": "int64"})
    ends: dict[_Rung, list[tuple[str, str]]] = {}
    for surrogate, remote, arm in design.hearings:
        if arm in ORDER:
            ends.setdefault(_find_rung(design, surrogate, remote, arm), []).append((surrogate, remote))
    rates = rate_remotes(results)
    rows = []
    for rung, (cell, chosen) in product(sorted(ends), list_cells(design)):
        part = counting.selected(heard, arm=rung.arm, **chosen)
        pairs = pd.MultiIndex.from_arrays([part["surrogate"].astype(str), part["remote"].astype(str)])
        part = part[pairs.isin(ends[rung])]
        key = {"rung": rung.name, "common": rung.common, "arm": rung.arm} | cell
        rows.append(key | count_units(counting.adversarial(part), design) | describe_hearings(part, sizes, rates))
    return pd.DataFrame(rows, columns=None if rows else COLUMNS)


def _find_rung(design: Design, surrogate: str, remote: str, arm: str) -> _Rung:
    """Find the rung of a hearing: that of the remote, or of the member of the surrogate that was made from it."""
    models = [design.models[name] for name in (remote, *design.surrogates[surrogate])]
    made = next((model for model in models if model.rung and arm == ("channel" if model.channel else model.arm)), None)
    if made is None:
        return _Rung(ORDER.index(arm), 0, arm, arm, COMMON[arm])
    return _Rung(ORDER.index(arm), made.place, arm, made.rung, made.common)


def rate_remotes(results: Results) -> dict[str, float]:
    """Compute the word error rate of each model on the clean test split."""
    return {name: error_rates.wer(*read_tops(clean, "test")[1:]) for name, clean in results.clean.items()}


def describe_hearings(rows: pd.DataFrame, sizes: pd.DataFrame, rates: Mapping[str, float]) -> dict[str, object]:
    """Describe the samples, the best negative control and the remotes: a worse model is another kind of stranger.

    Args:
        rows: hearings of primary samples and of their controls.
        sizes: the columns that name a primary sample, and snr_db.
        rates: by remote, from :func:`rate_remotes`.
    """
    samples = counting.adversarial(rows)[SAMPLE].drop_duplicates().merge(sizes, on=SAMPLE)
    control = find_best_control(rows, "hit")
    found = [rates[str(remote)] for remote in rows["remote"].unique()]
    return {
        "median_snr_db": samples["snr_db"].median(),
        "control_hearings": len(control),
        "control_share": counting.share(*counting.tally(control, "hearing")),
        "remotes": len(found),
        "worst_test_wer": max(found, default=math.nan),
    }
