"""Whether the counting and the positive controls can be trusted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
import pyarrow

from asrtransfer.files.errors import InputError
from asrtransfer.tables import counting
from asrtransfer.tables.design import SAMPLE, Design
from asrtransfer.tables.results import Results, scored

PHRASE = "open the door"
# Another batch rounds otherwise, by 1e-5 or so; audio stored before rounding differs by ten times this or more.
LOSS_TOLERANCE = 1e-3
PLANTED: dict[tuple[str, ...], tuple[bool, bool]] = {
    (PHRASE, "open the doors"): (True, True),
    ("open the doors", PHRASE): (False, True),
    ("open the dor", "opens the door"): (False, False),
    ("open  the door",): (False, False),
    (): (False, False),
}
"""Texts as a remote might hear :data:`PHRASE`, and what they count for: hit, top ten."""


def checks(results: Results, design: Design) -> pd.DataFrame:
    """What must hold for the study to mean anything; a fatal check that fails stops the verdict.

    Raises:
        InputError: if a planted hit is not counted, or a planted miss is.
    """
    planted()
    rows = [_row("planted hit", len(PLANTED), 0, True, "texts equal to the target count, others do not")]
    rows += _twins(results, design)
    heard = counting.adversarial(results.hearings)
    survived, samples = counting.tally(counting.selected(heard, arm="self"), "hearing")
    meaning = "stored samples that their own surrogate, reading them from disk, does not hear as the target"
    rows.append(stored_audio(results.samples, heard))
    rows.append(_row("survival", samples, samples - survived, False, meaning))
    return pd.DataFrame(rows)


def stored_audio(samples: pd.DataFrame, heard: pd.DataFrame) -> dict[str, object]:
    """The check that each surrogate finds its stored audio as probable as when the attack tested it.

    Args:
        samples: rows of attack tables.
        heard: adversarial rows of transcripts.
    """
    made = samples.loc[samples["status"] == "sample", [*SAMPLE, "ctc_loss"]]
    own = counting.selected(heard, arm="self")[[*SAMPLE, "ctc_loss"]]
    both = made.merge(own, on=SAMPLE, suffixes=("_tested", "_heard"))
    gap = (both["ctc_loss_tested"] - both["ctc_loss_heard"]).abs()
    wrong = gap > LOSS_TOLERANCE * (1 + both["ctc_loss_tested"])
    meaning = "stored samples that are not the audio which the attack tested: their CTC loss is another"
    return _row("stored audio", len(both), int(wrong.sum()), True, meaning)


def planted() -> None:
    """Send planted transcripts through scoring and counting.

    Raises:
        InputError: if the count is not what was planted.
    """
    table = _transcripts(list(PLANTED))
    frame = scored(table)
    expected = list(PLANTED.values())
    found = list(zip(frame["hit"], frame["top_ten"], strict=True))
    hits, hearings = counting.tally(counting.adversarial(frame), "hearing")
    if found != expected or (hits, hearings) != (sum(hit for hit, _ in expected), len(expected)):
        raise InputError(
            f"scoring: of {hearings} transcripts planted for {PHRASE!r}, {hits} count as hits, not 1, or the "
            "wrong one does; no table can be trusted: restore asrtransfer/tables/results.py and counting.py"
        )


def _transcripts(texts: Sequence[Sequence[str]]) -> pyarrow.Table:
    """Transcripts of as many samples."""
    names = {
        "surrogate": "a",
        "remote": "b",
        "arm": "seed",
        "attack": "cw",
        "target": "t",
        "confidence": "low",
    }
    row = names | {
        "utterance_id": "u",
        "iteration": 1,
        "primary": True,
        "kind": "adversarial",
        "phrase": PHRASE,
        "contains": False,
        "cer_target": 0.0,
        "cer_truth": 0.0,
        "ctc_loss": 0.0,
        "ctc_loss_clean": 0.0,
    }
    return pyarrow.Table.from_pylist([row | {"texts": list(heard)} for heard in texts])


def _twins(results: Results, design: Design) -> Iterator[dict[str, object]]:
    for model in design.models:
        base = model.removesuffix(".twin")
        if base != model:
            same = results.cards[model]["weights_sha256"] == results.cards[base]["weights_sha256"]
            yield _row(f"weights of {model}", 1, int(not same), True, f"weights that do not hash as those of {base}")
    heard = counting.adversarial(results.hearings)
    for surrogate, remote, arm in design.hearings:
        if arm == "twin":
            own = counting.selected(heard, surrogate=surrogate, arm="self", hit=True)[SAMPLE]
            theirs = counting.selected(heard, surrogate=surrogate, remote=remote)[[*SAMPLE, "hit"]]
            both = own.merge(theirs, on=SAMPLE)
            meaning = f"samples that {surrogate} hears as the target and {remote} does not"
            yield _row(f"{remote} hears what {surrogate} hears", len(both), int((~both["hit"]).sum()), True, meaning)


def _row(name: str, checked: int, wrong: int, fatal: bool, meaning: str) -> dict[str, object]:
    return {
        "check": name,
        "passed": wrong == 0,
        "fatal": fatal,
        "checked": checked,
        "wrong": wrong,
        "meaning": meaning,
    }
