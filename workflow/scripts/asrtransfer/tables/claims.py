"""The published claims, each beside this study's figure and a verdict that is computed, never typed.

Rules, with L the configured confidence level and :data:`MARGIN` the share below which transfer is called
absent:

*None transfers* (or reaches the top ten). Unit: utterance, which hits if any hearing of any of its samples,
primary or not, hits. ``supported``: none hits, and the one-sided upper bound is below the margin.
``contradicted``: the lower limit of the two-sided exact interval is above the margin. Else ``undecided at
this size``. At 95 % and a margin of 5 % that takes 59 utterances without a hit.

*One share above another*. Unit: (surrogate, remote, utterance), matched, primary samples, remotes of another
seed. ``supported``: McNemar's exact p is below 1 - L and the two-way cluster bootstrap interval of the
difference lies above 0: the test takes hearings of one utterance for independent, so it alone is not
believed. ``contradicted``: p below 1 - L and the interval below 0. Else ``undecided at this size``.

*Two attacks alike*. Unit: utterance, which differs if one attack hits and the other does not on any matched
(surrogate, remote, phrase), primary samples of the confidence that both attacks have. ``supported``: none
differs, and the one-sided upper bound is below the margin. ``contradicted``: McNemar's p is below 1 - L and
the lower limit of the utterances that differ is above the margin. Else ``undecided at this size``.

A claim for which the study has no hearings is ``not tested``.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import pandas as pd

from asrtransfer.statistics import paired as statistics
from asrtransfer.statistics.bounds import clopper_pearson, one_sided
from asrtransfer.statistics.published import NEAR, TABLES
from asrtransfer.tables import counting
from asrtransfer.tables.counting import Outcome
from asrtransfer.tables.design import CONFIDENCES, Design, Settings
from asrtransfer.tables.pairs import matched
from asrtransfer.tables.results import Results

Verdict = Literal["supported", "contradicted", "undecided at this size", "not tested"]
MARGIN = 0.05
"""Share of utterances below which transfer is called absent."""

ATTACKS = {"cw": "C&W", "pgd": "PGD"}
COLUMNS = [
    *["claim", "statement", "published", "ours", "verdict", "unit", "units", "hits", "estimate"],
    *["lower", "upper", "bound", "p_value", "margin"],
]


def claims(results: Results, design: Design, pairs: pd.DataFrame) -> pd.DataFrame:
    """Every published claim, this study's figure, and the verdict of the rules above.

    Args:
        results: of the study.
        design: of the study.
        pairs: the table of :func:`asrtransfer.tables.pairs.paired`.
    """
    rows = []
    heard = counting.selected(counting.adversarial(results.hearings), target_kind="phrase")
    # An arm that came out with the surrogate's own weights is no other model, whatever its name.
    weights = pd.Series({model: card["weights_sha256"] for model, card in results.cards.items()}, dtype=str)
    ends = [heard[name].astype(str).map(weights).to_numpy() for name in ("surrogate", "remote")]
    other = heard[ends[0] != ends[1]]
    for attack in ATTACKS:
        rows += [_absent(other, design.settings, attack, kind, "hit") for kind in ("seed", "same-seed")]
    rows += [_absent(other, design.settings, "cw", kind, "top_ten") for kind in ("seed", "same-seed")]
    rows += [_ordered(pairs, design.settings, "rank", confidence) for confidence in ("low", "high")]
    rows += [_ordered(pairs, design.settings, "confidence", target) for target in ("rank-2", "rank-3")]
    rows.append(_alike(counting.selected(other, arm="seed", primary=True), design.settings))
    return pd.DataFrame(rows, columns=COLUMNS)


def absence(hits: int, units: int, settings: Settings) -> Verdict:
    """The rule for *none transfers*."""
    if units == 0:
        return "not tested"
    bound = one_sided(hits, units, settings.confidence_level)
    if hits == 0 and bound is not None and bound < MARGIN:
        return "supported"
    if clopper_pearson(hits, units, settings.confidence_level).lower > MARGIN:
        return "contradicted"
    return "undecided at this size"


def order(pairs: int, p_value: float, lower: float, upper: float, settings: Settings) -> Verdict:
    """The rule for *one share above another*, from the interval of the difference."""
    if pairs == 0:
        return "not tested"
    if p_value < 1 - settings.confidence_level:
        if lower > 0:
            return "supported"
        if upper < 0:
            return "contradicted"
    return "undecided at this size"


def likeness(differing: int, utterances: int, p_value: float, settings: Settings) -> Verdict:
    """The rule for *two attacks alike*."""
    found = absence(differing, utterances, settings)
    if found == "contradicted" and p_value >= 1 - settings.confidence_level:
        return "undecided at this size"
    return found


def _absent(heard: pd.DataFrame, settings: Settings, attack: str, kind: str, outcome: Outcome) -> dict[str, Any]:
    arms = ["seed"] if kind == "seed" else ["ulp", "native"]
    rows = heard[(heard["attack"] == attack) & heard["arm"].isin(arms)]
    hits, hearings = counting.tally(rows, "hearing", outcome)
    utterances_hit, utterances = counting.tally(rows, "utterance", outcome)
    published = TABLES[attack]
    whom = "a model of another seed" if kind == "seed" else "a model of the same seed"
    what = "transfers to" if outcome == "hit" else "has its target in the top ten of"
    return {
        "claim": f"{attack}-{kind}" + ("-top-ten" if outcome == "top_ten" else ""),
        "statement": f"no {ATTACKS[attack]} sample {what} {whom}",
        "published": f"0 of {published.total} samples",
        "ours": f"{hits} of {hearings} hearings; {utterances_hit} of {utterances} utterances",
        "verdict": absence(utterances_hit, utterances, settings),
        "unit": "utterance",
        "units": utterances,
        "hits": utterances_hit,
        "estimate": counting.share(utterances_hit, utterances),
        **counting.limits(utterances_hit, utterances, settings),
        "margin": MARGIN,
    }


def _ordered(pairs: pd.DataFrame, settings: Settings, comparison: str, which: str) -> dict[str, Any]:
    if comparison == "rank":
        name, statement = f"rank-2-above-rank-3-{which}", f"rank 2 transfers more often than rank 3 ({which})"
        where = {"first": "rank-2", "second": "rank-3", "confidence": which}
        published = NEAR[2, which], NEAR[3, which]
    else:
        name, statement = (
            f"high-above-low-{which}",
            f"high confidence transfers more often than low ({which})",
        )
        where = {"target": which}
        rank = int(which.removeprefix("rank-"))
        published = NEAR[rank, "high"], NEAR[rank, "low"]
    where |= {"comparison": comparison, "attack": "cw", "arm": "seed", "outcome": "transfer"}
    chosen = counting.selected(pairs, **where)
    found = chosen.iloc[0] if len(chosen) else pd.Series(math.nan, index=pairs.columns)
    units, hits = (0 if math.isnan(found[key]) else int(found[key]) for key in ("pairs", "only_first"))
    lower, upper, p_value = (float(found[key]) for key in ("difference_lower", "difference_upper", "p_value"))
    ours = f"{found['first_share']:.1%} and {found['second_share']:.1%} of {units} pairs"
    return {
        "claim": name,
        "statement": statement,
        "published": f"{published[0].share:.1%} above {published[1].share:.1%} of samples",
        "ours": ours if units else "no pairs",
        "verdict": order(units, p_value, lower, upper, settings),
        "unit": "(surrogate, remote, utterance)",
        "units": units,
        "hits": hits,
        "estimate": found["difference"],
        "lower": lower,
        "upper": upper,
        "p_value": p_value if units else math.nan,
    }


def _alike(heard: pd.DataFrame, settings: Settings) -> dict[str, Any]:
    sides = [heard[heard["attack"] == attack] for attack in ATTACKS]
    shared = [name for name in CONFIDENCES if all((side["confidence"] == name).any() for side in sides)]
    sides = [counting.selected(side, confidence=shared[-1] if shared else "none") for side in sides]
    pairs = matched(sides[0], sides[1], "hit")
    pairs["differs"] = pairs["first"] != pairs["second"]
    by_utterance = pairs.groupby("utterance_id", observed=True)["differs"].any()
    differing, utterances = int(by_utterance.sum()), len(by_utterance)
    clusters = pairs["utterance_id"].cat.codes, pairs["surrogate"].cat.codes
    p_value = statistics.compare(pairs["first"], pairs["second"], *clusters, resamples=1).p_value
    differ = f"{pairs['differs'].sum()} of {len(pairs)} pairs, {differing} of {utterances} utterances differ"
    return {
        "claim": "pgd-like-cw",
        "statement": "PGD samples transfer as C&W samples do",
        "published": " and ".join(f"{table.transfers} of {table.total} samples" for table in TABLES.values()),
        "ours": differ if utterances else "no pairs",
        "verdict": likeness(differing, utterances, p_value, settings),
        "unit": "utterance",
        "units": utterances,
        "hits": differing,
        "estimate": counting.share(differing, utterances),
        **counting.limits(differing, utterances, settings),
        "p_value": p_value if utterances else math.nan,
        "margin": MARGIN,
    }
