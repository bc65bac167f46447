"""Claims and limits: counted again from the transcripts, limits by SciPy."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from asrtransfer.audit.findings import Finding, Probe
from asrtransfer.audit.stored import Stored

CLOSE = 1e-9


def check(stored: Stored) -> Iterator[Finding]:
    """Check limits and claims."""
    yield _check_limits(stored)
    yield _check_claims(stored)
    yield _check_orders(stored)


def _check_limits(stored: Stored) -> Finding:
    probe = Probe("tables", "limits of shares are those of Clopper and Pearson", "rows of arms.csv")
    level = stored.configuration["statistics"]["confidence_level"]
    for row in stored.read_table("tables/arms.parquet").to_dict("records"):
        units, hits = int(row["utterances"]), int(row["utterances_hit"])
        if not units:
            continue
        exact = binomtest(hits, units).proportion_ci(level, method="exact")
        # Where all agree, the bound is one-sided: the share at which as many agree with the probability that is left.
        bound = {0: 1 - (1 - level) ** (1 / units), units: (1 - level) ** (1 / units)}.get(hits, math.nan)
        told = (row["utterance_lower"], row["utterance_upper"], row["utterance_bound"])
        own = (exact.low, exact.high, bound)
        close = np.allclose(np.array(told, float), own, atol=CLOSE, rtol=0, equal_nan=True)
        probe.look(close, f"{row['arm']}: {hits} of {units}: {row['utterance_lower']} to {row['utterance_upper']}")
    return probe.finish()


def _check_claims(stored: Stored) -> Finding:
    """Claims that nothing transfers to strangers: units, hits, and what the margin makes of them."""
    probe = Probe("claims", "a claim of absence says what its utterances say", "claims")
    heard, margin = stored.hits, stored.configuration["statistics"]["margin"]
    level = stored.configuration["statistics"]["confidence_level"]
    for row in stored.read_table("tables/claims.parquet").to_dict("records"):
        found = re.fullmatch(r"(.+)-seed", row["claim"])
        if found is None or found[1] not in stored.design["attacks"] or row["claim"].endswith("same-seed"):
            continue
        part = heard[(heard["arm"] == "seed") & (heard["attack"] == found[1]) & (heard["target_kind"] == "phrase")]
        by = part.groupby("utterance_id")["is_hit"].any()
        units, hits = len(by), int(by.sum())
        bound = 1 - (1 - level) ** (1 / units) if units and not hits else math.nan
        low = binomtest(hits, units).proportion_ci(level, method="exact").low if units else 0.0
        own = "supported" if bound < margin else "contradicted" if low > margin else "undecided"
        own = own if units else "not tested"
        fits = (units, hits) == (int(row["units"]), int(row["hits"])) and str(row["verdict"]).startswith(own)
        said = f"{row['hits']} of {row['units']}, {row['verdict']}"
        probe.look(fits, f"{row['claim']}: {said}; counted {hits} of {units}, {own}")
    return probe.finish("no claim of this kind")


def _check_orders(stored: Stored) -> Finding:
    """Claims that one share of near targets is above another: what their row of paired.csv makes of them."""
    probe = Probe("claims", "a claim of order says what its pairs say", "claims")
    statistics = stored.configuration["statistics"]
    pairs = stored.read_table("tables/paired.parquet")
    pairs = pairs[(pairs["arm"] == "seed") & (pairs["outcome"] == "transfer")]
    for row in stored.read_table("tables/claims.parquet").to_dict("records"):
        rank = re.fullmatch(r"(?:(.+)-)?(rank-\d+)-above-(rank-\d+)-(.+)", row["claim"])
        height = re.fullmatch(r"(?:(.+)-)?(.+)-above-(.+)-(rank-\d+)", row["claim"])
        if rank:
            attack, first, second, where = rank[1], rank[2], rank[3], ("rank", "confidence", rank[4])
        elif height:
            attack, first, second, where = height[1], height[2], height[3], ("confidence", "target", height[4])
        else:
            continue
        comparison, column, value = where
        part = pairs[(pairs["comparison"] == comparison) & (pairs["first"] == first) & (pairs["second"] == second)]
        part = part[(part[column] == value) & part["attack"].eq(attack or part["attack"])]
        part = part[part["pairs"] > 0]
        own = _judge_order(part.iloc[0], statistics) if len(part) else "not tested"
        probe.look(own == row["verdict"], f"{row['claim']}: {row['verdict']}; its pairs say {own}")
    return probe.finish("no claim of this kind")


def _judge_order(pair: pd.Series, statistics: dict[str, Any]) -> str:
    sure = pair["p_value"] < 1 - statistics["confidence_level"]
    if sure and pair["difference_lower"] > 0:
        return "supported"
    if sure and pair["difference_upper"] < 0:
        return "contradicted"
    margin = statistics["margin"]
    near = -margin < pair["difference_least"] and pair["difference_most"] < margin
    return "within the margin" if near else "undecided at this size"
