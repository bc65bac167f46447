"""The table of models: how well they hear, and what they differ in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from asrtransfer.tables.design import Design
from asrtransfer.tables.results import Results
from asrtransfer.text import error_rates

INTENDED = {"model", "seed", "arm", "initial_weights_sha256"}
"""What a card says of a model that the study means to differ."""
OUTCOME = {"weights_sha256", "dev_wer_greedy", "dev_cer_greedy", "seconds"}
"""What a card says that training, not the study, decided."""


def models(results: Results, design: Design) -> pd.DataFrame:
    """One row a model; error rates are those of the corpus (edits over length), unit: split.

    ``unintended`` names what a card has otherwise than the first model's, besides seed, arm and what follows
    from them: empty is the proof that only the intended thing differed.
    """
    reference = results.cards[design.models[0]]
    rows = []
    for model in design.models:
        card, base = results.cards[model], results.cards.get(model.split(".")[0])
        rows.append(
            {
                "model": model,
                "seed": card["seed"],
                "arm": card["arm"],
                **_rates(results.clean[model]),
                **_with_language_model(results.scored.get(model)),
                "same_weights_as_base": _same(model, card, base, "weights_sha256"),
                "same_start_as_base": _same(model, card, base, "initial_weights_sha256"),
                "unintended": _unintended(card, reference),
                "weights_sha256": card["weights_sha256"],
                "initial_weights_sha256": card["initial_weights_sha256"],
                "training_data_sha256": card["training_data_sha256"],
                "units": card["units"],
                "parameters": card["parameters"],
                "device": card["device"],
                "threads": card["threads"],
            }
        )
    return pd.DataFrame(rows).astype({"same_weights_as_base": "boolean", "same_start_as_base": "boolean"})


def _rates(clean: pd.DataFrame) -> dict[str, object]:
    found: dict[str, object] = {}
    for split in ("dev", "test"):
        rows = clean[clean["split"] == split]
        truths = list(rows["text"])
        tops = [texts[0] if len(texts) else "" for texts in rows["texts"]]
        greedy = list(rows["greedy"])
        found[f"{split}_wer"] = error_rates.wer(truths, tops)
        found[f"{split}_cer"] = error_rates.cer(truths, tops)
        found[f"{split}_wer_greedy"] = error_rates.wer(truths, greedy)
        found[f"{split}_cer_greedy"] = error_rates.cer(truths, greedy)
        found[f"{split}_right"] = sum(truth == top for truth, top in zip(truths, tops, strict=True))
        found[f"{split}_utterances"] = len(rows)
    return found


def _with_language_model(scored: pd.DataFrame | None) -> dict[str, object]:
    """Columns that only a study has whose models are scored with a language model."""
    if scored is None:
        return {}
    splits = {split: scored[scored["split"] == split] for split in ("dev", "test")}
    return {
        f"{split}_wer_language_model": error_rates.wer(list(rows["text"]), list(rows["transcription"]))
        for split, rows in splits.items()
    }


def _same(model: str, card: Mapping[str, Any], base: Mapping[str, Any] | None, key: str) -> bool | None:
    """Whether an arm shares a value with its base; None for a model that is no arm."""
    return None if "." not in model or base is None else bool(card[key] == base[key])


def _unintended(card: Mapping[str, Any], reference: Mapping[str, Any]) -> str:
    keys = sorted((card.keys() | reference.keys()) - INTENDED - OUTCOME)
    return " ".join(key for key in keys if card.get(key) != reference.get(key))
