"""What to conclude: every sentence of the report that says a result, computed from the tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from asrtransfer.report import words
from asrtransfer.report.figures import quantile
from asrtransfer.report.material import Material, once
from asrtransfer.statistics.published import TABLES
from asrtransfer.tables.design import POOLED

Tables = Mapping[str, pd.DataFrame]
SAME_SEED = ("ulp", "native")
NEARER = 0.05
"""Edits per character by which a median must differ to be called nearer."""


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


@dataclass(frozen=True)
class Count:
    """Transfers among hearings."""

    transfers: int
    hearings: int

    def __str__(self) -> str:
        return f"{words.grouped(self.transfers)} of {words.grouped(self.hearings)}"


def broken(tables: Tables) -> list[str]:
    """What makes the study worthless: the fatal checks that failed."""
    checks = tables["checks"]
    failed = checks[checks["fatal"] & ~checks["passed"]]
    return [f"{row.check}: {row.wrong} of {row.checked} {row.meaning}" for row in failed.itertuples()]


def transferred(tables: Tables, kind: str, arms: tuple[str, ...]) -> Count:
    """Hearings of all samples by remotes of some arms that do not have the surrogate's own weights."""
    table = tables["transfers"]
    rows = table[(table["counted"] == "all") & (table["target_kind"] == kind) & table["arm"].isin(arms)]
    weights = tables["models"].set_index("model")["weights_sha256"]
    rows = once(rows, {str(model): str(weight) for model, weight in weights.items()})
    other = rows["surrogate"].map(weights).to_numpy() != rows["remote"].map(weights).to_numpy()
    return Count(int(rows.loc[other, "transfers"].sum()), int(rows.loc[other, "hearings"].sum()))


def verdict(tables: Tables, level: float) -> tuple[str, str]:
    """The study in two sentences."""
    wrong = broken(tables)
    if wrong:
        return (
            "There is no verdict: a positive control failed, so nothing below can be trusted.",
            f"What failed is {'; '.join(wrong)}.",
        )
    return _transfer_sentence(tables), _trust_sentence(tables, level)


def _transfer_sentence(tables: Tables) -> str:
    success = tables["attack-success"]
    samples = int(success.loc[success["target_kind"] == "phrase", "samples"].sum())
    seed, same = (transferred(tables, "phrase", arms) for arms in (("seed",), SAME_SEED))
    if seed.hearings + same.hearings == 0:
        return "No other model heard a sample made for a phrase: this study says nothing about transfer."
    heard = [
        f"{count} hearings by {whom}"
        for count, whom in ((seed, "another seed"), (same, _same_seed(tables)))
        if count.hearings
    ]
    made = f"of {words.many(samples, 'adversarial sample')} made for a fixed phrase"
    if seed.transfers + same.transfers == 0:
        return f"None {made} is heard as that phrase by another model: {', '.join(heard)}."
    return f"Some {made} are heard as that phrase by another model: {', '.join(heard)}."


def _same_seed(tables: Tables) -> str:
    arms = set(tables["transfers"]["arm"])
    how = {"ulp": "one ulp apart", "native": "run again"}
    return f"the same seed {' or '.join(text for arm, text in how.items() if arm in arms)}"


def _trust_sentence(tables: Tables, level: float) -> str:
    survived = survival(tables)
    twin = transferred_twin(tables)
    controls = f"their own surrogates hear {survived} stored samples as meant"
    if twin.hearings:
        controls += f" and a twin with equal weights {twin}"
    trusted = survived.transfers == survived.hearings and twin.transfers == twin.hearings
    sentence = f"The pipeline {'works' if trusted else 'is in doubt'}, since {controls}"
    bound = _bound(tables, level)
    claims = tables["claims"].set_index("claim")["verdict"]
    seeds = [str(claims[name]) for name in ("cw-seed", "pgd-seed") if name in claims.index]
    known = list(dict.fromkeys(one for one in seeds if one != "not tested"))
    judged = f"the published claim of no transfer is {' and '.join(known)}" if known else ""
    return sentence + "".join(f"; {part}" for part in (bound, judged) if part) + "."


def survival(tables: Tables) -> Count:
    """Stored samples that their own surrogate hears as the target, from disk."""
    checks = tables["checks"]
    row = checks[checks["check"] == "survival"].iloc[0]
    return Count(int(row["checked"] - row["wrong"]), int(row["checked"]))


def transferred_twin(tables: Tables) -> Count:
    """Samples of a surrogate that its twin hears as well."""
    checks = tables["checks"]
    rows = checks[checks["check"].str.contains(" hears what ")]
    return Count(int((rows["checked"] - rows["wrong"]).sum()), int(rows["checked"].sum()))


