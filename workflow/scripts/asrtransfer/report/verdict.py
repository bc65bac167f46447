"""The verdict: a study in a dozen plain lines."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from asrtransfer.files.errors import InputError
from asrtransfer.report.facts import Arm, Broken, Facts, Models, Tables, Units, gather
from asrtransfer.report.judged import Claims, Condition, Need
from asrtransfer.report.words import ARMS, TARGETS, percent, plural, write_limits
from asrtransfer.tables.design import Design

CONDITIONS: dict[Condition, str] = {
    "no hit": "if again none hits",
    "as found": "if shares stay as found",
    "no pair differs": "if again no pair differs",
}
LABEL = max(map(len, ARMS.values())) + 2
Line = tuple[str, str]


@dataclass(frozen=True)
class Cost:
    """What a study takes, by rates of a machine.

    Attributes:
        fixed: seconds that do not depend on the utterances that are selected.
        each: seconds that each of these takes.
        device: what takes them.
    """

    fixed: float
    each: float
    device: str

    def spell(self, utterances: int) -> str:
        """Write the time of a study with a number of utterances."""
        minutes = (self.fixed + self.each * utterances) / 60
        return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:,.1f} h"


def verdict(design: Design, tables: Tables, folder: str, cost: Cost | None = None) -> list[str]:
    """Say what a study found.

    Args:
        design: of the study.
        tables: those of :func:`asrtransfer.tables.tabulate`.
        folder: where the tables lie, for the reader.
        cost: of the study; None leaves out how long a larger one takes.

    Returns:
        Lines.

    Raises:
        InputError: if a fatal check failed, so that nothing can be concluded.
    """
    facts = gather(design, tables)
    if facts.broken:
        raise InputError(_refuse(facts.broken[0], folder))
    lines = [
        ("samples", _write_samples(design, facts)),
        ("survival", _write_survival(facts, folder)),
        ("twin", _write_twin(facts)),
        *([("spoken phrases", _write_spoken(facts))] if facts.spoken.total else []),
        *((ARMS[arm.name], _write_arm(arm, facts.kind)) for arm in facts.arms),
        *_label_first("rungs", _write_rungs(facts)),
        *_label_first("near targets", _write_near(design, facts)),
        *_label_first("words changed", _write_changed(design, facts)),
        ("models", _write_models(facts.models, folder)),
        *(("", line) for line in _write_accidental_twins(facts.models)),
        *_label_first("published claims", _write_claims(facts.published, cost)),
        *_label_first("other claims", _write_claims(facts.other, cost)),
        ("more", f"{folder}/claims.csv, arms.csv, near-targets.csv, failures.csv; columns.csv explains them"),
    ]
    return [
        f"VERDICT, bounds at {percent(facts.level)} confidence",
        *(f"{label:{LABEL}}{text}" for label, text in lines),
    ]


def _label_first(label: str, texts: Iterator[str]) -> list[Line]:
    return [(label if index == 0 else "", text) for index, text in enumerate(texts)]


def _refuse(broken: Broken, folder: str) -> str:
    return (
        f"the pipeline cannot be trusted, so there is no verdict: {broken.check}: {broken.wrong} of "
        f"{broken.checked} wrong ({broken.meaning}; {folder}/checks.csv). Train, attack and hear on one "
        "kind of machine with one number of threads: delete the results and run again"
    )


def _write_samples(design: Design, facts: Facts) -> str:
    made = ", ".join(f"{design.attacks[attack].label} {count}" for attack, count in facts.samples.items())
    kinds = ", ".join(f"{count} {status}" for status, count in facts.failures.items())
    whom = "," if design.kind == "grid" or facts.surrogates == 1 else " dealt to"
    return (
        f"{made}; {_write_count(facts.utterances, 'utterance')}{whom} {_write_count(facts.surrogates, 'surrogate')}; "
        f"{sum(facts.failures.values())} of {facts.reached.total} attempts left none" + (f" ({kinds})" if kinds else "")
    )


def _write_survival(facts: Facts, folder: str) -> str:
    count = facts.survival
    what = "hearings of samples by a member of their surrogate are as meant" if facts.ensembles else None
    line = f"{count.hits} of {count.total} {what or 'samples are heard as meant by their surrogate'}"
    return line if count.all else f"{line}; ALL SHOULD BE: see {folder}/controls.csv, arm self"


def _write_twin(facts: Facts) -> str:
    if not facts.has_twin:
        return "none in this study; add seed-N.twin to models to prove that a transfer would be seen"
    count = facts.twin
    return f"weights equal, as they must be; it hears {count.hits} of {count.total} samples as its surrogate does"


def _write_spoken(facts: Facts) -> str:
    count = facts.spoken
    line = f"{count.hits} of {count.total} that a voice speaks are heard as meant by models that share no training"
    return line if count.hits else f"{line}; THIS STUDY CANNOT SHOW A TRANSFER"


def _write_arm(arm: Arm, kind: str) -> str:
    if arm.own and not arm.heard.total:
        return "no other model: its remotes have the weights of their surrogates"
    line = f"{arm.heard.hits} of {arm.heard.total} hearings of {TARGETS[kind]}s transfer"
    if arm.utterances is None or arm.pairs is None:
        return line
    return f"{line}: {_write_units(arm.utterances, 'utterance')}, {_write_units(arm.pairs, 'model pair')}"


def _write_rungs(facts: Facts) -> Iterator[str]:
    for rung in facts.rungs:
        yield (
            f"{rung.common}: {rung.heard.hits} of {rung.heard.total} hearings of {TARGETS[facts.kind]}s transfer: "
            f"{_write_units(rung.utterances, 'utterance')}"
        )


def _write_units(units: Units, noun: str) -> str:
    limits = write_limits(units.count.hits, units.lower, units.upper, units.bound)
    return f"{units.count.hits} of {_write_count(units.count.total, noun)} ({limits})"


def _write_near(design: Design, facts: Facts) -> Iterator[str]:
    for near in facts.near:
        yield (
            f"{design.attacks[near.attack].label}, rank {near.rank}, {near.confidence}: {percent(near.share)} "
            f"transfer to {ARMS[near.arm]}, {percent(near.top_ten_share)} in its top ten "
            f"({percent(near.clean_top_ten_share)} for clean audio)"
        )


def _write_changed(design: Design, facts: Facts) -> Iterator[str]:
    for one in facts.changed:
        control = f"; best control {percent(one.control_share)}" if not math.isnan(one.control_share) else ""
        yield (
            f"{design.attacks[one.attack].label}, {_write_count(one.words, 'word')} of the truth, {one.confidence}: "
            f"{one.heard.hits} of {one.heard.total} hearings transfer to {ARMS[one.arm]}: "
            f"{_write_units(one.utterances, 'utterance')}{control}"
        )


def _write_models(models: Models, folder: str) -> str:
    line = (
        f"{models.count}; test WER {percent(models.lowest)} to {percent(models.highest)}, {models.fewest} to "
        f"{models.most} of {models.utterances} utterances right"
    )
    if models.differing:
        return f"{line}; UNINTENDED DIFFERENCES in {', '.join(models.differing)}: see {folder}/models.csv"
    return line


def _write_accidental_twins(models: Models) -> Iterator[str]:
    for name, base in models.accidental_twins:
        yield f"{name} has the weights of {base}: it is a twin, and no claim counts it"


def _write_claims(claims: Claims, cost: Cost | None) -> Iterator[str]:
    for word, names in claims.by_verdict.items():
        everything = len(names) == claims.count
        yield f"{'all ' if everything else ''}{len(names)} {word}" + ("" if everything else f": {', '.join(names)}")
    yield from _write_needs(claims.needs, cost)


def _write_needs(needs: Sequence[Need], cost: Cost | None) -> Iterator[str]:
    """Say what would decide the undecided claims; those that the same number of utterances decides stand together."""
    together: dict[tuple[int | None, Condition], list[str]] = {}
    for need in needs:
        together.setdefault((need.utterances, need.condition), []).append(need.claim)
    for (utterances, condition), names in together.items():
        if utterances is None:
            yield f"no number of utterances decides {', '.join(names)} while shares stay as found"
        else:
            takes = f" (about {cost.spell(utterances)} on one {cost.device})" if cost else ""
            yield f"{utterances} utterances{takes} decide {', '.join(names)}, {CONDITIONS[condition]}"


def _write_count(count: int, noun: str) -> str:
    return f"{count} {noun}{plural(count)}"
