"""Tables in the shape of the published ones: samples and transfers by phrase, and of near targets."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from asrtransfer.statistics.published import NEAR, TABLES, Near
from asrtransfer.tables import counting
from asrtransfer.tables.attempts import ATTEMPT
from asrtransfer.tables.design import Design
from asrtransfer.tables.results import Results

TOTAL = "total"
NEAR_KEYS = ["attack", "rank", "confidence", "arm", "counted"]
UNPUBLISHED = Near(math.nan, math.nan)


def phrases(results: Results, design: Design, attack: str) -> pd.DataFrame:
    """One attack by phrase, as the published Tables V (cw) and VI (pgd), with a total.

    Confidences are pooled, as published. Transfers are counted in hearings, by arm; the total's utterances
    are those attacked for any phrase, not a sum.
    """
    published = TABLES[attack]
    samples = counting.selected(results.samples, attack=attack, target_kind="phrase")
    heard = counting.selected(counting.adversarial(results.hearings), attack=attack, target_kind="phrase")
    rows: list[dict[str, Any]] = []
    for target, phrase in design.phrases[attack].items():
        row = _row(design, samples[samples["target"] == target], heard[heard["target"] == target])
        stated = published.samples.get(phrase)
        row |= {
            "published_samples": stated,
            "published_transfers": None if stated is None else published.transfers,
            "note": "" if stated is not None else f"not in the published {published.name}",
        }
        rows.append({"phrase": phrase} | row)
    known = [row["published_samples"] for row in rows if row["published_samples"] is not None]
    total = {
        "phrase": TOTAL,
        **_row(design, samples, heard),
        "published_samples": sum(known) if known else None,
        "published_transfers": published.transfers if known else None,
        "note": published.note,
    }
    table = pd.DataFrame([*rows, total])
    return table.astype({"published_samples": "Int64", "published_transfers": "Int64"})


def near_targets(results: Results, design: Design) -> pd.DataFrame:
    """Targets that the surrogate itself finds nearly as likely as the truth, beside what clean audio does
    already.

    Unit of the shares: hearing; their intervals are cluster bootstraps by utterance and surrogate.
    """
    heard = counting.selected(results.hearings, target_kind="near")
    cells = design.job_table[design.job_table["target_kind"] == "near"]
    cells = cells[["attack", "target", "confidence"]].drop_duplicates()
    rows = []
    for attack, target, confidence in cells.sort_values(["attack", "target", "confidence"]).itertuples(index=False):
        rank = int(str(target).removeprefix("rank-"))
        published = NEAR.get((rank, confidence), UNPUBLISHED) if attack == "cw" else UNPUBLISHED
        part = counting.selected(heard, attack=attack, target=target, confidence=confidence)
        for arm in design.arms:
            one = counting.selected(part, arm=arm)
            clean = one[one["kind"] == "clean"]
            for name, samples in counting.counted(counting.adversarial(one)):
                key = [attack, rank, confidence, arm, name]
                rows.append(dict(zip(NEAR_KEYS, key, strict=True)) | _near(samples, clean, published, design))
    empty = heard.iloc[:0]
    return pd.DataFrame(rows, columns=[*NEAR_KEYS, *_near(empty, empty, UNPUBLISHED, design)])


def _row(design: Design, samples: pd.DataFrame, heard: pd.DataFrame) -> dict[str, object]:
    stored = samples[samples["status"] == "sample"]
    row: dict[str, object] = {
        "utterances": samples["utterance_id"].nunique(),
        "attempts": len(samples.drop_duplicates(ATTEMPT)),
        "reached": len(samples[samples["status"].isin(["sample", "capped"])].drop_duplicates(ATTEMPT)),
        "primary_samples": int(stored["primary"].sum()),
        "samples": len(stored),
    }
    for arm in design.arms:
        for name, rows in counting.counted(counting.selected(heard, arm=arm)):
            prefix = f"{arm}_" if name == "all" else f"{arm}_{name}_"
            row[f"{prefix}hearings"] = len(rows)
            row[f"{prefix}transfers"] = int(rows["hit"].sum())
            row[f"{prefix}top_ten"] = int(rows["top_ten"].sum())
    return row


def _near(samples: pd.DataFrame, clean: pd.DataFrame, published: Near, design: Design) -> dict[str, object]:
    hits, hearings = counting.tally(samples, "hearing")
    tops, _ = counting.tally(samples, "hearing", "top_ten")
    utterances_hit, utterances = counting.tally(samples, "utterance")
    lower, upper = counting.resampled(samples, design.settings)
    top_lower, top_upper = counting.resampled(samples, design.settings, outcome="top_ten")
    return {
        "samples": counting.tally(samples, "sample")[1],
        "hearings": hearings,
        "transfers": hits,
        "share": counting.share(hits, hearings),
        "bootstrap_both_lower": lower,
        "bootstrap_both_upper": upper,
        "top_ten": tops,
        "top_ten_share": counting.share(tops, hearings),
        "top_ten_lower": top_lower,
        "top_ten_upper": top_upper,
        "utterances": utterances,
        "utterances_hit": utterances_hit,
        **counting.limits(utterances_hit, utterances, design.settings, "utterance_"),
        "clean_hearings": len(clean),
        "clean_share": counting.share(int(clean["hit"].sum()), len(clean)),
        "clean_top_ten_share": counting.share(int(clean["top_ten"].sum()), len(clean)),
        "published_share": published.share,
        "published_top_ten_share": published.top_ten,
    }