def _pooled(tables: Tables, arm: str) -> Mapping[str, float] | None:
    arms = tables["arms"]
    rows = arms[(arms["arm"] == arm) & (arms["target_kind"] == "phrase") & (arms["attack"] == POOLED)]
    rows = rows[(rows["counted"] == "all") & (rows["hearings"] > 0)]
    return None if rows.empty else {str(key): value for key, value in rows.iloc[0].to_dict().items()}


def _bound(tables: Tables, level: float) -> str:
    row = _pooled(tables, "seed")
    if row is None:
        return ""
    units = words.many(int(row["utterances"]), "utterance")
    if row["utterances_hit"]:
        limits = f"{words.percent(row['utterance_lower'])} to {words.percent(row['utterance_upper'])}"
        hit = f"{int(row['utterances_hit'])} of {units} transferred to another seed"
        return f"{hit} ({limits} at {words.percent(level)} confidence)"
    bound = words.percent(row["utterance_bound"])
    return (
        f"with {units}, up to {bound} of utterances could still transfer to another seed "
        f"(at {words.percent(level)} confidence)"
    )


ARM_TILES = {
    "seed": ("Another seed", "hears the phrase"),
    "ulp": ("One ulp apart", "hears the phrase; one initial weight differs by its last bit"),
    "native": ("Same seed, run again", "hears the phrase"),
}


def tiles(tables: Tables, level: float) -> list[Tile]:
    """The numbers behind the verdict."""
    found = []
    for arm, (label, note) in ARM_TILES.items():
        count, row = transferred(tables, "phrase", (arm,)), _pooled(tables, arm)
        if count.hearings and row is not None:
            found.append(Tile(label, str(count), f"{note}; {_units(row, level)}"))
    survived, twin = survival(tables), transferred_twin(tables)
    found.append(_control("Own surrogate", survived, "positive control: stored samples, heard again"))
    if twin.hearings:
        found.append(_control("Twin", twin, "positive control: trained apart, equal weights"))
    success = tables["attack-success"]
    reached, tried = int(success["reached"].sum()), int(success["utterances"].sum())
    found.append(Tile("Attacks", str(Count(reached, tried)), "attempts reached their target; failures are kept"))
    return found


def _control(label: str, count: Count, note: str) -> Tile:
    return Tile(label, str(count), note, "good" if count.transfers == count.hearings else "bad")


def _units(row: Mapping[str, float], level: float) -> str:
    units = words.many(int(row["utterances"]), "utterance")
    if row["utterances_hit"] == 0:
        return f"at most {words.percent(row['utterance_bound'])} of {units} at {words.percent(level)}"
    return f"{int(row['utterances_hit'])} of {units}"


def claims(tables: Tables) -> str:
    """How the published claims fared."""
    claims = tables["claims"]
    counts = claims["verdict"].value_counts()
    order = ("supported", "contradicted", "undecided at this size", "not tested")
    parts = [f"{counts[word]} {word}" for word in order if word in counts]
    sentence = f"Of {words.many(len(claims), 'published claim')}: {', '.join(parts)}."
    if "undecided at this size" in counts:
        sentence += " Undecided speaks of this study's size, not of the claim: the bound is what it still allows."
    return sentence


def phrases(tables: Tables, attack: str) -> str:
    """Samples and transfers of one attack beside the published table."""
    table, published = tables[attack], TABLES[attack]
    total = table.iloc[-1]
    seed = Count(int(total.get("seed_transfers", 0)), int(total.get("seed_hearings", 0)))
    reached = Count(int(total["reached"]), int(total["attempts"]))
    stated = words.grouped(published.stated_total)
    remark = "" if published.total == published.stated_total else f" (the rows' sum; stated {stated})"
    return (
        f"{reached} attempts reached their phrase and left {words.many(int(total['samples']), 'sample')}; "
        f"{seed} hearings by another seed are transfers. Published: {published.transfers} of "
        f"{words.many(published.total, 'sample')}{remark}."
    )


def who_hears_whom(material: Material) -> str:
    """The pair of models with most transfer, and how that compares with the surrogates themselves."""
    tables = material.tables
    table = tables["transfers"]
    rows = table[(table["counted"] == "all") & (table["target_kind"] == "phrase")]
    summed = (
        rows.groupby(["surrogate", "remote", "arm"], sort=False)[["hearings", "transfers", "top_ten"]]
        .sum()
        .reset_index()
    )
    weights = {model: card["weights_sha256"] for model, card in material.cards.items()}
    other = summed[summed["surrogate"].map(weights) != summed["remote"].map(weights)]
    other = other[other["hearings"] > 0]
    if other.empty:
        return "No other model heard a phrase."
    transfers, tops = int(other["transfers"].sum()), int(other["top_ten"].sum())
    if transfers:
        best = other.assign(share=other["transfers"] / other["hearings"]).sort_values("share", kind="stable").iloc[-1]
        return (
            f"Phrases transfer most from {best['surrogate']} to {best['remote']}: "
            f"{Count(best['transfers'], best['hearings'])} hearings."
        )
    rest = f"it is in the top ten {words.many(tops, 'time')}" if tops else "nor is it ever among the top ten"
    return f"In none of {words.many(len(other), 'pair')} of different models is a phrase the top text; {rest}."


