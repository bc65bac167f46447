"""Facts of a study, computed once from its tables; verdict and page only print them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import pandas as pd

from asrtransfer.report.judged import Claims, judge_absence, sort_claims
from asrtransfer.report.rows import LADDER, OTHERS, choose_kind, select_near, select_pooled
from asrtransfer.tables import checks
from asrtransfer.tables.design import POOLED, STRANGERS, Design
from asrtransfer.tables.results import heard_by_others, repeats

Tables = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Count:
    """Hits among a number of things."""

    hits: int
    total: int

    @property
    def all(self) -> bool:
        """Whether all hit."""
        return self.hits == self.total


@dataclass(frozen=True)
class Broken:
    """A fatal check that failed."""

    check: str
    wrong: int
    checked: int
    meaning: str


@dataclass(frozen=True)
class Units:
    """Independent units that hit, with the limits of their share.

    Attributes:
        count: of the units.
        lower: two-sided limit.
        upper: two-sided limit.
        bound: one-sided limit where all units agree; None where they do not.
    """

    count: Count
    lower: float
    upper: float
    bound: float | None


@dataclass(frozen=True)
class Arm:
    """Transfers of all samples of the kind of target that sentences are about, to the remotes of an arm.

    Attributes:
        name: of the arm.
        heard: hearings by remotes that do not have the surrogate's own weights.
        own: hearings by the remotes of the arm that do, and so are no other models.
        utterances: with a transfer; None if there are no hearings, or some are by remotes with the surrogate's weights.
        pairs: of surrogate and remote with a transfer; None as ``utterances``.
    """

    name: str
    heard: Count
    own: int
    utterances: Units | None
    pairs: Units | None


@dataclass(frozen=True)
class Rung:
    """Primary samples of that kind, as the remotes of a rung hear them, which is neither strangers nor a twin.

    Attributes:
        common: what remote and surrogate have in common.
        heard: transfers among hearings.
        utterances: with a transfer.
    """

    common: str
    heard: Count
    utterances: Units


@dataclass(frozen=True)
class Near:
    """Primary samples of one near target, as the remotes of an arm hear them; shares are 0..1."""

    attack: str
    rank: int
    confidence: str
    arm: str
    hearings: int
    transfers: int
    top_ten: int
    clean_hearings: int
    share: float
    top_ten_share: float
    clean_top_ten_share: float


@dataclass(frozen=True)
class Changed:
    """Primary samples whose target is the truth with some words changed, as the remotes of an arm hear them."""

    attack: str
    words: int
    confidence: str
    arm: str
    heard: Count
    utterances: Units
    control_share: float


@dataclass(frozen=True)
class Models:
    """How well the models hear, and where they differ.

    Attributes:
        count: of the models.
        lowest: smallest word error rate of the test split.
        highest: largest one.
        fewest: smallest number of test utterances transcribed exactly right.
        most: largest one.
        utterances: of the test split.
        differing: models whose card differs in something unintended.
        accidental_twins: (model, base) of arms that have the weights of their base although meant to differ.
    """

    count: int
    lowest: float
    highest: float
    fewest: int
    most: int
    utterances: int
    differing: tuple[str, ...]
    accidental_twins: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Facts:
    """A study in numbers.

    Attributes:
        level: of confidence, of every bound.
        broken: fatal checks that failed: with any, nothing below can be trusted.
        samples: stored samples by attack.
        kind: of target that sentences are about.
        kind_samples: stored samples for such targets.
        reached: attempts that reached their target.
        failures: attempts without a sample, by status.
        utterances: attacked.
        surrogates: attacked.
        survival: hearings of stored samples by their own surrogate as the target.
        ensembles: whether a surrogate has several members, each of which hears its samples.
        has_twin: whether the study has a twin.
        twin: samples that a surrogate hears as the target and its twin hears as well.
        spoken: phrases spoken by a voice that a stranger hears as meant.
        arms: those of :data:`OTHERS` that the study has.
        rungs: from the one that shares least with the surrogate.
        near: by near target, confidence and those of :data:`STRANGERS` that heard any.
        changed: the same of targets with words changed.
        models: of the study.
        published: claims with a published figure.
        other: claims without one.
        absence: distinct verdicts on the claim that no sample transfers to another seed, over attacks of which it was
            published, without those not tested.
    """

    level: float
    broken: tuple[Broken, ...]
    samples: Mapping[str, int]
    kind: str
    kind_samples: int
    reached: Count
    failures: Mapping[str, int]
    utterances: int
    surrogates: int
    survival: Count
    ensembles: bool
    has_twin: bool
    twin: Count
    spoken: Count
    arms: tuple[Arm, ...]
    rungs: tuple[Rung, ...]
    near: tuple[Near, ...]
    changed: tuple[Changed, ...]
    models: Models
    published: Claims
    other: Claims
    absence: tuple[str, ...]

    def arm(self, name: str) -> Arm | None:
        """Return an arm that has hearings by other models, or None."""
        return next((arm for arm in self.arms if arm.name == name and arm.heard.total), None)


def gather(design: Design, tables: Tables) -> Facts:
    """Compute the facts of a study.

    Args:
        design: of the study.
        tables: those of :func:`asrtransfer.tables.tabulate`.
    """
    success, failures = tables["attack-success"], tables["failures"]
    level = design.settings.confidence_level
    attacked, kind = _count_attacked(design, success), choose_kind(tables)
    return Facts(
        level=level,
        broken=_find_broken(tables["checks"]),
        samples={str(attack): int(rows["samples"].sum()) for attack, rows in success.groupby("attack", sort=False)},
        kind=kind,
        kind_samples=int(success.loc[success["target_kind"] == kind, "samples"].sum()),
        reached=Count(int(success["reached"].sum()), int(success["utterances"].sum())),
        failures={str(status): int(count) for status, count in failures["status"].value_counts().sort_index().items()},
        utterances=attacked,
        surrogates=success["surrogate"].nunique(),
        survival=_count_right(tables["checks"], {checks.SURVIVAL}),
        ensembles=any(len(members) > 1 for members in design.surrogates.values()),
        has_twin=any(model.arm == "twin" for model in design.models.values()),
        twin=_count_right(
            tables["checks"],
            {checks.name_hearing_check(one, twin) for one, twin, arm in design.hearings if arm == "twin"},
        ),
        spoken=_count_right(tables["checks"], {checks.SPOKEN}),
        arms=tuple(_describe_arms(design, tables, kind)),
        rungs=tuple(_list_rungs(tables["ladder"], kind)),
        near=_list_near(tables["near-targets"]),
        changed=tuple(_list_changed(tables["doses"])),
        models=_describe_models(design, tables["models"]),
        published=sort_claims(tables["claims"], attacked, published=True),
        other=sort_claims(tables["claims"], attacked, published=False),
        absence=judge_absence(design, tables["claims"]),
    )


def _count_attacked(design: Design, success: pd.DataFrame) -> int:
    """Count the utterances that were attacked: those of any job of a grid, or of all jobs that they were dealt to."""
    if design.kind == "grid":
        return int(success["utterances"].max())
    # An utterance has one phrase, and every other target.
    phrase = success["target"].where(success["target_kind"] != "phrase", "phrase")
    return int(success.groupby([success["attack"], success["confidence"], phrase])["utterances"].sum().max())


def once(rows: pd.DataFrame, weights: Mapping[str, str]) -> pd.DataFrame:
    """Select rows of surrogate, remote and arm without repeated hearings, as the tables count.

    Args:
        rows: with these columns.
        weights: by model, the hash.
    """
    ends = pd.MultiIndex.from_frame(rows[["surrogate", "remote", "arm"]].astype(str))
    known = ends.unique()
    kept = [end for end, again in zip(known, repeats(list(known), weights), strict=True) if not again]
    return rows[ends.isin(kept)]


def hash_weights(models: pd.DataFrame) -> dict[str, str]:
    """Return the hash of each model's weights, from the table of models."""
    return {str(name): str(weights) for name, weights in zip(models["model"], models["weights_sha256"], strict=True)}


