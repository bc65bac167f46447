"""Tables, verdict and claims: every figure counted again from the transcripts, limits by SciPy."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import pandas as pd
from scipy.stats import binomtest

from asrtransfer.audit.findings import Finding, Probe
from asrtransfer.audit.stored import SAMPLE, Stored

CLOSE = 1e-9
COUNTS = ("hearings", "transfers", "top_ten", "utterances", "utterances_hit", "samples")
"""Columns of arms.csv that are counted again."""
SEED_LINE = re.compile(
    r"^another seed +([\d,]+) of ([\d,]+) hearings of phrases transfer: ([\d,]+) of ([\d,]+)", re.MULTILINE
)
"""Of the verdict."""


def check(stored: Stored) -> Iterator[Finding]:
    """Check tables and verdict."""
    heard = _drop_repeats(stored)
    yield _check_arms(stored, heard)
    yield _check_limits(stored)
    yield _check_claims(stored, heard)
    yield _check_verdict(stored, heard)


def _drop_repeats(stored: Stored) -> pd.DataFrame:
    """The hearings of samples by others, without remotes whose weights another remote of the same arm has."""
    rows = stored.transcripts[stored.transcripts["kind"] == "adversarial"]
    seen: set[tuple[object, ...]] = set()
    kept = []
    for surrogate, remote, arm in stored.design["hearings"]:
        weights = stored.cards[remote].get("weights_sha256")
        end = (surrogate, arm, weights)
        if end in seen and arm != "channel":
            continue
        seen.add(end)
        kept.append(rows[(rows["told_surrogate"] == surrogate) & (rows["told_remote"] == remote)])
    found = pd.concat(kept, ignore_index=True)
    texts = found["texts"].map(lambda texts: [] if texts is None else list(texts))
    top = pd.Series([phrase in some for phrase, some in zip(found["phrase"], texts, strict=True)], index=found.index)
    hits = [bool(some) and some[0] == phrase for phrase, some in zip(found["phrase"], texts, strict=True)]
    return found.assign(own_hit=hits, own_top=top)


def _check_arms(stored: Stored, heard: pd.DataFrame) -> Finding:
    probe = Probe("tables", "arms.csv has the hearings, transfers and utterances that the transcripts have", "rows")
    table = stored.read_table("tables/arms.parquet")
    for row in table.to_dict("records"):
        part = heard[(heard["told_arm"] == row["arm"]) & (heard["target_kind"] == row["target_kind"])]
        for key in ("attack", "confidence"):
            part = part if row[key] == "all" else part[part[key] == row[key]]
        part = part[part["primary"]] if row["counted"] == "primary" else part
        by = part.groupby("utterance_id")["own_hit"].any()
        samples = part.groupby(SAMPLE)["own_hit"].any()
        own = (len(part), int(part["own_hit"].sum()), int(part["own_top"].sum()), len(by), int(by.sum()), len(samples))
        told = tuple(int(row[key]) for key in COUNTS)
        where = " ".join(str(row[key]) for key in ("arm", "target_kind", "attack", "confidence", "counted"))
        probe.look(own == told, f"{where}: {told}, and the transcripts have {own}")
    return probe.finish()


def _check_limits(stored: Stored) -> Finding:
    probe = Probe("tables", "limits of shares are those of Clopper and Pearson", "rows of arms.csv")
    level = stored.configuration["statistics"]["confidence_level"]
    for row in stored.read_table("tables/arms.parquet").to_dict("records"):
        units, hits = int(row["utterances"]), int(row["utterances_hit"])
        if not units:
            continue
        exact = binomtest(hits, units).proportion_ci(level, method="exact")
        close = math.isclose(exact.low, row["utterance_lower"], abs_tol=CLOSE) and math.isclose(
            exact.high, row["utterance_upper"], abs_tol=CLOSE
        )
        probe.look(close, f"{row['arm']}: {hits} of {units}: {row['utterance_lower']} to {row['utterance_upper']}")
    return probe.finish()


def _check_claims(stored: Stored, heard: pd.DataFrame) -> Finding:
    """Claims that nothing transfers to strangers: units, hits, and what the margin makes of them."""
    probe = Probe("claims", "a claim of absence says what its utterances say", "claims")
    margin = stored.configuration["statistics"]["margin"]
    level = stored.configuration["statistics"]["confidence_level"]
    for row in stored.read_table("tables/claims.parquet").to_dict("records"):
        found = re.fullmatch(r"(.+)-seed", row["claim"])
        if found is None or found[1] not in stored.design["attacks"] or row["claim"].endswith("same-seed"):
            continue
        part = heard[(heard["told_arm"] == "seed") & (heard["attack"] == found[1]) & (heard["target_kind"] == "phrase")]
        by = part.groupby("utterance_id")["own_hit"].any()
        units, hits = len(by), int(by.sum())
        bound = 1 - (1 - level) ** (1 / units) if units and not hits else math.nan
        low = binomtest(hits, units).proportion_ci(level, method="exact").low if units else 0.0
        own = "supported" if bound < margin else "contradicted" if low > margin else "undecided"
        fits = (units, hits) == (int(row["units"]), int(row["hits"])) and str(row["verdict"]).startswith(own)
        said = f"{row['hits']} of {row['units']}, {row['verdict']}"
        probe.look(fits, f"{row['claim']}: {said}; counted {hits} of {units}, {own}")
    return probe.finish("no claim of this kind")


def _check_verdict(stored: Stored, heard: pd.DataFrame) -> Finding:
    probe = Probe("verdict", "its line on another seed is what the transcripts say", "figures")
    found = SEED_LINE.search(stored.read_text("verdict.txt"))
    part = heard[(heard["told_arm"] == "seed") & (heard["target_kind"] == "phrase")]
    by = part.groupby("utterance_id")["own_hit"].any()
    own = (int(part["own_hit"].sum()), len(part), int(by.sum()), len(by))
    if found is not None:
        told = tuple(int(one.replace(",", "")) for one in found.groups())
        for one, other in zip(told, own, strict=True):
            probe.look(one == other, f"the verdict says {told}, the transcripts {own}")
    return probe.finish("it has no such line")