def distance_to_target(material: Material) -> str:
    """Whether another seed comes nearer to the target than clean audio does."""
    rows = material.distances[material.distances["target_kind"] == "phrase"]
    seed = rows[rows["arm"] == "seed"]
    kinds = ("adversarial", "clean", "noise", "shuffled")
    heard, clean, noise, shuffled = (quantile(seed[seed["kind"] == kind], 0.5) for kind in kinds)
    if heard != heard or clean != clean:
        return "No model of another seed heard a phrase."
    ulp = quantile(rows[(rows["arm"] == "ulp") & (rows["kind"] == "adversarial")], 0.5)
    beside = "" if ulp != ulp else f"; what a model one ulp apart hears, {ulp:.2f}"
    controls = min(value for value in (clean, noise, shuffled) if value == value)
    partial = (
        "That is nearer than any control: part of the phrase transfers."
        if heard < controls - NEARER
        else "That is no nearer than the controls: no part of the phrase is seen to transfer."
    )
    return (
        f"In the median, what another seed hears in a sample is {heard:.2f} edits per character away from "
        f"the phrase{beside}. In clean audio it is {clean:.2f}, in noise of equal size {noise:.2f}, in the "
        f"shuffled perturbation {shuffled:.2f}. {partial}"
    )


def confidence(material: Material) -> str:
    """What high confidence costs in decibels."""
    stored = material.samples[(material.samples["status"] == "sample") & material.samples["primary"]]
    stored = stored[stored["target_kind"] == "phrase"]
    parts = []
    for (attack, level), cell in stored.groupby(["attack", "confidence"]):
        cost = f"K1 {cell['k1'].median():.2f} at {cell['snr_db'].median():.0f}\u202fdB"
        parts.append(f"{words.ATTACKS[str(attack)]} {level} {cost}")
    return f"Median over phrases: {'; '.join(parts)}." if parts else "No sample was stored for a phrase."


def training(material: Material) -> str:
    """Range of word error rates, and whether anything unintended differed."""
    models = material.tables["models"]
    rates = models["test_wer"]
    differing = models.loc[models["unintended"].fillna("") != "", "model"]
    proof = (
        f"Cards of {', '.join(differing)} differ in something that was not meant to differ."
        if len(differing)
        else "Their cards differ in nothing but seed, arm and what follows from them."
    )
    span = f"{words.percent(rates.min())} to {words.percent(rates.max())}"
    return f"{words.many(len(models), 'model')} with test WER {span}. {proof}"


def attack_success(tables: Tables) -> str:
    """Easiest and hardest target."""
    table = tables["attack-success"]
    summed = table.groupby(["attack", "target", "confidence"], sort=False)[["reached", "utterances"]].sum()
    share = (summed["reached"] / summed["utterances"]).sort_values(kind="stable")
    if share.empty:
        return "Nothing was attacked."
    names = [f"{words.ATTACKS[str(key[0])]} {str(key[1]).replace('-', ' ')} ({key[2]})" for key in share.index]
    hardest, easiest = (f"{names[end]}, {words.percent(share.iloc[end])}" for end in (0, -1))
    return f"Hardest: {hardest}; easiest: {easiest}."


def near_targets(tables: Tables) -> str:
    """Whether near targets transfer beyond the clean audio's base rate."""
    table = tables["near-targets"]
    if table.empty:
        return "No near target was attacked."
    rows = table[(table["arm"] == "seed") & (table["counted"] == "primary") & (table["hearings"] > 0)]
    if rows.empty:
        return "No model of another seed heard a near target."
    heard, tops = (int(rows[name].sum()) for name in ("transfers", "top_ten"))
    hearings = int(rows["hearings"].sum())
    clean = float((rows["clean_top_ten_share"] * rows["clean_hearings"]).sum() / rows["clean_hearings"].sum())
    share = tops / hearings
    verb = "more often than" if share > clean else "no more often than"
    return (
        f"Near targets are the top text of another seed in {Count(heard, hearings)} hearings and in its top "
        f"ten in {words.percent(share)}, {verb} for the clean audio ({words.percent(clean)}), the base rate "
        "that a top-ten share is to be held against."
    )


def controls(tables: Tables) -> str:
    """Hits of audio that should not carry the target."""
    table = tables["controls"]
    rows = table[table["kind"].isin(["shuffled", "moved", "noise", "clean"]) & (table["target_kind"] == "phrase")]
    count = Count(int(rows["transfers"].sum()), int(rows["hearings"].sum()))
    return f"Clean, shuffled, moved and noisy audio is heard as the phrase in {count} hearings by any model."
