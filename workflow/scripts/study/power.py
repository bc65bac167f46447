"""What the claims of a study can decide at its size, before anything runs.

Units are counted as if every attempt left a sample, and verdicts are given by the rules of
:mod:`asrtransfer.tables.claims`. The library's statistics are imported where they are used: every start of Snakemake
imports this module.
"""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from study import designs, names, tables
from study.config import Study
from study.cost import plan
from study.cost.rates import Rates

if TYPE_CHECKING:
    from asrtransfer.tables.claims import Claim
    from asrtransfer.tables.design import Design, Settings

SHARES = (0.01, 0.02, 0.05, 0.10, 0.20)
"""True shares of units that hit, for which probabilities are given."""
CLOSER = 0.01
"""A margin below that of the rules, for which the units are given, too."""
EFFECTS = ((0.03, 0.0), (0.05, 0.0), (0.05, 0.03))
"""True shares of hearings that transfer under the first condition alone and under the second alone.

Measured: of 100 hearings of near targets by models of another seed, 3 to 5 transfer at best (models of the default
study, rank 2, bounds from 15 to 2000 of 16-bit units).
"""
ENOUGH = 0.8
"""Power for which the units are given."""
WIDTH, LABEL, CELL = 118, 40, 10
# Sums of probabilities that differ by less are equal.
CERTAIN = 1e-9

Hearing = tuple[str, str, str]
"""Surrogate, remote, arm."""


class Attempts(NamedTuple):
    """Which utterances a surrogate attacks for one target: their numbers among the selected ones."""

    attack: str
    confidence: str
    target: str
    surrogate: str
    utterances: Collection[int]


class Units(NamedTuple):
    """Units of a claim, and the utterances that they are of, which are the units themselves for most claims."""

    units: int
    utterances: int


def list_attempts(study: Study) -> list[Attempts]:
    """List what every job attacks, of utterances whose names are not yet known."""
    selected = [str(number) for number in range(study.selection.utterances)]
    return [
        Attempts(
            job.attack,
            job.confidence,
            job.target,
            job.surrogate,
            [int(name) for name in designs.list_utterances(study, job, selected)],
        )
        for job in designs.list_jobs(study)
    ]


def expect_weights(study: Study) -> dict[str, str]:
    """Name the weights that each model will have: of models that come out equal, the same ones.

    A twin equals its base. On a CPU, so does a model in which nothing but the hardware may differ.
    """
    equal = ("twin", "native") if study.device == "cpu" else ("twin",)
    models = [study.parsed(name) for name in study.models]
    return {model.name: model.base if model.arm in equal else model.name for model in models}


def list_hearings(design: Design, weights: Mapping[str, str]) -> list[Hearing]:
    """List the hearings by other models that claims count: none by a surrogate's own weights, and no weights twice.

    Args:
        design: of the study.
        weights: by model, what tells its weights from others.
    """
    from asrtransfer.tables.results import repeats

    hearings: list[Hearing] = [(surrogate, remote, arm) for surrogate, remote, arm in design.hearings]
    return [
        hearing
        for hearing, repeated in zip(hearings, repeats(hearings, weights), strict=True)
        if not repeated and not design.has_own_weights(*hearing[:2], weights)
    ]


def count_units(
    claim: Claim, attempts: Sequence[Attempts], hearings: Sequence[Hearing], confidences: Sequence[str]
) -> Units:
    """Count the units that a claim will have if every attempt leaves a sample.

    Args:
        claim: of the study.
        attempts: of the study, as any design deals them out.
        hearings: those that claims count.
        confidences: from the lowest to the highest.
    """
    from asrtransfer.tables import claims

    phrases = [one for one in attempts if names.find_kind(one.target) == "phrase"]
    match claim:
        case claims.Absence():
            heard = {surrogate for surrogate, _, arm in hearings if arm in claim.remotes.arms}
            chosen = [one for one in phrases if one.attack == claim.attack and one.surrogate in heard]
            reached = {utterance for one in chosen for utterance in one.utterances}
            return Units(len(reached), len(reached))
        case claims.Order():
            near = [[one for one in attempts if one[:3] == (claim.attack, how, what)] for what, how in claim.sides]
            return _match(*([one._replace(target="") for one in side] for side in near), hearings=hearings)
        case claims.Likeness():
            sides = [[one for one in phrases if one.attack == name] for name in (claim.first, claim.second)]
            shared = [name for name in confidences if all(name in {one.confidence for one in side} for side in sides)]
            highest = [[one for one in side if one.confidence in shared[-1:]] for side in sides]
            utterances = _match(*highest, hearings=hearings).utterances
            return Units(utterances, utterances)


