"""The table of families: transfer within a family of recognisers and across, beside controls and clean agreement."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import product

import numpy as np
import pandas as pd

from asrtransfer.tables import counting
from asrtransfer.tables.design import SAMPLE, STRANGERS, Design
from asrtransfer.tables.doses import CONTROLS, find_best_control
from asrtransfer.tables.ladder import describe_hearings, rate_remotes
from asrtransfer.tables.models import read_tops
from asrtransfer.tables.results import Results
from asrtransfer.tables.transfers import count_units, list_cells

ALL_OTHERS = "all others"
"""In the column remote_family: all families but the surrogate's; no family can have this name."""
COLUMNS = ["surrogate_family", "remote_family", "target_kind", "attack", "confidence", "hearings"]
"""Of the table where no stranger hears."""
Ends = list[tuple[str, str]]
"""Surrogates and remotes."""


def families(results: Results, design: Design) -> pd.DataFrame:
    """Count transfers of primary samples to strangers by the families of surrogate and remote.

    Shares of families with few texts are not comparable as they are, since chance hits more often there. So each row
    has the excess over the best negative control, and how much nearer to the phrase the samples come, in nats a word.

    One row a family of surrogates, a family of remotes (last all but the surrogate's own together), kind of target,
    attack and confidence, those of all attacks together first.
    """
    heard = results.hearings[results.hearings["primary"] & results.hearings["arm"].isin(STRANGERS)]
    stored = results.samples[results.samples["primary"]]
    sizes = stored[[*SAMPLE, "snr_db", "phrase"]].astype({"iteration": "int64"})
    rates, agreement = rate_remotes(results), _compare_clean(results, design)
    ends_of = pd.MultiIndex.from_arrays([heard["surrogate"].astype(str), heard["remote"].astype(str)])
    rows = []
    for ((surrogates, remotes), ends), (cell, chosen) in product(_list_pairs(design), list_cells(design)):
        part = counting.selected(heard[ends_of.isin(ends)], **chosen)
        rows.append(
            {"surrogate_family": surrogates, "remote_family": remotes}
            | cell
            | count_units(counting.adversarial(part), design)
            | describe_hearings(part, sizes, rates)
            | _measure_excess(part, design)
            | _measure_gain(part, sizes, design)
            | _count_spoken(part)
            | {"agreement": float(np.mean([agreement[pair] for pair in ends]))}
        )
    return pd.DataFrame(rows, columns=None if rows else COLUMNS)


def _list_pairs(design: Design) -> Iterator[tuple[tuple[str, str], Ends]]:
    """List families of surrogate and remote, in the order of the models, each with its surrogates and remotes."""
    order = list(dict.fromkeys(model.family for model in design.models.values()))
    strangers = [(surrogate, remote) for surrogate, remote, arm in design.hearings if arm in STRANGERS]
    own = {surrogate: _name_family(design, surrogate) for surrogate in design.surrogates}
    for family in dict.fromkeys(own.values()):
        ends = [pair for pair in strangers if own[pair[0]] == family]
        parts = {one: [pair for pair in ends if design.models[pair[1]].family == one] for one in order}
        found = {one: part for one, part in parts.items() if part}
        for one, part in found.items():
            yield (family, one), part
        foreign = [pair for one, part in found.items() if one != family for pair in part]
        if foreign:
            yield (family, ALL_OTHERS), foreign


def _name_family(design: Design, surrogate: str) -> str:
    """Name the family of a surrogate; of several families all, joined by +."""
    return "+".join(dict.fromkeys(design.models[member].family for member in design.surrogates[surrogate]))


def _compare_clean(results: Results, design: Design) -> Mapping[tuple[str, str], float]:
    """Compute the share of test utterances in which surrogate and remote have the same top text, mean over members."""
    tops = {name: np.array(read_tops(clean, "test")[2]) for name, clean in results.clean.items()}
    return {
        (surrogate, remote): float(np.mean([tops[one] == tops[remote] for one in design.surrogates[surrogate]]))
        for surrogate, remote, arm in design.hearings
        if arm in STRANGERS
    }


def _measure_excess(rows: pd.DataFrame, design: Design) -> dict[str, float]:
    """Compute the share of hits minus that of the best negative control, of the same samples."""
    keys = [*SAMPLE, "remote"]
    control = find_best_control(rows, "hit")[[*keys, "hit"]]
    pairs = counting.adversarial(rows).merge(control, on=keys, suffixes=("", "_control"), validate="one_to_one")
    values = pairs["hit"].astype("float64") - pairs["hit_control"].astype("float64")
    return _average("excess", pairs, values, design)


def _measure_gain(rows: pd.DataFrame, sizes: pd.DataFrame, design: Design) -> dict[str, float]:
    """Compute by how much the loss of the target falls, in nats a word, in samples and in the best negative control.

    Unknown where the remote tells no loss, and where the target does not fit into the audio.
    """
    phrases = rows[SAMPLE].merge(sizes, on=SAMPLE, how="left")["phrase"]
    words = np.array([len(phrase.split()) for phrase in phrases], dtype="float64")
    with np.errstate(invalid="ignore"):
        fall = (rows["ctc_loss_clean"] - rows["ctc_loss"]).to_numpy(dtype="float64")
    gains = rows.assign(gain=np.where(np.isfinite(fall), fall / words, math.nan)).dropna(subset="gain")
    heard = counting.adversarial(gains)
    controls = gains[gains["kind"].isin(CONTROLS)].groupby("kind", observed=True)["gain"].mean()
    return _average("gain", heard, heard["gain"], design) | {"control_gain": controls.max()}


def _average(name: str, rows: pd.DataFrame, values: pd.Series, design: Design) -> dict[str, float]:
    """Compute a mean over hearings and its limits, utterances and surrogates resampled."""
    limits = counting.resampled(rows.assign(**{name: values}), design.settings, outcome=name)
    mean = float(values.mean()) if len(values) else math.nan
    return {name: mean, f"{name}_lower": limits.lower, f"{name}_upper": limits.upper}


def _count_spoken(rows: pd.DataFrame) -> dict[str, int]:
    """Count the spoken phrases that the remotes hear as meant: what they could hear at all."""
    spoken = counting.select_spoken(rows)
    return {"spoken_hearings": len(spoken), "spoken_hits": int(spoken["hit"].sum())}
