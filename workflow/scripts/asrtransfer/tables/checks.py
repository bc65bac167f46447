"""Checks of the counting and of the positive controls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
import pyarrow

from asrtransfer.files.errors import InputError
from asrtransfer.tables import counting
from asrtransfer.tables.design import SAMPLE, Design
from asrtransfer.tables.results import Results, scored

PHRASE = "open the door"
# Another batch size changes a loss by 1e-5 or so; audio stored before rounding changes it by ten times this or more.
LOSS_TOLERANCE = 1e-3
PLANTED: dict[tuple[str, ...], tuple[bool, bool]] = {
    (PHRASE, "open the doors"): (True, True),
    ("open the doors", PHRASE): (False, True),
    ("open the dor", "opens the door"): (False, False),
    ("open  the door",): (False, False),
    (): (False, False),
}
"""Texts as a remote might hear :data:`PHRASE`, and how they must count: hit, top ten."""
SURVIVAL = "survival"
"""Name of the check that surrogates hear their own stored samples as meant."""
SPOKEN = "spoken phrases"
"""Name of the check that strangers hear phrases which a voice speaks."""


def name_weights_check(twin: str) -> str:
    """Return the name of the check that a twin has the weights of its base."""
    return f"weights of {twin}"


def name_hearing_check(surrogate: str, twin: str) -> str:
    """Return the name of the check that a twin hears the samples that its surrogate hears."""
    return f"{twin} hears what {surrogate} hears"


def checks(results: Results, design: Design) -> pd.DataFrame:
    """Check what must hold for the study to mean anything; a fatal check that fails stops the verdict.

    Raises:
        InputError: if a planted hit is not counted, or a planted miss is.
    """
    planted()
    heard = counting.adversarial(results.hearings)
    survived, samples = counting.tally(counting.selected(heard, arm="self"), "hearing")
    lost = "stored samples that their own surrogate, reading them from disk, does not hear as the target"
    rows = [
        _row("planted hit", len(PLANTED), 0, True, "texts equal to the target count, others do not"),
        *_check_weights(results, design),
        *_check_twins(heard, design),
        stored_audio(results.samples, heard),
        _row(SURVIVAL, samples, samples - survived, False, lost),
        *_check_spoken(results.hearings),
    ]
    return pd.DataFrame(rows)


def stored_audio(samples: pd.DataFrame, heard: pd.DataFrame) -> dict[str, object]:
    """Check that each surrogate finds its stored audio as probable as when the attack tested it.

    The loss of a surrogate of several members is that of the worst member. Samples without a loss on either side, as
    those of recognisers that are no CTC models, are not checked.

    Args:
        samples: rows of attack tables.
        heard: adversarial rows of transcripts.
    """
    made = samples.loc[samples["status"] == "sample", [*SAMPLE, "ctc_loss"]]
    own = counting.selected(heard, arm="self")[[*SAMPLE, "ctc_loss"]]
    losses = own.groupby(SAMPLE, observed=True)["ctc_loss"].agg(["max", "count", "size"])
    worst = losses.loc[losses["count"] == losses["size"], "max"].rename("heard").reset_index()
    both = made.rename(columns={"ctc_loss": "tested"}).dropna(subset="tested").merge(worst, on=SAMPLE)
    gap = (both["tested"] - both["heard"]).abs()
    wrong = gap > LOSS_TOLERANCE * (1 + both["tested"])
    meaning = "stored samples that are not the audio which the attack tested: their CTC loss is another"
    return _row("stored audio", len(both), int(wrong.sum()), True, meaning)


def planted() -> None:
    """Send planted transcripts through scoring and counting.

    Raises:
        InputError: if the count is not what was planted.
    """
    frame = scored(_plant(list(PLANTED)))
    expected = list(PLANTED.values())
    found = list(zip(frame["hit"], frame["top_ten"], strict=True))
    hits, hearings = counting.tally(counting.adversarial(frame), "hearing")
    if found != expected or (hits, hearings) != (sum(hit for hit, _ in expected), len(expected)):
        raise InputError(
            f"scoring: of {hearings} transcripts planted for {PHRASE!r}, {hits} count as hits, not 1, or the "
            "wrong one does; no table can be trusted: restore asrtransfer/tables/results.py and counting.py"
        )


def _plant(texts: Sequence[Sequence[str]]) -> pyarrow.Table:
    """Make a transcript of each list of texts."""
    names = {"surrogate": "a", "remote": "b", "arm": "seed"}
    job = {"attack": "cw", "target": "t", "target_kind": "phrase", "confidence": "low"}
    sample = {"utterance_id": "u", "iteration": 1, "primary": True, "kind": "adversarial", "phrase": PHRASE}
    measures = {"contains": False} | dict.fromkeys(("cer_target", "cer_truth", "ctc_loss", "ctc_loss_clean"), 0.0)
    row = names | job | sample | measures
    return pyarrow.Table.from_pylist(
        [row | {"texts": list(heard), "raw": heard[0] if heard else ""} for heard in texts]
    )


def _check_weights(results: Results, design: Design) -> Iterator[dict[str, object]]:
    for name, model in design.models.items():
        if model.arm == "twin":
            same = results.cards[name]["weights_sha256"] == results.cards[model.base]["weights_sha256"]
            meaning = f"weights that do not hash as those of {model.base}"
            yield _row(name_weights_check(name), 1, int(not same), True, meaning)


def _check_twins(heard: pd.DataFrame, design: Design) -> Iterator[dict[str, object]]:
    for surrogate, remote, arm in design.hearings:
        if arm == "twin":
            own = counting.selected(heard, surrogate=surrogate, arm="self", hit=True)
            own = own[own["remote"].isin(_find_counterparts(design, surrogate, remote))][SAMPLE].drop_duplicates()
            theirs = counting.selected(heard, surrogate=surrogate, remote=remote)[[*SAMPLE, "hit"]]
            both = own.merge(theirs, on=SAMPLE)
            meaning = f"samples that {surrogate} hears as the target and {remote} does not"
            wrong = int((~both["hit"]).sum())
            yield _row(name_hearing_check(surrogate, remote), len(both), wrong, True, meaning)


def _find_counterparts(design: Design, surrogate: str, twin: str) -> list[str]:
    """Find the members of a surrogate that must have the weights of its twin."""
    base = design.models[twin].base
    same = [member for member in design.surrogates[surrogate] if design.models[member].base == base]
    return [member for member in same if design.models[member].arm in ("none", "twin")]


def _check_spoken(hearings: pd.DataFrame) -> Iterator[dict[str, object]]:
    """Check that a transfer would be seen: that some stranger hears some phrase that a voice speaks."""
    heard = counting.select_spoken(hearings)
    if len(heard):
        missed = int((~heard["hit"]).sum())
        meaning = "phrases that a voice speaks, and a stranger does not hear; passed if any is heard"
        yield _row(SPOKEN, len(heard), missed, False, meaning) | {"passed": missed < len(heard)}


def _row(name: str, checked: int, wrong: int, fatal: bool, meaning: str) -> dict[str, object]:
    return {
        "check": name,
        "passed": wrong == 0,
        "fatal": fatal,
        "checked": checked,
        "wrong": wrong,
        "meaning": meaning,
    }