def _match(first: Sequence[Attempts], second: Sequence[Attempts], *, hearings: Sequence[Hearing]) -> Units:
    """Count the hearings, by models of another seed, that both sides have of one surrogate, target and utterance."""
    ends = [
        {(one.surrogate, one.target, number) for one in side for number in one.utterances} for side in (first, second)
    ]
    remotes = Counter(surrogate for surrogate, _, arm in hearings if arm == "seed")
    both = [(surrogate, number) for surrogate, _, number in ends[0] & ends[1] if remotes[surrogate]]
    return Units(sum(remotes[surrogate] for surrogate, _ in both), len({number for _, number in both}))


def describe(study: Study, rates: Rates, at_once: int) -> str:
    """Describe, as plain text, what each claim can decide, and how long a study takes that can decide more.

    Args:
        study: whose claims they are.
        rates: of the machine.
        at_once: jobs of a network that run at a time.
    """
    from asrtransfer.tables import claims
    from asrtransfer.tables.design import Design

    design = Design.from_dict(tables.describe_design(study))
    attempts, hearings = list_attempts(study), list_hearings(design, expect_weights(study))
    alike: dict[tuple[type[Claim], Units], list[str]] = {}
    for claim in claims.list_claims(design):
        units = count_units(claim, attempts, hearings, design.confidences)
        alike.setdefault((type(claim), units), []).append(claim.name)
    level = design.settings.confidence_level
    lines = [f"POWER: what the claims of this study can decide, at {_write_share(level)} confidence, before it runs"]
    time = Time(study, rates, at_once)
    for (kind, units), group in alike.items():
        lines += ["", *textwrap.wrap(", ".join(group), WIDTH, break_on_hyphens=False)]
        if not units.units:
            lines.append(_row("units", "none, so it is not tested"))
        elif kind is claims.Order:
            lines += _describe_order(units, design.settings, time)
        else:
            lines += _describe_absence(units, design.settings, time, differ=kind is claims.Likeness)
    return "\n".join([*lines, "", *_list_notes(study, rates, time)]) + "\n"


@dataclass(frozen=True)
class Time:
    """How long the study takes with other numbers of utterances, by the rates of a machine.

    Attributes:
        study: as it is configured.
        rates: of the machine.
        at_once: jobs of a network that run at a time.
    """

    study: Study
    rates: Rates
    at_once: int

    def count_utterances(self, needed: int, units: int) -> int:
        """Count the utterances to select if ``needed`` units are to be had where the study has ``units``."""
        return math.ceil(Fraction(self.study.selection.utterances * needed, units))

    def estimate(self, utterances: int) -> str:
        """Estimate the time of the whole study with a number of utterances selected."""
        selection = self.study.selection.model_copy(update={"utterances": utterances})
        planned = plan.jobs(self.study.model_copy(update={"selection": selection}), self.rates)
        most = max(job.devices for job in planned.values())
        return plan.spell_time(plan.wall_time(planned, max(most, self.at_once)))


def _describe_absence(units: Units, settings: Settings, time: Time, *, differ: bool) -> Iterator[str]:
    """Describe claims that less than the margin of utterances hit or, where two attacks are compared, differ."""
    from asrtransfer.statistics import bounds, power
    from asrtransfer.tables import claims

    def judge(hits: int) -> str:
        # What the rule for two attacks asks in addition is taken to hold: a p-value of 0.
        return claims.likeness(hits, number, 0.0, settings) if differ else claims.absence(hits, number, settings)

    number, level, margin = units.units, settings.confidence_level, _write_share(settings.margin)
    verdicts = [judge(hits) for hits in range(number + 1)]
    bound = bounds.one_sided(0, number, level) or 1.0
    chances = [power.weigh_outcomes(verdicts, share) for share in SHARES]
    labels = {
        "supported": f"supported (wrong from {margin} on)",
        "contradicted": f"contradicted{', at most' if differ else ''} (wrong up to {margin})",
        "undecided at this size": f"undecided{', at least' if differ else ''}",
    }
    limit = f"below {margin}, so the claim is" if verdicts[0] == "supported" else f"not below {margin}, so it cannot be"
    verb, noun = ("differ", "a difference") if differ else ("hit", "a hit")
    yield _row("units", f"{number:,} utterances")
    yield _row(f"if none {verb}s", f"at most {100 * bound:.3g} % do: {limit} supported")
    yield _row(f"true share of utterances that {verb}", *map(_write_share, SHARES))
    for verdict, label in labels.items():
        yield _row(label, *(_write_chance(one.get(verdict, 0.0)) for one in chances))
    for share in sorted({settings.margin, CLOSER}, reverse=True):
        needed = bounds.count_units(share, level)
        how = _say_how(needed, number, time)
        yield _row(f"to show less than {_write_share(share)}", f"{needed:,} utterances without {noun}{how}")


