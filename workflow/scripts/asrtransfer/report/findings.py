"""Conclusions: every sentence of the page that states a result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pandas as pd

from asrtransfer.report import words
from asrtransfer.report.facts import (
    Arm,
    Count,
    Facts,
    Tables,
    Units,
    pair_up,
)
from asrtransfer.report.judged import Claims
from asrtransfer.report.material import Material, quantile
from asrtransfer.report.rows import choose_kind, has_rungs, order_arms, select_doses, select_pooled
from asrtransfer.report.words import unbroken_percent as percent
from asrtransfer.statistics.published import Published
from asrtransfer.tables import PHRASES

SAME_SEED = ("ulp", "native")
NEARER = 0.05
"""Edits per character by which a median must differ to be called nearer."""
NOTES = {"ulp": "; one initial weight differs by its last bit"}
"""Remarks on an arm beyond its name."""
BESIDE = {"ulp": "a model one ulp apart", "family": "another family"}
"""Arms whose median distance to the target stands beside that of strangers."""
CONTROLS = {
    "clean": "clean audio",
    "noise": "noise of equal size",
    "shuffled": "the shuffled perturbation",
}


@dataclass(frozen=True)
class Tile:
    """One number at the top of the page.

    Attributes:
        label: what was counted.
        value: the count.
        note: what it means.
        state: ``good`` or ``bad`` for a control that can fail, else ``plain``.
    """

    label: str
    value: str
    note: str
    state: str = "plain"


def write(count: Count) -> str:
    """Write hits and total."""
    return f"{words.grouped(count.hits)} of {words.grouped(count.total)}"


def verdict(facts: Facts) -> tuple[str, str]:
    """Write the study in two sentences."""
    if facts.broken:
        failed = [f"{check.check}: {check.wrong} of {check.checked} {check.meaning}" for check in facts.broken]
        return (
            words.NO_VERDICT,
            f"What failed is {'; '.join(failed)}.",
        )
    return _write_transfer(facts), _write_trust(facts)


def _write_transfer(facts: Facts) -> str:
    heard = [arm for arm in facts.arms if arm.heard.total]
    if not heard:
        return "No other model heard a sample: this study says nothing about transfer."
    groups = [("another seed", ("seed",)), (_name_same_seed(heard), SAME_SEED), ("another family", ("family",))]
    counts = [(whom, _add(heard, names)) for whom, names in groups]
    parts = [f"{write(count)} hearings by {whom}" for whom, count in counts if count.total]
    target, it = words.MADE_FOR[facts.kind]
    made = f"of {words.many(facts.kind_samples, 'adversarial sample')} made for {target}"
    if not any(arm.heard.hits for arm in heard):
        return f"None {made} is heard as that {it} by another model: {', '.join(parts)}."
    return f"Some {made} are heard as that {it} by another model: {', '.join(parts)}."


def _add(arms: list[Arm], names: tuple[str, ...]) -> Count:
    counts = [arm.heard for arm in arms if arm.name in names]
    return Count(sum(count.hits for count in counts), sum(count.total for count in counts))


def _name_same_seed(heard: list[Arm]) -> str:
    how = {"ulp": "one ulp apart", "native": "run again"}
    found = {arm.name for arm in heard}
    return f"the same seed {' or '.join(text for arm, text in how.items() if arm in found)}"


def _write_trust(facts: Facts) -> str:
    controls = f"their own surrogates hear {write(facts.survival)} stored samples as meant"
    if facts.twin.total:
        controls += f" and a twin with equal weights {write(facts.twin)}"
    works = facts.survival.all and facts.twin.all
    sentence = f"The pipeline {'works' if works else 'is in doubt'}, since {controls}"
    judged = f"the published claim of no transfer is {' and '.join(facts.absence)}" if facts.absence else ""
    return sentence + "".join(f"; {part}" for part in (_write_bound(facts), judged) if part) + "."


def _write_bound(facts: Facts) -> str:
    """Write what the study can exclude: of another seed, or of another family if it has no other seed."""
    arm = facts.arm("seed") or facts.arm("family")
    if arm is None or arm.utterances is None:
        return ""
    units, whom = arm.utterances, words.ARMS[arm.name]
    utterances, level = words.many(units.count.total, "utterance"), percent(facts.level)
    if units.count.hits:
        limits = f"{percent(units.lower)} to {percent(units.upper)}"
        return f"{units.count.hits} of {utterances} transferred to {whom} ({limits} at {level} confidence)"
    assert units.bound is not None
    bound = percent(units.bound)
    return f"with {utterances}, up to {bound} of utterances could still transfer to {whom} (at {level} confidence)"


def tiles(facts: Facts) -> list[Tile]:
    """Pick the numbers behind the verdict."""
    found = []
    for arm in facts.arms:
        if arm.heard.total:
            note = f"hears the {words.TARGETS[facts.kind]}{NOTES.get(arm.name, '')}"
            units = f"; {_write_units(arm.utterances, facts.level)}" if arm.utterances else ""
            found.append(Tile(words.ARMS[arm.name].capitalize(), write(arm.heard), note + units))
    found.append(_make_control("Own surrogate", facts.survival, "positive control: stored samples, heard again"))
    if facts.twin.total:
        found.append(_make_control("Twin", facts.twin, "positive control: trained apart, equal weights"))
    if facts.spoken.total:
        note = "positive control: a voice says the phrase, and models that share no training hear it"
        found.append(Tile("Spoken phrase", write(facts.spoken), note, "good" if facts.spoken.hits else "bad"))
    note = "attempts reached their target; failures are kept"
    return [*found, Tile("Attacks", write(facts.reached), note)]


def _make_control(label: str, count: Count, note: str) -> Tile:
    return Tile(label, write(count), note, "good" if count.all else "bad")


def _write_units(units: Units, level: float) -> str:
    utterances = words.many(units.count.total, "utterance")
    if units.count.hits == 0 and units.bound is not None:
        return f"at most {percent(units.bound)} of {utterances} at {percent(level)}"
    return f"{units.count.hits} of {utterances}"


def claims(claims: Claims, noun: str) -> str:
    """Count claims by verdict."""
    parts = [f"{len(names)} {word}" for word, names in claims.by_verdict.items()]
    sentence = f"Of {words.many(claims.count, noun)}: {', '.join(parts)}."
    if claims.undecided:
        sentence += " Undecided speaks of this study's size, not of the claim: the bound is what it still allows."
    return sentence


def phrases(tables: Tables, attack: str, published: Published | None) -> str:
    """Write one attack's samples and transfers, beside the published ones if any."""
    total = tables[PHRASES.format(attack)].iloc[-1]
    reached = Count(int(total["reached"]), int(total["attempts"]))
    sentence = (
        f"{write(reached)} attempts reached their phrase and left {words.many(int(total['samples']), 'sample')}; "
        f"{_write_total(total, 'seed')} hearings by another seed are transfers"
    )
    if total.get("family_hearings", 0):
        sentence += f", {_write_total(total, 'family')} by another family"
    if published is None:
        return f"{sentence}."
    stated = words.grouped(published.stated_total)
    remark = "" if published.total == published.stated_total else f" (the rows' sum; stated {stated})"
    return f"{sentence}. Published: {published.transfers} of {words.many(published.total, 'sample')}{remark}."


