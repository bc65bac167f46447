"""A quick look as one page, in the looks of a study's report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from asrtransfer.attacks.samples import read_audio
from asrtransfer.quick.findings import ATTEMPT_COLUMNS, LEVEL, RELATIONS, Look, write_pair
from asrtransfer.report import tables, words
from asrtransfer.report.findings import Tile
from asrtransfer.report.frame import render_page
from asrtransfer.report.gallery import Sound, make_sounds, read_top
from asrtransfer.report.tables import Table

TEMPLATES = Path(__file__).parents[3] / "report"
MOST_SAMPLES = 24
"""Samples to hear in a page, so that it stays below some ten megabytes."""
SECTIONS = [("verdict", "Verdict"), ("pairs", "Who hears what"), ("listen", "Listen"), ("tables", "Tables")]
HEARD_LABELS = {"remote": "recogniser", "relation": "is to the surrogate", "hit": "phrase", "rank": "phrase's rank"}
HEARD_LABELS |= {"sample": "hears in the sample", "clean": "hears in the original", "cer_target": "CER to the phrase"}


@dataclass(frozen=True)
class Exhibit:
    """A sample to hear.

    Attributes:
        surrogate: for whom it was made.
        utterance: name of the utterance.
        snr_db: signal-to-noise ratio, dB; None where it is not known.
        gain: by which the perturbation was amplified.
        sounds: original, perturbation, sample.
        heard: what every recogniser hears.
        reached: other recognisers that hear the phrase.
    """

    surrogate: str
    utterance: str
    snr_db: float | None
    gain: float
    sounds: tuple[Sound, ...]
    heard: Table
    reached: list[str]


def render(look: Look) -> str:
    """Write the page: HTML that loads nothing, the same for the same look."""
    primary = look.samples[look.samples["primary"]]
    return render_page(
        TEMPLATES,
        "look.html",
        [],
        title="Who hears what was made for whom",
        sections=SECTIONS,
        look=look,
        broken=not all(check.passed for check in look.checks),
        tiles=_lay_out_tiles(look),
        matrix=_lay_out_matrix(look),
        write_pair=write_pair,
        exhibits=[_lay_out_sample(look, row) for _, row in primary.head(MOST_SAMPLES).iterrows()],
        left_out=max(0, len(primary) - MOST_SAMPLES),
        tables=_lay_out_tables(look),
    )


def _lay_out_tiles(look: Look) -> list[Tile]:
    others = look.others
    found = [Tile("Other recognisers", f"{others.transfers} of {others.hearings}", "hearings as the phrase")]
    for check in look.checks:
        state = "good" if check.passed else "bad"
        found.append(Tile("Positive control", f"{check.right} of {check.checked}", check.name, state))
    note = "clean, shuffled, moved and noisy audio heard as the phrase by another recogniser"
    return [*found, Tile("Negative controls", f"{others.controls_hit} of {others.controls}", note)]


def _lay_out_matrix(look: Look) -> Table:
    """Lay out transfers of hearings: a row a surrogate, a column a remote."""
    shares = {(pair.surrogate, pair.remote): f"{pair.transfers}/{pair.hearings}" for pair in look.pairs}
    frame = pd.DataFrame(
        [{remote: shares[surrogate, remote] for remote in look.recognisers} for surrogate in look.surrogates]
    )
    frame.insert(0, "made for", look.surrogates)
    return tables.table("matrix", "Who hears what was made for whom", frame, {})


def _lay_out_sample(look: Look, row: pd.Series) -> Exhibit:
    name = str(row["utterance_id"])
    sounds, gain = make_sounds(look.clean[name], read_audio(row["audio"]))
    heard = look.hearings
    heard = heard[(heard["surrogate"] == row["surrogate"]) & (heard["utterance_id"] == name) & heard["primary"]]
    samples = heard[heard["kind"] == "adversarial"].set_index("remote")
    clean = heard[heard["kind"] == "clean"].set_index("remote")
    order = [remote for remote in look.recognisers if remote in samples.index]
    frame = pd.DataFrame(
        {
            "remote": order,
            "relation": [RELATIONS[look.arms[str(row["surrogate"]), remote]] for remote in order],
            "sample": [read_top(samples.at[remote, "texts"]) for remote in order],
            "hit": [bool(samples.at[remote, "hit"]) for remote in order],
            "rank": pd.array([samples.at[remote, "rank"] for remote in order], dtype="Int64"),
            "cer_target": [float(samples.at[remote, "cer_target"]) for remote in order],
            "clean": [read_top(clean.at[remote, "texts"]) for remote in order],
        }
    )
    title = f"What every recogniser hears in {name}"
    reached = [remote for remote in order if samples.at[remote, "hit"] and samples.at[remote, "arm"] == "other"]
    return Exhibit(
        surrogate=str(row["surrogate"]),
        utterance=name,
        snr_db=None if pd.isna(row["snr_db"]) else float(row["snr_db"]),
        gain=gain,
        sounds=sounds,
        heard=tables.table(f"heard-{row.name}", title, frame, {}, labels=HEARD_LABELS),
        reached=reached,
    )


def _lay_out_tables(look: Look) -> list[Table]:
    pairs = pd.DataFrame([pair.__dict__ for pair in look.pairs]).astype({"bound": "float64"})
    types = {"iteration": "Int64", **dict.fromkeys(ATTEMPT_COLUMNS[4:], "float64")}
    attempts = look.attempts[ATTEMPT_COLUMNS].astype(types)
    return [
        tables.table("pairs", "Every surrogate with every recogniser", pairs, PAIR_MEANINGS),
        tables.table("attempts", "Every attempt", attempts, {}),
    ]


PAIR_MEANINGS = {
    "lower": f"two-sided exact limit of the share of utterances, at {words.percent(LEVEL)} confidence",
    "upper": f"two-sided exact limit of the share of utterances, at {words.percent(LEVEL)} confidence",
    "bound": "one-sided exact limit where all utterances agree",
    "controls": "hearings of clean, shuffled, moved and noisy audio",
}
"""What the columns of the table of pairs mean."""