def pair_up(design: Design, tables: Tables, kind: str) -> pd.DataFrame:
    """Sum hearings of all samples by surrogate and other model, without repeated hearings.

    Args:
        design: of the study.
        tables: of the study.
        kind: of target.

    Returns:
        surrogate, remote, arm, hearings, transfers, top_ten; pairs without hearings are left out.
    """
    table, weights = tables["transfers"], hash_weights(tables["models"])
    rows = table[(table["counted"] == "all") & (table["target_kind"] == kind) & (table["hearings"] > 0)]
    rows = heard_by_others(once(rows, weights), design, weights)
    return sum_pairs(rows)


def sum_pairs(rows: pd.DataFrame) -> pd.DataFrame:
    """Sum hearings, transfers and top_ten by surrogate, remote and arm."""
    counts = ["hearings", "transfers", "top_ten"]
    return rows.groupby(["surrogate", "remote", "arm"], sort=False)[counts].sum().reset_index()


def _find_broken(table: pd.DataFrame) -> tuple[Broken, ...]:
    failed = table[table["fatal"] & ~table["passed"]]
    names = [field.name for field in fields(Broken)]
    return tuple(Broken(**{name: row[name] for name in names}) for row in failed.to_dict("records"))


def _count_right(table: pd.DataFrame, names: set[str]) -> Count:
    rows = table[table["check"].isin(names)]
    return Count(int((rows["checked"] - rows["wrong"]).sum()), int(rows["checked"].sum()))