def _write_total(total: pd.Series, arm: str) -> str:
    return write(Count(int(total.get(f"{arm}_transfers", 0)), int(total.get(f"{arm}_hearings", 0))))


def who_hears_whom(material: Material) -> str:
    """Write which pair of models transfers most."""
    kind = choose_kind(material.tables)
    pairs, target = pair_up(material.design, material.tables, kind), words.TARGETS[kind]
    if pairs.empty:
        return f"No other model heard a {target}."
    if pairs["transfers"].sum():
        best = pairs.assign(share=pairs["transfers"] / pairs["hearings"]).sort_values("share", kind="stable").iloc[-1]
        return (
            f"{target.capitalize()}s transfer most from {best['surrogate']} to {best['remote']}: "
            f"{write(Count(best['transfers'], best['hearings']))} hearings."
        )
    tops = int(pairs["top_ten"].sum())
    rest = f"it is in the top ten {words.many(tops, 'time')}" if tops else "nor is it ever among the top ten"
    return f"In none of {words.many(len(pairs), 'pair')} of different models is a {target} the top text; {rest}."


def distance_to_target(material: Material) -> str:
    """Write whether strangers come nearer to the target than the negative controls do."""
    kind = choose_kind(material.tables)
    rows, target = material.distances[material.distances["target_kind"] == kind], words.TARGETS[kind]
    arm = material.find_control_arm(kind)
    medians = _find_medians(rows[rows["arm"] == arm])
    if arm is None or "adversarial" not in medians or "clean" not in medians:
        return f"No stranger heard a {target}."
    heard = medians["adversarial"]
    others = {name: _find_medians(rows[rows["arm"] == name]).get("adversarial") for name in BESIDE if name != arm}
    beside = [f"; what {BESIDE[name]} hears, {value:.2f}" for name, value in others.items() if value is not None]
    controls = {name: medians[name] for name in CONTROLS if name in medians}
    told = ", ".join(
        f"in {CONTROLS[name]} {'it is ' if name == 'clean' else ''}{controls[name]:.2f}" for name in controls
    )
    partial = (
        f"That is nearer than any control: part of the {target} transfers."
        if heard < min(controls.values()) - NEARER
        else f"That is no nearer than the controls: no part of the {target} is seen to transfer."
    )
    return (
        f"In the median, what {words.ARMS[arm]} hears in a sample is {heard:.2f} edits per character away from "
        f"the {target}{''.join(beside)}. {told[0].upper()}{told[1:]}. {partial}"
    )


