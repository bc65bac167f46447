"""Tables of transfer: by surrogate and remote, by arm, and beside the negative controls."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd

from asrtransfer.tables import counting
from asrtransfer.tables.design import POOLED, TARGET_KINDS, Design
from asrtransfer.tables.results import Results


def transfers(results: Results, design: Design) -> pd.DataFrame:
    """Count hits, near misses and graded outcomes by surrogate and remote, repeats included; unit: hearing."""
    heard = pd.concat([results.hearings, results.repeated], ignore_index=True)
    keys = ["surrogate", "remote", "arm", "attack", "confidence", "target_kind"]
    parts = [
        _summarise(design, rows, keys).assign(counted=name)
        for name, rows in counting.counted(counting.adversarial(heard))
    ]
    columns = [*keys, "counted"]
    table = pd.concat(parts).sort_values(columns, ascending=[True] * len(keys) + [False], kind="stable")
    return table[columns + [name for name in table if name not in columns]].reset_index(drop=True)


def controls(results: Results, design: Design) -> pd.DataFrame:
    """Count hits in primary samples beside those in their controls; unit: hearing.

    The share of kind ``adversarial`` in arm ``self`` is the survival of samples: stored audio, decoded again.
    """
    rows = results.hearings[results.hearings["primary"]]
    keys = ["kind", "arm", "attack", "confidence", "target_kind"]
    kinds = pd.DataFrame({"kind": design.categories["kind"].categories.astype(design.categories["kind"])})
    expected = design.expected.merge(kinds, how="cross")
    # No voice speaks a near target.
    expected = expected[(expected["kind"] != "spoken") | (expected["target_kind"] == "phrase")]
    return _summarise(design, rows, keys, expected)


def arms(results: Results, design: Design) -> pd.DataFrame:
    """Count transfers by arm, with bounds by each unit."""
    heard = counting.adversarial(results.hearings)
    rows = []
    for arm, (cell, chosen) in product(design.arms, list_cells(design)):
        part = counting.selected(heard, arm=arm, **chosen)
        for name, one in counting.counted(part):
            rows.append({"arm": arm} | cell | {"counted": name} | count_units(one, design))
    return pd.DataFrame(rows)


def list_cells(design: Design) -> list[tuple[dict[str, str], dict[str, str]]]:
    """List what is counted apart: a kind of target, first of all attacks together, then of each at each confidence.

    Returns:
        For each cell that has jobs, its names (target_kind, attack, confidence), and the columns that select its rows.
    """
    jobs = design.job_table
    ends = dict.fromkeys(zip(jobs["attack"], jobs["confidence"], strict=True))
    found = []
    for kind, (attack, confidence) in product(TARGET_KINDS, [(POOLED, POOLED), *ends]):
        chosen = {"target_kind": kind}
        chosen |= {} if attack == POOLED else {"attack": attack, "confidence": confidence}
        if not counting.selected(jobs, **chosen).empty:
            found.append(({"target_kind": kind, "attack": attack, "confidence": confidence}, chosen))
    return found


def count_units(rows: pd.DataFrame, design: Design) -> dict[str, object]:
    """Count hits by hearing, sample, utterance, pair and surrogate, with their limits."""
    settings = design.settings
    hits, hearings = counting.tally(rows, "hearing")
    samples_hit, samples = counting.tally(rows, "sample")
    found: dict[str, object] = {
        "samples": samples,
        "samples_hit": samples_hit,
        "hearings": hearings,
        "transfers": hits,
        "top_ten": int(rows["top_ten"].sum()),
        "share": counting.share(hits, hearings),
        **counting.limits(hits, hearings, settings, "hearing_"),
    }
    for unit in ("utterance", "pair", "surrogate"):
        units_hit, units = counting.tally(rows, unit)
        found |= {f"{unit}s": units, f"{unit}s_hit": units_hit}
        found |= counting.limits(units_hit, units, settings, f"{unit}_")
    for by in ("utterance", "surrogate", "both"):
        found[f"bootstrap_{by}_lower"], found[f"bootstrap_{by}_upper"] = counting.resampled(rows, settings, by)
    return found


def _summarise(
    design: Design, rows: pd.DataFrame, keys: list[str], expected: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Count outcomes by keys, with bounds and graded outcomes; the latter are null where no hearing has them."""
    with np.errstate(invalid="ignore"):
        change = rows["ctc_loss"] - rows["ctc_loss_clean"]
    grouped = rows.assign(change=change).groupby(keys, observed=True)
    found = grouped.agg(
        hearings=("hit", "size"),
        transfers=("hit", "sum"),
        transfers_verbatim=("verbatim", "sum"),
        top_ten=("top_ten", "sum"),
        contains_share=("contains", "mean"),
        median_cer_target=("cer_target", "median"),
        median_cer_truth=("cer_truth", "median"),
        median_ctc_loss_change=("change", "median"),
    ).reset_index()
    counts = ["hearings", "transfers", "transfers_verbatim", "top_ten"]
    table = counting.completed(design.expected if expected is None else expected, keys, found, counts)
    pairs = zip(table["transfers"], table["hearings"], strict=True)
    exact = [
        {"share": counting.share(hits, hearings), **counting.limits(hits, hearings, design.settings)}
        for hits, hearings in pairs
    ]
    columns = ["share", "lower", "upper", "bound"]
    place = table.columns.get_loc("contains_share")
    assert isinstance(place, int)
    for offset, name in enumerate(columns):
        table.insert(place + offset, name, pd.Series([row[name] for row in exact], dtype="float64"))
    return table
