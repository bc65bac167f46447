"""Tables of samples and transfers by phrase, and of near targets, beside the published figures."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from asrtransfer.statistics.published import Near, Published
from asrtransfer.tables import counting
from asrtransfer.tables.attempts import ATTEMPT
from asrtransfer.tables.design import Design
from asrtransfer.tables.results import Results

TOTAL = "total"
NEAR_KEYS = ["attack", "rank", "confidence", "arm", "counted"]
UNPUBLISHED = Near(math.nan, math.nan)


def phrases(results: Results, design: Design, attack: str) -> pd.DataFrame:
    """Count one attack's samples and transfers by phrase, with a total.

    Confidences are pooled, as in the published tables; the published columns are null where nothing was published.
    Transfers are counted in hearings, by arm; the total's utterances are those attacked for any phrase, not a sum.
    """
    published = design.attacks[attack].published
    samples = counting.selected(results.samples, attack=attack, target_kind="phrase")
    heard = counting.selected(counting.adversarial(results.hearings), attack=attack, target_kind="phrase")
    spoken = counting.select_spoken(counting.selected(results.hearings, attack=attack))
    rows: list[dict[str, Any]] = []
    for target, phrase in design.attacks[attack].phrases.items():
        counts = _count_phrase(design, *(part[part["target"] == target] for part in (samples, heard, spoken)))
        rows.append({"phrase": phrase} | counts | _quote_phrase(published, phrase))
    known = [row["published_samples"] for row in rows if row["published_samples"] is not None]
    total = {"phrase": TOTAL} | _count_phrase(design, samples, heard, spoken) | _quote_total(published, known)
    table = pd.DataFrame([*rows, total])
    return table.astype({"published_samples": "Int64", "published_transfers": "Int64"})


def _count_phrase(
    design: Design, samples: pd.DataFrame, heard: pd.DataFrame, spoken: pd.DataFrame
) -> dict[str, object]:
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
    return row | {"spoken_hearings": len(spoken), "spoken_hits": int(spoken["hit"].sum())}


def _quote_phrase(published: Published | None, phrase: str) -> dict[str, object]:
    if published is None:
        return {"published_samples": None, "published_transfers": None, "note": ""}
    stated = published.samples.get(phrase)
    return {
        "published_samples": stated,
        "published_transfers": None if stated is None else published.transfers,
        "note": "" if stated is not None else f"not in the published {published.name}",
    }


def _quote_total(published: Published | None, known: list[int]) -> dict[str, object]:
    return {
        "published_samples": sum(known) if known else None,
        "published_transfers": published.transfers if published and known else None,
        "note": published.note if published else "",
    }


def near_targets(results: Results, design: Design) -> pd.DataFrame:
    """Count transfers of near targets, beside the base rate of clean audio.

    A near target is a text that the surrogate itself finds nearly as likely as the truth. Unit of the shares: hearing;
    their intervals are cluster bootstraps by utterance and surrogate.
    """
    heard = counting.selected(results.hearings, target_kind="near")
    cells = design.job_table[design.job_table["target_kind"] == "near"]
    cells = cells[["attack", "target", "confidence"]].drop_duplicates()
    rows = []
    for attack, target, confidence in cells.sort_values(["attack", "target", "confidence"]).itertuples(index=False):
        rank, known = design.targets[target].rank, design.attacks[attack].published
        assert rank is not None
        published = known.near.get((rank, confidence), UNPUBLISHED) if known else UNPUBLISHED
        part = counting.selected(heard, attack=attack, target=target, confidence=confidence)
        for arm in design.arms:
            one = counting.selected(part, arm=arm)
            clean = one[one["kind"] == "clean"]
            for name, samples in counting.counted(counting.adversarial(one)):
                key = [attack, rank, confidence, arm, name]
                rows.append(dict(zip(NEAR_KEYS, key, strict=True)) | _count_near(samples, clean, published, design))
    empty = heard.iloc[:0]
    return pd.DataFrame(rows, columns=[*NEAR_KEYS, *_count_near(empty, empty, UNPUBLISHED, design)])


def _count_near(samples: pd.DataFrame, clean: pd.DataFrame, published: Near, design: Design) -> dict[str, object]:
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