def _find_medians(rows: pd.DataFrame) -> Mapping[str, float]:
    return {str(kind): quantile(part, 0.5) for kind, part in rows.groupby("kind") if len(part)}


def confidence(material: Material) -> str:
    """Write the cost of confidence in decibels."""
    stored = material.samples[(material.samples["status"] == "sample") & material.samples["primary"]]
    kind = choose_kind(material.tables)
    stored = stored[(stored["target_kind"] == kind) & stored["k1"].notna()]
    parts = []
    for (attack, level), cell in stored.groupby(["attack", "confidence"]):
        cost = f"K1 {cell['k1'].median():.2f} at {cell['snr_db'].median():.0f}\u202fdB"
        parts.append(f"{material.label(str(attack))} {level} {cost}")
    target = words.TARGETS[kind]
    if not parts:
        return f"No sample for a {target} has a known confidence."
    return f"Median over {target}s: {'; '.join(parts)}."


def training(facts: Facts) -> str:
    """Write the range of word error rates, and whether anything unintended differs."""
    models = facts.models
    proof = (
        f"Cards of {', '.join(models.differing)} differ in something that was not meant to differ."
        if models.differing
        else "Within a family, their cards differ in nothing but seed, arm and what follows from them."
    )
    span = f"{percent(models.lowest)} to {percent(models.highest)}"
    return f"{words.many(models.count, 'model')} with test WER {span}. {proof}"


def attack_success(material: Material) -> str:
    """Write the easiest and the hardest target."""
    table = material.tables["attack-success"]
    summed = table.groupby(["attack", "target", "confidence"], sort=False)[["reached", "utterances"]].sum()
    share = (summed["reached"] / summed["utterances"]).sort_values(kind="stable")
    if share.empty:
        return "Nothing was attacked."
    names = [
        f"{material.label(attack)} {str(target).replace('-', ' ')} ({level})" for attack, target, level in share.index
    ]
    hardest, easiest = (f"{names[end]}, {percent(share.iloc[end])}" for end in (0, -1))
    return f"Hardest: {hardest}; easiest: {easiest}."


def near_targets(facts: Facts) -> str:
    """Write whether near targets transfer beyond the base rate of clean audio."""
    sentences = [_write_near(facts, arm) for arm in dict.fromkeys(near.arm for near in facts.near)]
    if not sentences:
        return "No model of another seed heard a near target."
    end = " The share of clean audio is the base rate of a top-ten share."
    return " ".join(sentences) + end


def _write_near(facts: Facts, arm: str) -> str:
    rows = [near for near in facts.near if near.arm == arm]
    hearings = sum(near.hearings for near in rows)
    heard = Count(sum(near.transfers for near in rows), hearings)
    share = sum(near.top_ten for near in rows) / hearings
    clean = sum(near.clean_top_ten_share * near.clean_hearings for near in rows)
    clean /= sum(near.clean_hearings for near in rows)
    verb = "more often than" if share > clean else "no more often than"
    return (
        f"Near targets are the top text of {words.ARMS[arm]} in {write(heard)} hearings and in its top "
        f"ten in {percent(share)}, {verb} for the clean audio ({percent(clean)})."
    )


def ladder(material: Material) -> str:
    """Write what transfers at each rung, and between which two the share of utterances rises."""
    if not has_rungs(material.tables["ladder"]):
        return ""
    kind = choose_kind(material.tables)
    rows = select_pooled(material.tables["ladder"], kind).to_dict("records")
    told = "; ".join(
        f"{row['common']} {row['utterances_hit']} of {words.many(row['utterances'], 'utterance')}" for row in rows
    )
    return f"{words.TARGETS[kind].capitalize()}s, from the least shared to all: {told}. {_find_rise(rows)}"


def _find_rise(rows: list[dict[Any, Any]]) -> str:
    """Write the first rung whose exact interval lies above those of all rungs before it."""
    highest = 0.0
    for before, row in pairwise(rows):
        highest = max(highest, before["utterance_upper"])
        if row["utterance_lower"] > highest:
            limits = f"{percent(row['utterance_lower'])} to {percent(row['utterance_upper'])}"
            return (
                f"The first rung whose interval lies above those of all before it is {row['common']}: "
                f"{limits} of utterances."
            )
    return "No rung's interval lies above those of all before it: no rise is shown."