def _describe_order(units: Units, settings: Settings, time: Time) -> Iterator[str]:
    """Describe claims that one share of hearings is above another."""
    from asrtransfer.statistics import power

    level, margin = settings.confidence_level, settings.margin
    found = [power.compute_mcnemar_power(units.units, *effect, level) for effect in EFFECTS]
    needed = [power.count_matched_units(*effect, level, ENOUGH) for effect in EFFECTS]
    yield _row("units", f"{units.units:,} matched (surrogate, remote, utterance), of {units.utterances:,} utterances")
    yield _row("the test rejects", f"from {power.count_differing(level)} units on that differ, if all in one direction")
    equal = power.count_equal_utterances(margin, level)
    how = _say_how(equal, units.utterances, time)
    yield _row(f"to show less than {_write_share(margin)} apart", f"{equal:,} utterances of which none differs{how}")
    yield _row("true share: only the first transfers", *(_write_share(effect[0]) for effect in EFFECTS))
    yield _row("            only the second transfers", *(_write_share(effect[1]) for effect in EFFECTS))
    yield _row("supported, at most", *(_write_chance(one.first) for one in found))
    yield _row("contradicted, at most (wrong)", *(_write_chance(one.second) for one in found))
    yield _row(f"units to support it in {_write_share(ENOUGH)}, at least", *map(_write_count, needed))
    more = [_write_more(number, units.units, time) for number in needed]
    yield _row("utterances to select for them", *(selected for selected, _ in more))
    yield _row("time of that study", *(duration for _, duration in more))


def _say_how(needed: int, units: int, time: Time) -> str:
    """Say that the study has the units that are needed, or which one does and how long it takes."""
    if needed <= units:
        return ", which the study has"
    selected, duration = _write_more(needed, units, time)
    return f"; the study with {selected} takes {duration}"


def _write_more(needed: int | None, units: int, time: Time) -> tuple[str, str]:
    """Write how many utterances to select for more units, and the time of that study."""
    if needed is None:
        return "-", "-"
    if needed <= units:
        return "enough", "-"
    selected = time.count_utterances(needed, units)
    return f"{selected:,}", time.estimate(selected)


def _list_notes(study: Study, rates: Rates, time: Time) -> Iterator[str]:
    now = study.selection.utterances
    notes = [
        "Units are those of a study in which no attempt fails; a study in which some do has fewer.",
        "Probabilities are exact sums. Hearings of one utterance are taken as independent, and they are not: where "
        "they agree, many of them tell little more than the one utterance.",
        "At most: the rules ask for more than is computed. A claim that one share is above another also takes a "
        "bootstrap interval of the difference that excludes 0, and a claim that attacks are alike is contradicted only "
        "where McNemar's test rejects.",
        "Shares of hearings are those measured for near targets: at best 3 to 5 of 100 transfer to another seed.",
        f"Times are estimates of the whole study, with {time.at_once} of its jobs at a time; as configured, with "
        f"{now:,} utterances selected, it takes {time.estimate(now)}. To select more, the test split must have as many "
        "that the models hear right.",
        plan.name_rates(study, rates),
    ]
    for note in notes:
        yield from textwrap.wrap(note, WIDTH)


def _row(label: str, *cells: str) -> str:
    """Write a row: its label, then one text, or several numbers in columns."""
    return f"  {label:{LABEL}}" + (cells[0] if len(cells) == 1 else "".join(f"{cell:>{CELL}}" for cell in cells))


def _write_share(share: float) -> str:
    """Write a share that somebody chose, with all its digits."""
    return f"{100 * share:g} %"


def _write_chance(chance: float) -> str:
    """Write a probability; of a very small or large one, that it is no certainty."""
    if CERTAIN < chance < 0.001:
        return "<0.1 %"
    if 0.999 < chance < 1 - CERTAIN:
        return ">99.9 %"
    plain = chance <= CERTAIN or 0.1 <= chance < 0.99 or chance >= 1 - CERTAIN
    return f"{100 * chance:.{0 if plain else 1}f} %"


def _write_count(count: int | None) -> str:
    return "-" if count is None else f"{count:,}"
