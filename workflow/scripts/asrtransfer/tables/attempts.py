"""Tables of what the attacks achieved on their own surrogate."""

from __future__ import annotations

import pandas as pd

from asrtransfer.tables import counting
from asrtransfer.tables.design import Design
from asrtransfer.tables.results import Results

KEYS = ["surrogate", "attack", "target", "confidence"]
ATTEMPT = [*KEYS, "utterance_id"]
"""What names an attempt: one utterance in one job. It has at most one primary sample."""
STATUSES = ["failed", "infeasible", "capped"]


def attack_success(results: Results, design: Design) -> pd.DataFrame:
    """Utterances that reached their target, by job; unit: utterance. Medians are over primary samples."""
    samples = results.samples
    attempts = samples.drop_duplicates(ATTEMPT)
    found = attempts.groupby(KEYS, observed=True).agg(utterances=("status", "size")).reset_index()
    for status in ("sample", *STATUSES):
        rows = attempts[attempts["status"] == status].groupby(KEYS, observed=True).size()
        found = found.merge(rows.rename(status).reset_index(), on=KEYS, how="left")
    found["sample"] = found["sample"].fillna(0) + found["capped"].fillna(0)
    stored = samples[samples["status"] == "sample"]
    found = found.merge(stored.groupby(KEYS, observed=True).size().rename("samples").reset_index(), how="left")
    measured = ["iteration", "linf", "l2", "snr_db", "peak_db", "k1"]
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
    """Every attempt that left no sample, and how near it came."""
    rows = results.samples[results.samples["status"] != "sample"].sort_values(ATTEMPT)
    columns = [*ATTEMPT, "target_kind", "status", "best_loss", "text", "phrase", "seconds"]
    return rows[columns].reset_index(drop=True)


def confidence_definitions(results: Results, design: Design) -> pd.DataFrame:
    """How the counts move with the meaning of "confidence > 0.9"; units: sample, and attempt.

    Only stored samples can be judged. A definition laxer than the one that the attack stopped at (K1) would
    have found more, so that its counts are lower limits.
    """
    samples = results.samples
    attempts = samples.drop_duplicates(ATTEMPT)
    seed = counting.selected(counting.adversarial(results.hearings), arm="seed")
    keys = ["surrogate", "attack", "target", "confidence", "utterance_id", "iteration"]
    rows = []
    cells = (
        design.job_table[["attack", "confidence", "target_kind"]]
        .drop_duplicates()
        .sort_values(["attack", "confidence", "target_kind"])
    )
    for attack, confidence, kind in cells.itertuples(index=False):
        where = {"attack": attack, "confidence": confidence, "target_kind": kind}
        threshold = design.thresholds[attack]
        made = counting.selected(samples, status="sample", **where)
        tried = len(counting.selected(attempts, **where))
        heard = counting.selected(seed, **where)
        for definition in ("k1", "k2", "k5"):
            above = made[made[definition] > threshold]
            both = heard.merge(above[keys].astype({"iteration": "int64"}), on=keys)
            reached = len(above.drop_duplicates(ATTEMPT))
            rows.append(
                {
                    **where,
                    "definition": definition.upper(),
                    "threshold": threshold,
                    "samples": len(made),
                    "samples_above": len(above),
                    "attempts": tried,
                    "attempts_above": reached,
                    "share": counting.share(reached, tried),
                    "seed_hearings": len(both),
                    "seed_transfers": int(both["hit"].sum()),
                }
            )
    return pd.DataFrame(rows)