def _describe_arms(design: Design, tables: Tables, kind: str) -> Iterator[Arm]:
    rows, pairs = tables["arms"], pair_up(design, tables, kind)
    rows = rows[rows["target_kind"] == kind]
    for name in OTHERS:
        if name in set(rows["arm"]):
            yield _describe_arm(name, rows[rows["arm"] == name], pairs[pairs["arm"] == name])


def _describe_arm(name: str, rows: pd.DataFrame, pairs: pd.DataFrame) -> Arm:
    rows = rows[(rows["attack"] == POOLED) & (rows["counted"] == "all") & (rows["hearings"] > 0)]
    heard = Count(int(pairs["transfers"].sum()), int(pairs["hearings"].sum()))
    if rows.empty:
        return Arm(name, heard, 0, None, None)
    row = rows.iloc[0].to_dict()
    own = int(row["hearings"]) - heard.total
    utterances, models = (read_units(row, unit) for unit in ("utterance", "pair"))
    return Arm(name, heard, own, *((None, None) if own else (utterances, models)))


def read_units(row: Mapping[Any, Any], unit: str) -> Units:
    """Read the units of a row of the table of arms: ``utterance``, ``pair`` or ``surrogate``."""
    bound = float(row[f"{unit}_bound"])
    return Units(
        Count(int(row[f"{unit}s_hit"]), int(row[f"{unit}s"])),
        float(row[f"{unit}_lower"]),
        float(row[f"{unit}_upper"]),
        None if math.isnan(bound) else bound,
    )


def _list_rungs(table: pd.DataFrame, kind: str) -> Iterator[Rung]:
    rows = select_pooled(table, kind)
    for row in rows[rows["arm"].isin(LADDER)].to_dict("records"):
        yield Rung(row["common"], Count(int(row["transfers"]), int(row["hearings"])), read_units(row, "utterance"))


def _list_near(table: pd.DataFrame) -> tuple[Near, ...]:
    names = [field.name for field in fields(Near)]
    return tuple(Near(**{name: row[name] for name in names}) for row in select_near(table).to_dict("records"))


def _list_changed(table: pd.DataFrame) -> Iterator[Changed]:
    rows = table[table["target"].str.startswith("words-") & table["arm"].isin(STRANGERS) & (table["hearings"] > 0)]
    for row in rows.to_dict("records"):
        heard = Count(int(row["transfers"]), int(row["hearings"]))
        words, utterances = int(row["target"].removeprefix("words-")), read_units(row, "utterance")
        yield Changed(
            row["attack"], words, row["confidence"], row["arm"], heard, utterances, float(row["control_share"])
        )


def _describe_models(design: Design, table: pd.DataFrame) -> Models:
    # Through a channel a model is heard a second time.
    table = table[table["channel"] == ""]
    rates, right = table["test_wer"], table["test_right"]
    same = table["same_weights_as_base"].fillna(False).astype(bool) & (table["arm"] != "twin")
    return Models(
        count=len(table),
        lowest=float(rates.min()),
        highest=float(rates.max()),
        fewest=int(right.min()),
        most=int(right.max()),
        utterances=int(table["test_utterances"].max()),
        differing=tuple(table.loc[table["unintended"].fillna("") != "", "model"]),
        accidental_twins=tuple((name, design.models[name].base) for name in table.loc[same, "model"]),
    )