def dose(material: Material) -> str:
    """Write at which dose most transfers, whether its controls explain that, and what the loudest one does."""
    level = material.design.settings.confidence_level
    sentences = [
        f"{material.label(str(attack))}, {words.ARMS[order_arms(rows)[0]]}: {describe_doses(rows, level)}"
        for attack, rows in select_doses(material.tables["doses"]).groupby("attack", sort=False)
    ]
    return " ".join([*sentences, "Where nothing is heard, a bar ends at the exact bound for utterances."])


def describe_doses(rows: pd.DataFrame, level: float) -> str:
    """Write at which of an attack's doses most transfers to the arm that shares least with the surrogate.

    Args:
        rows: of the table of doses, of one attack.
        level: of confidence.
    """
    rows = rows[rows["arm"] == order_arms(rows)[0]]
    return _write_largest_dose(rows, level) if rows["transfers"].sum() else _write_no_dose(rows)


def _write_no_dose(rows: pd.DataFrame) -> str:
    size = rows["median_snr_db"]
    span = f", at {size.max():.0f} to {size.min():.0f}\u202fdB" if size.notna().any() else ""
    hearings = words.many(int(rows["hearings"].sum()), "hearing")
    return f"none of {words.many(len(rows), 'dose')} transfers in any of {hearings}{span}."


def _write_largest_dose(rows: pd.DataFrame, level: float) -> str:
    best = rows.sort_values("share", ascending=False, kind="stable").iloc[0]
    sentence = f"of {words.many(len(rows), 'dose')}, most transfers at {_name_dose(best)}: {_write_share(best)}."
    if best["control_hearings"]:
        sentence += _hold_against_controls(best, len(rows), level)
    loud = rows[rows["target"] == best["target"]].sort_values("median_snr_db", kind="stable").iloc[0]
    if pd.isna(loud["median_snr_db"]):
        return sentence
    if loud["confidence"] == best["confidence"]:
        return f"{sentence} That is the loudest dose of its target."
    return f"{sentence} The loudest of its target, {_name_dose(loud)}, gives {_write_share(loud)}."


def _hold_against_controls(best: pd.Series, count: int, level: float) -> str:
    """Write whether the largest share is told from its controls; chance favours the largest of many: Bonferroni."""
    p_value = min(1.0, count * float(best["p_value"]))
    told = p_value < 1 - level and best["share"] > best["control_share"]
    return (
        f" The best negative control reaches {percent(best['control_share'])} there, from which that can"
        f"{'' if told else 'not'} be told (by utterances, p\u202f=\u202f{p_value:.2g}, corrected for "
        f"{words.many(count, 'dose')})."
    )


def _name_dose(row: pd.Series) -> str:
    """Name a dose, with the quartiles of its distortion and the median of its confidence where they are known."""
    ends = [f"{row[f'{end}_quartile_snr_db']:.0f}" for end in ("upper", "lower")]
    size = [f"{' to '.join(dict.fromkeys(ends))}\u202fdB"] if pd.notna(row["median_snr_db"]) else []
    size += [f"K1 {words.write_probability(row['median_k1'])}"] if pd.notna(row["median_k1"]) else []
    name = f"{row['confidence']} for {row['target'].replace('-', ' ')}"
    return name + (f" ({', '.join(size)})" if size else "")


def _write_share(row: pd.Series) -> str:
    lower, upper = row["bootstrap_both_lower"], row["bootstrap_both_upper"]
    limits = f" ({percent(lower)} to {percent(upper)})" if pd.notna(lower) else ""
    if row["transfers"] == 0:
        limits = f" (at most {percent(row['utterance_bound'])} of utterances)"
    return f"{percent(row['share'])} of {words.many(int(row['hearings']), 'hearing')}{limits}"


def controls(facts: Facts, table: pd.DataFrame) -> str:
    """Write the hits of audio that should not carry the target, and of the phrase itself, spoken."""
    rows = table[table["kind"].isin(["shuffled", "moved", "noise", "clean"]) & (table["target_kind"] == facts.kind)]
    count, target = Count(int(rows["transfers"].sum()), int(rows["hearings"].sum())), words.TARGETS[facts.kind]
    negative = (
        f"Clean, shuffled, moved and noisy audio is heard as the {target} in {write(count)} hearings by any model."
    )
    if not facts.spoken.total:
        return negative
    return f"{negative} The phrase itself, spoken by a voice, is heard in {write(facts.spoken)} hearings by strangers."
