"""The table of models: how well they hear, and what they differ in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from asrtransfer.tables.design import Design, Model
from asrtransfer.tables.results import Results
from asrtransfer.text import error_rates

INTENDED = {"model", "seed", "arm", "initial_weights_sha256", "donor_weights_sha256", "shared_layers", "tuning"}
"""Keys of a card in which the study means models to differ."""
OF_PART = {"part", "training_data_sha256", "train_utterances", "train_minutes"}
"""Where the arm ``data`` differs."""
OUTCOME = {"weights_sha256", "dev_wer_greedy", "dev_cer_greedy", "seconds"}
"""Keys of a card that follow from training."""
DESCRIBED = [
    "weights_sha256",
    "initial_weights_sha256",
    "training_data_sha256",
    "units",
    "parameters",
    "device",
    "threads",
]
"""Keys of a card that the table shows; the card of a loaded recogniser lacks some."""
WHOLE = ["seed", "units", "parameters", "threads"]


def models(results: Results, design: Design) -> pd.DataFrame:
    """List the models; error rates are those of the corpus (edits over length), unit: split.

    ``unintended`` names the keys in which a card differs from that of the first model of its family, apart from seed,
    arm and what follows from them: empty is the proof that only the intended thing differed.
    """
    first = {model.family: name for name, model in reversed(list(design.models.items()))}
    rows = []
    for name, model in design.models.items():
        card, base = results.cards[name], results.cards.get(model.base)
        rows.append(
            {
                "model": name,
                "family": model.family,
                "seed": card["seed"],
                "arm": model.arm,
                "channel": model.channel,
                **_rate_clean(results.clean[name]),
                **(_rate_with_language_model(results.scored.get(name)) if results.scored else {}),
                "same_weights_as_base": _compare_with_base(model, card, base, "weights_sha256"),
                "same_start_as_base": _compare_with_base(model, card, base, "initial_weights_sha256"),
                "unintended": _find_unintended(card, results.cards[first[model.family]]),
                **{key: card.get(key) for key in DESCRIBED},
            }
        )
    types = {"same_weights_as_base": "boolean", "same_start_as_base": "boolean", **dict.fromkeys(WHOLE, "Int64")}
    return pd.DataFrame(rows).astype(types)


def _rate_clean(clean: pd.DataFrame) -> dict[str, object]:
    """Compute error rates by split; those of greedy decoding are null where the recogniser has none."""
    found: dict[str, object] = {}
    for split in ("dev", "test"):
        rows, truths, tops = read_tops(clean, split)
        greedy = list(rows["greedy"]) if rows["greedy"].notna().all() else None
        found[f"{split}_wer"] = error_rates.wer(truths, tops)
        found[f"{split}_cer"] = error_rates.cer(truths, tops)
        found[f"{split}_wer_greedy"] = math.nan if greedy is None else error_rates.wer(truths, greedy)
        found[f"{split}_cer_greedy"] = math.nan if greedy is None else error_rates.cer(truths, greedy)
        right = [truth == top for truth, top in zip(truths, tops, strict=True)]
        found[f"{split}_right"] = sum(right)
        found[f"{split}_median_k1"] = _rate_confidence(rows[right])
        found[f"{split}_utterances"] = len(rows)
    return found


def read_tops(clean: pd.DataFrame, split: str) -> tuple[pd.DataFrame, list[str], list[str]]:
    """Return a split's rows of a model's clean transcripts, what they say, and the top text of each."""
    rows = clean[clean["split"] == split]
    return rows, list(rows["text"]), [texts[0] if len(texts) else "" for texts in rows["texts"]]


def _rate_confidence(right: pd.DataFrame) -> float:
    """Compute the median K1 of what is transcribed right; nan for a recogniser that tells no probabilities."""
    if right.empty or right["log_probabilities"].isna().any():
        return math.nan
    return math.exp(np.median([found[0] for found in right["log_probabilities"]]))


def _rate_with_language_model(scored: pd.DataFrame | None) -> dict[str, object]:
    """Compute error rates by split, decoded with a language model; null for a model that is not scored so."""
    found: dict[str, object] = {}
    for split in ("dev", "test"):
        rate = math.nan
        if scored is not None:
            rows = scored[scored["split"] == split]
            rate = error_rates.wer(list(rows["text"]), list(rows["transcription"]))
        found[f"{split}_wer_language_model"] = rate
    return found


def _compare_with_base(model: Model, card: Mapping[str, Any], base: Mapping[str, Any] | None, key: str) -> bool | None:
    """Compare an arm's value with its base's; None for a model that is no arm."""
    return None if model.arm == "none" or base is None or key not in card else bool(card[key] == base.get(key))


def _find_unintended(card: Mapping[str, Any], reference: Mapping[str, Any]) -> str:
    intended = INTENDED | (OF_PART if "part" in card.keys() | reference.keys() else set())
    keys: Sequence[str] = sorted((card.keys() | reference.keys()) - intended - OUTCOME)
    return " ".join(key for key in keys if card.get(key) != reference.get(key))
