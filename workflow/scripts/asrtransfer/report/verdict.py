"""The verdict: a study's tables in a dozen plain lines."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from asrtransfer.files.errors import InputError
from asrtransfer.tables.claims import ATTACKS, MARGIN
from asrtransfer.tables.design import POOLED

ARMS = {"seed": "another seed", "ulp": "one ulp apart", "native": "same seed, run again"}
VERDICTS = ("supported", "contradicted", "undecided at this size", "not tested")
LABEL = max(map(len, ARMS.values())) + 2

Tables = Mapping[str, pd.DataFrame]
Row = Mapping[Any, Any]


def verdict(tables: Tables, level: float, folder: str) -> list[str]:
    """Say what a study found.

    Args:
        tables: those of :func:`asrtransfer.tables.tabulate`.
        level: of confidence, of every bound in the tables.
        folder: where the tables lie, for the reader.

    Returns:
        Lines.

    Raises:
        InputError: if a fatal check failed, so that nothing can be concluded.
    """
    checks, success = tables["checks"], tables["attack-success"]
    _trust(checks, folder)
    lines = [
        ("samples", _samples(success, tables["failures"])),
        ("survival", _survival(checks, folder)),
        ("twin", _twin(checks)),
        *((ARMS[arm], line) for arm in ARMS for line in _transfers(tables["arms"], arm)),
        *_near(tables["near-targets"]),
        ("models", _models(tables["models"], folder)),
        *_twins_by_accident(tables["models"]),
        *_claims(tables["claims"], level),
        (
            "more",
            f"{folder}/claims.csv, arms.csv, near-targets.csv, failures.csv; columns.csv explains them",
        ),
    ]
    return [
        f"VERDICT, bounds at {percent(level)} confidence",
        *(f"{label:{LABEL}}{text}" for label, text in lines),
    ]


def percent(share: float) -> str:
    """A share as a reader wants it: 22 %, 3.0 %, 0.017 %, 99.95 %."""
    value = 100 * share
    if value in (0, 100) or 10 <= value <= 99:
        return f"{value:.0f} %"
    return f"{value:.4g} %" if value > 99 else f"{value:#.2g} %"


def _trust(checks: pd.DataFrame, folder: str) -> None:
    broken = checks[checks["fatal"] & ~checks["passed"]]
    if len(broken):
        row = broken.iloc[0]
        raise InputError(
            f"the pipeline cannot be trusted, so there is no verdict: {row['check']}: {row['wrong']} of "
            f"{row['checked']} wrong ({row['meaning']}; {folder}/checks.csv). Train, attack and hear on one "
            "kind of machine with one number of threads: delete the results and run again"
        )


def _samples(success: pd.DataFrame, failures: pd.DataFrame) -> str:
    made = ", ".join(
        f"{ATTACKS[str(attack)]} {rows['samples'].sum()}" for attack, rows in success.groupby("attack", sort=False)
    )
    counts = failures["status"].value_counts().sort_index()
    kinds = ", ".join(f"{count} {status}" for status, count in counts.items())
    return (
        f"{made}; {_many(success['utterances'].max(), 'utterance')}, "
        f"{_many(success['surrogate'].nunique(), 'surrogate')}; {len(failures)} of "
        f"{success['utterances'].sum()} attempts left none" + (f" ({kinds})" if kinds else "")
    )


def _survival(checks: pd.DataFrame, folder: str) -> str:
    row = checks[checks["check"] == "survival"].iloc[0]
    line = f"{row['checked'] - row['wrong']} of {row['checked']} samples are heard as meant by their surrogate"
    return f"{line}; ALL SHOULD BE: see {folder}/controls.csv, arm self" if row["wrong"] else line


def _twin(checks: pd.DataFrame) -> str:
    weights = checks[checks["check"].str.startswith("weights of ")]
    heard = checks.loc[checks["check"].str.contains(" hears what "), "checked"].sum()
    if weights.empty:
        return "none in this study; add seed-N.twin to models to prove that a transfer would be seen"
    return f"weights equal, as they must be; it hears {heard} of {heard} samples as its surrogate does"


def _transfers(arms: pd.DataFrame, arm: str) -> list[str]:
    rows = arms[(arms["arm"] == arm) & (arms["target_kind"] == "phrase")]
    rows = rows[(rows["attack"] == POOLED) & (rows["counted"] == "all")]
    return [_transfer(row) for row in rows.to_dict("records")]


def _transfer(row: Row) -> str:
    line = f"{row['transfers']} of {row['hearings']} hearings of phrases transfer"
    if not row["hearings"]:
        return line
    return f"{line}: {_units(row, 'utterance', 'utterance')}, {_units(row, 'pair', 'model pair')}"


def _units(row: Row, unit: str, noun: str) -> str:
    hits, units, bound = row[f"{unit}s_hit"], row[f"{unit}s"], row[f"{unit}_bound"]
    if math.isnan(bound):
        limits = f"{percent(row[f'{unit}_lower'])} to {percent(row[f'{unit}_upper'])}"
    else:
        limits = f"{'at least' if hits else 'at most'} {percent(bound)}"
    return f"{hits} of {_many(units, noun)} ({limits})"


def _near(near: pd.DataFrame) -> list[tuple[str, str]]:
    rows = near[(near["arm"] == "seed") & (near["counted"] == "primary") & (near["hearings"] > 0)]
    lines = [
        f"{ATTACKS[row['attack']]}, rank {row['rank']}, {row['confidence']}: {percent(row['share'])} "
        f"transfer to another seed, {percent(row['top_ten_share'])} in its top ten "
        f"({percent(row['clean_top_ten_share'])} for clean audio)"
        for row in rows.to_dict("records")
    ]
    return [("near targets" if index == 0 else "", line) for index, line in enumerate(lines)]


def _models(models: pd.DataFrame, folder: str) -> str:
    rates, right = models["test_wer"], models["test_right"]
    differing = models.loc[models["unintended"] != "", "model"]
    line = (
        f"{len(models)}; test WER {percent(rates.min())} to {percent(rates.max())}, {right.min()} to "
        f"{right.max()} of {models['test_utterances'].max()} utterances right"
    )
    if len(differing):
        return f"{line}; UNINTENDED DIFFERENCES in {', '.join(differing)}: see {folder}/models.csv"
    return line


def _twins_by_accident(models: pd.DataFrame) -> list[tuple[str, str]]:
    """Arms that should differ from their base and do not, as where arithmetic is deterministic."""
    same = models["same_weights_as_base"].fillna(False).astype(bool) & (models["arm"] != "twin")
    return [
        (
            "",
            f"{name} has the weights of {name.split('.')[0]}: it is a twin, and no claim counts it",
        )
        for name in models.loc[same, "model"]
    ]


def _claims(claims: pd.DataFrame, level: float) -> list[tuple[str, str]]:
    lines = []
    for word in VERDICTS:
        names = claims.loc[claims["verdict"] == word, "claim"]
        if len(names):
            which = "all " if len(names) == len(claims) else ""
            lines.append(f"{which}{len(names)} {word}" + ("" if which else f": {', '.join(names)}"))
    if (claims["verdict"] == "undecided at this size").any():
        needed = math.floor(math.log(1 - level) / math.log(1 - MARGIN)) + 1
        lines.append(f"(to support that none transfers takes {needed} utterances without a hit)")
    return [("published claims" if index == 0 else "", line) for index, line in enumerate(lines)]


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
