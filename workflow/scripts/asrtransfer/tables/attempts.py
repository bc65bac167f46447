"""Tables of the attacks' success on their own surrogates."""

from __future__ import annotations

import pandas as pd

from asrtransfer.tables import counting
from asrtransfer.tables.design import SAMPLE, Design
from asrtransfer.tables.results import Results

KEYS = ["surrogate", "attack", "target", "confidence"]
ATTEMPT = [*KEYS, "utterance_id"]
"""Columns that name an attempt: one utterance in one job. It has at most one primary sample."""
STATUSES = ["failed", "infeasible", "capped"]


def attack_success(results: Results, design: Design) -> pd.DataFrame:
    """Count utterances that reached their target, by job; unit: utterance. Medians are over primary samples."""
    samples = results.samples
    attempts = samples.drop_duplicates(ATTEMPT)
    found = attempts.groupby(KEYS, observed=True).agg(utterances=("status", "size")).reset_index()
    for status in ("sample", *STATUSES):
        rows = attempts[attempts["status"] == status].groupby(KEYS, observed=True).size()
        found = found.merge(rows.rename(status).reset_index(), on=KEYS, how="left")
    found["sample"] = found["sample"].fillna(0) + found["capped"].fillna(0)
    stored = samples[samples["status"] == "sample"]
    found = found.merge(stored.groupby(KEYS, observed=True).size().rename("samples").reset_index(), how="left")
    measured = ["iteration", "linf", "l2", "snr_db", "peak_db", "audible_db", "audible_share", "k1"]
    medians = stored[stored["primary"]].astype({"iteration": "float64"}).groupby(KEYS, observed=True)[measured]
    found = found.merge(medians.median().add_prefix("median_").reset_index(), how="left")
    found = found.rename(columns={"sample": "reached"})
    counts = ["utterances", "reached", *STATUSES, "samples"]
    table = counting.completed(design.job_table, KEYS, found, counts)
    limits = [
        {"share": counting.share(hits, units), **counting.limits(hits, units, design.settings)}
        for hits, units in zip(table["reached"], table["utterances"], strict=True)
    ]
    table = pd.concat([table, pd.DataFrame(limits, index=table.index).astype("float64")], axis=1)
    table = table.merge(design.job_table, on=KEYS)
    order = [*KEYS, "target_kind", *counts, "share", "lower", "upper", "bound"]
    return table[order + [f"median_{name}" for name in measured]]


def failures(results: Results, design: Design) -> pd.DataFrame:
    """List every attempt that left no sample, and how near it came."""
    rows = results.samples[results.samples["status"] != "sample"].sort_values(ATTEMPT)
    columns = [*ATTEMPT, "target_kind", "status", "best_loss", "text", "phrase", "seconds"]
    return rows[columns].reset_index(drop=True)


def confidence_definitions(results: Results, design: Design) -> pd.DataFrame:
    """Count samples that each meaning of "confidence above the threshold" accepts; units: sample, and attempt.

    Only stored samples can be judged. A definition laxer than the one that the attack stopped at (K1) would have found
    more samples, so that its counts are lower limits. Samples without a confidence, such as those of a surrogate that
    is no CTC model, are left out with their attempts.
    """
    samples = results.samples
    attempts = samples.drop_duplicates(ATTEMPT)
    seed = counting.selected(counting.adversarial(results.hearings), arm="seed")
    rows = []
    keys = ["attack", "confidence", "target_kind"]
    for cell in design.job_table[keys].drop_duplicates().sort_values(keys).itertuples(index=False):
        where = dict(zip(keys, cell, strict=True))
        made = counting.selected(samples, status="sample", **where)
        tried, heard = (counting.selected(part, **where) for part in (attempts, seed))
        threshold = design.attacks[where["attack"]].find_threshold(where["confidence"])
        for definition in ("k1", "k2", "k5"):
            named = where | {"definition": definition.upper(), "threshold": threshold}
            rows.append(named | _count_above(made, tried, heard, definition, threshold))
    counts = ["samples", "samples_above", "attempts", "attempts_above", "seed_hearings", "seed_transfers"]
    return pd.DataFrame(rows).astype(dict.fromkeys(counts, "Int64") | {"share": "float64", "threshold": "float64"})


def _count_above(
    made: pd.DataFrame, tried: pd.DataFrame, heard: pd.DataFrame, definition: str, threshold: float | None
) -> dict[str, object]:
    """Count samples and attempts above a threshold, and the hearings of these samples; empty if all are unknown."""
    known = made[made[definition].notna()]
    if threshold is None or (known.empty and len(made)):
        names = ["samples", "samples_above", "attempts", "attempts_above", "share", "seed_hearings", "seed_transfers"]
        return dict.fromkeys(names)
    above = known[known[definition] > threshold]
    both = heard.merge(above[SAMPLE].astype({"iteration": "int64"}), on=SAMPLE)
    unknown = len(made.drop_duplicates(ATTEMPT)) - len(known.drop_duplicates(ATTEMPT))
    judged, reached = len(tried) - unknown, len(above.drop_duplicates(ATTEMPT))
    return {
        "samples": len(known),
        "samples_above": len(above),
        "attempts": judged,
        "attempts_above": reached,
        "share": counting.share(reached, judged),
        "seed_hearings": len(both),
        "seed_transfers": int(both["hit"].sum()),
    }
