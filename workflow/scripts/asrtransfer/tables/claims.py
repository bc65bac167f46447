"""Claims of no transfer, each with this study's figure and a computed verdict, beside the published figure if any.

Rules, with L the configured confidence level and the margin the share below which transfer is called absent, and the
difference below which shares are called equal:

*None transfers* (or reaches the top ten). Unit: utterance, which hits if any hearing of any of its samples,
primary or not, hits. ``supported``: none hits, and the one-sided upper bound is below the margin.
``contradicted``: the lower limit of the two-sided exact interval is above the margin. Else ``undecided at
this size``. At 95 % and a margin of 5 % that takes 59 utterances without a hit.

*One share above another*. Unit: (surrogate, remote, utterance), matched, primary samples, remotes of another
seed. ``supported``: McNemar's exact p is below 1 - L and the two-way cluster bootstrap interval of the
difference lies above 0: the test takes hearings of one utterance for independent, so it alone does not suffice.
``contradicted``: p below 1 - L and the interval below 0. ``within the margin``: neither, and the one-sided limits of
the difference (:func:`asrtransfer.statistics.bootstrap.limit_mean`) are nearer to 0 than the margin is: the shares are
equivalent (two one-sided tests: Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 1987). Else ``undecided at
this size``.

*Two attacks alike*. Unit: utterance, which differs if one attack hits and the other does not on any matched
(surrogate, remote, phrase), primary samples of the highest confidence that both attacks have. ``supported``: none
differs, and the one-sided upper bound is below the margin. ``contradicted``: McNemar's p is below 1 - L and
the lower limit of the utterances that differ is above the margin. Else ``undecided at this size``.

A claim for which the study has no hearings is ``not tested``.

Claims of no transfer are made for every attack of the study; the others only where their figures were published.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import Any, Literal

import pandas as pd

from asrtransfer.statistics.bounds import Interval, clopper_pearson, one_sided
from asrtransfer.statistics.published import Published
from asrtransfer.tables import counting, needs
from asrtransfer.tables.counting import Outcome
from asrtransfer.tables.design import POOLED, Design, Settings
from asrtransfer.tables.pairs import NEAR, compare_matched, matched
from asrtransfer.tables.results import Results, heard_by_others

Verdict = Literal["supported", "contradicted", "within the margin", "undecided at this size", "not tested"]
MATCHED = "(surrogate, remote, utterance)"
"""Unit of a claim of order."""

COLUMNS = [
    *["claim", "statement", "published", "ours", "verdict", "unit", "tried", "units", "hits", "estimate"],
    *["lower", "upper", "bound", "p_value", "margin", "needed"],
]


@dataclass(frozen=True)
class Remotes:
    """Remotes that a claim of no transfer is about: name in the claim, words in its statement, and their arms."""

    name: str
    words: str
    arms: tuple[str, ...]


ANOTHER_SEED = Remotes("seed", "a model of another seed", ("seed",))
SAME_SEED = Remotes("same-seed", "a model of the same seed", ("ulp", "native"))
ANOTHER_FAMILY = Remotes("family", "a recogniser of another family", ("family",))


def name_absence_claim(attack: str, remotes: Remotes) -> str:
    """Return the name of the claim that no sample of an attack transfers to some remotes."""
    return f"{attack}-{remotes.name}"


@dataclass(frozen=True)
class Absence:
    """A claim that no sample of an attack for a phrase is heard by some remotes.

    Attributes:
        attack: its name.
        remotes: that listen.
        outcome: what counts as heard.
    """

    attack: str
    remotes: Remotes
    outcome: Outcome

    @property
    def name(self) -> str:
        """Name of the claim."""
        name = name_absence_claim(self.attack, self.remotes)
        return f"{name}-top-ten" if self.outcome == "top_ten" else name


@dataclass(frozen=True)
class Order:
    """A claim that one share is above another.

    Attributes:
        attack: its name.
        name: of the claim.
        statement: of the claim.
        where: columns that select the row of the table of paired tests; None matches no row.
        shares: as published, the larger first.
    """

    attack: str
    name: str
    statement: str
    where: dict[str, str | None]
    shares: tuple[float, float]

    @property
    def sides(self) -> list[tuple[str | None, str | None]]:
        """Target and confidence of the first side and of the second; the target is None if the study lacks it."""
        ends = self.where["first"], self.where["second"]
        if self.where["comparison"] == "rank":
            return [(target, self.where["confidence"]) for target in ends]
        return [(self.where["target"], confidence) for confidence in ends]


@dataclass(frozen=True)
class Likeness:
    """A claim that samples of two attacks for a phrase transfer alike.

    Attributes:
        first: name of an attack.
        second: name of the attack that is held against it.
    """

    first: str
    second: str

    @property
    def name(self) -> str:
        """Name of the claim."""
        return f"{self.second}-like-{self.first}"


Claim = Absence | Order | Likeness


def claims(results: Results, design: Design, pairs: pd.DataFrame) -> pd.DataFrame:
    """Judge every claim by the rules above.

    Args:
        results: of the study.
        design: of the study.
        pairs: the table of :func:`asrtransfer.tables.pairs.paired`.

    Returns:
        One row a claim; ``published`` is empty where nothing was published.
    """
    heard = counting.selected(counting.adversarial(results.hearings), target_kind="phrase")
    weights = {model: str(card["weights_sha256"]) for model, card in results.cards.items()}
    other = heard_by_others(heard, design, weights)
    rows = [_judge(claim, other, pairs, design) for claim in list_claims(design)]
    for row in rows:
        if row["verdict"] != "undecided at this size":
            row["needed"] = None
    return pd.DataFrame(rows, columns=COLUMNS).astype({"needed": "Int64"})


def list_claims(design: Design) -> list[Claim]:
    """List the claims that a study makes, whether it has hearings for them or not, in the order of their table."""
    return [*_list_absences(design), *_list_orders(design), *_list_likenesses(design)]


def _judge(claim: Claim, heard: pd.DataFrame, pairs: pd.DataFrame, design: Design) -> dict[str, Any]:
    match claim:
        case Absence():
            return _judge_absence(heard, design, claim)
        case Order():
            return _judge_order(pairs, design.settings, claim)
        case Likeness():
            return _judge_likeness(counting.selected(heard, arm="seed", primary=True), design, claim)


def absence(hits: int, units: int, settings: Settings) -> Verdict:
    """Apply the rule for *none transfers*."""
    if units == 0:
        return "not tested"
    bound = one_sided(hits, units, settings.confidence_level)
    if hits == 0 and bound is not None and bound < settings.margin:
        return "supported"
    if clopper_pearson(hits, units, settings.confidence_level).lower > settings.margin:
        return "contradicted"
    return "undecided at this size"


def order(pairs: int, p_value: float, interval: Interval, bound: float, settings: Settings) -> Verdict:
    """Apply the rule for *one share above another*.

    Args:
        pairs: matched units.
        p_value: of McNemar's test.
        interval: of the difference.
        bound: the largest difference, in either direction, that the one-sided limits allow.
        settings: of the study.
    """
    if pairs == 0:
        return "not tested"
    if p_value < 1 - settings.confidence_level:
        if interval.lower > 0:
            return "supported"
        if interval.upper < 0:
            return "contradicted"
    return "within the margin" if bound < settings.margin else "undecided at this size"


def likeness(differing: int, utterances: int, p_value: float, settings: Settings) -> Verdict:
    """Apply the rule for *two attacks alike*."""
    found = absence(differing, utterances, settings)
    if found == "contradicted" and p_value >= 1 - settings.confidence_level:
        return "undecided at this size"
    return found


def _list_absences(design: Design) -> Iterator[Absence]:
    remotes = [ANOTHER_SEED, SAME_SEED, *([ANOTHER_FAMILY] if "family" in design.arms else [])]
    for name in design.attacks:
        yield from (Absence(name, whom, "hit") for whom in remotes)
    for name, attack in design.attacks.items():
        if attack.published and attack.published.top_ten is not None:
            yield from (Absence(name, whom, "top_ten") for whom in (ANOTHER_SEED, SAME_SEED))


def _judge_absence(heard: pd.DataFrame, design: Design, claim: Absence) -> dict[str, Any]:
    attack, remotes, outcome = design.attacks[claim.attack], claim.remotes, claim.outcome
    rows = heard[(heard["attack"] == claim.attack) & heard["arm"].isin(remotes.arms)]
    hits, hearings = counting.tally(rows, "hearing", outcome)
    utterances_hit, utterances = counting.tally(rows, "utterance", outcome)
    what = "transfers to" if outcome == "hit" else "has its target in the top ten of"
    return {
        "claim": claim.name,
        "statement": f"no {attack.label} sample {what} {remotes.words}",
        "published": _quote_absence(attack.published, remotes, outcome),
        "ours": f"{hits} of {hearings} hearings; {utterances_hit} of {utterances} utterances",
        "verdict": absence(utterances_hit, utterances, design.settings),
        "unit": "utterance",
        "tried": _say_tried(rows),
        "units": utterances,
        "hits": utterances_hit,
        "estimate": counting.share(utterances_hit, utterances),
        **counting.limits(utterances_hit, utterances, design.settings),
        "margin": design.settings.margin,
        "needed": needs.count_for_absence(utterances_hit, utterances, design.settings),
    }


def _say_tried(rows: pd.DataFrame) -> str:
    """Say what was tried on an utterance, over hearings: the smallest and largest number of each."""
    nouns = [name for name in ("surrogate", "target", "confidence", "remote") if name in rows]
    by_utterance = rows.groupby("utterance_id", observed=True)
    parts = []
    for noun in nouns:
        counts = by_utterance[noun].nunique()
        if len(counts):
            low, high = int(counts.min()), int(counts.max())
            number = str(high) if low == high else f"{low} to {high}"
            parts.append(f"{number} {noun}" + ("" if high == 1 else "s"))
    return ", ".join(parts)


def _quote_absence(published: Published | None, remotes: Remotes, outcome: Outcome) -> str:
    """Quote the published figure; published tables are about remotes of the same family."""
    if published is None or remotes is ANOTHER_FAMILY:
        return ""
    count = published.transfers if outcome == "hit" else published.top_ten
    return f"{count} of {published.total} samples"


def _list_orders(design: Design) -> Iterator[Order]:
    near = {name: attack.published for name, attack in design.attacks.items() if attack.published}
    near = {name: published for name, published in near.items() if published.near}
    for attack, published in near.items():
        for claim in [*_order_ranks(design, attack, published), *_order_confidences(design, attack, published)]:
            # One attack needs no name in its claims; several must be told apart.
            if len(near) > 1:
                statement = f"{design.attacks[attack].label}: {claim.statement}"
                yield replace(claim, name=f"{attack}-{claim.name}", statement=statement)
            else:
                yield claim


def _order_ranks(design: Design, attack: str, published: Published) -> Iterator[Order]:
    for confidence in published.confidences:
        for first, second in pairwise(published.ranks):
            if not {(first, confidence), (second, confidence)} <= published.near.keys():
                continue
            name = f"rank-{first}-above-rank-{second}-{confidence}"
            statement = f"rank {first} transfers more often than rank {second} ({confidence})"
            targets = {"first": design.find_near_target(first), "second": design.find_near_target(second)}
            where = {"comparison": "rank", **targets, "confidence": confidence, "target": NEAR}
            shares = published.near[first, confidence].share, published.near[second, confidence].share
            yield Order(attack, name, statement, where, shares)


def _order_confidences(design: Design, attack: str, published: Published) -> Iterator[Order]:
    for rank in published.ranks:
        for low, high in pairwise(published.confidences):
            if not {(rank, low), (rank, high)} <= published.near.keys():
                continue
            name = f"{high}-above-{low}-rank-{rank}"
            statement = f"{high} confidence transfers more often than {low} (rank-{rank})"
            ends = {"first": high, "second": low, "confidence": POOLED}
            where = {"comparison": "confidence", **ends, "target": design.find_near_target(rank)}
            shares = published.near[rank, high].share, published.near[rank, low].share
            yield Order(attack, name, statement, where, shares)


def _judge_order(pairs: pd.DataFrame, settings: Settings, claim: Order) -> dict[str, Any]:
    chosen = counting.selected(pairs, **claim.where, attack=claim.attack, arm="seed", outcome="transfer")
    found = chosen.iloc[0] if len(chosen) else pd.Series(math.nan, index=pairs.columns)
    units, hits = (0 if math.isnan(found[key]) else int(found[key]) for key in ("pairs", "only_first"))
    interval, p_value = Interval(found["difference_lower"], found["difference_upper"]), float(found["p_value"])
    bound = float(max(-found["difference_least"], found["difference_most"]))
    ours = f"{found['first_share']:.1%} and {found['second_share']:.1%} of {units} pairs"
    return {
        "claim": claim.name,
        "statement": claim.statement,
        "published": "{:.1%} above {:.1%} of samples".format(*claim.shares),
        "ours": ours if units else "no pairs",
        "verdict": order(units, p_value, interval, bound, settings),
        "unit": MATCHED,
        "tried": "",
        "units": units,
        "hits": hits,
        "estimate": found["difference"],
        "lower": interval.lower,
        "upper": interval.upper,
        "bound": bound,
        "p_value": p_value if units else math.nan,
        "margin": settings.margin,
        "needed": needs.count_for_order(found, settings) if units else None,
    }


def _list_likenesses(design: Design) -> Iterator[Likeness]:
    published = [name for name, attack in design.attacks.items() if attack.published]
    yield from (Likeness(first, second) for first, second in combinations(published, 2))


def _judge_likeness(heard: pd.DataFrame, design: Design, claim: Likeness) -> dict[str, Any]:
    settings = design.settings
    pairs = _match_attacks(heard, design, claim.first, claim.second)
    by_utterance = pairs.groupby("utterance_id", observed=True)["differs"].any()
    differing, utterances = int(by_utterance.sum()), len(by_utterance)
    # Only the test is wanted, which needs no resamples.
    found = compare_matched(pairs, replace(settings, resamples=1))
    differ = f"{pairs['differs'].sum()} of {len(pairs)} pairs, {differing} of {utterances} utterances differ"
    ends = [design.attacks[name] for name in (claim.first, claim.second)]
    quoted = [f"{end.published.transfers} of {end.published.total} samples" for end in ends if end.published]
    return {
        "claim": claim.name,
        "statement": f"{ends[1].label} samples transfer as {ends[0].label} samples do",
        "published": " and ".join(quoted),
        "ours": differ if utterances else "no pairs",
        "verdict": likeness(differing, utterances, found.p_value, settings),
        "unit": "utterance",
        "tried": _say_tried(pairs),
        "units": utterances,
        "hits": differing,
        "estimate": counting.share(differing, utterances),
        **counting.limits(differing, utterances, settings),
        "p_value": found.p_value if utterances else math.nan,
        "margin": settings.margin,
        "needed": needs.count_for_absence(differing, utterances, settings),
    }


def _match_attacks(heard: pd.DataFrame, design: Design, first: str, second: str) -> pd.DataFrame:
    """Match hearings of two attacks at the highest confidence that both have."""
    sides = [heard[heard["attack"] == attack] for attack in (first, second)]
    shared = [name for name in design.confidences if all((side["confidence"] == name).any() for side in sides)]
    ends = [counting.selected(side, confidence=shared[-1]) if shared else side.iloc[:0] for side in sides]
    pairs = matched(ends[0], ends[1], "hit")
    return pairs.assign(differs=pairs["first"] != pairs["second"])
