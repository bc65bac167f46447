"""Clean speech: error rates from the texts, and a drawn share heard again in NumPy."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator

from asrtransfer.audit import network, texts
from asrtransfer.audit.findings import Finding, Probe
from asrtransfer.audit.models import hear, is_written_out
from asrtransfer.audit.stored import Stored

AGAIN = 5
"""Utterances that each model hears again."""
CLOSE = 1e-9
NEAR = 0.01
"""By which a greedy error rate may differ from that of the training: in another batch a frame may round otherwise."""


def check(stored: Stored) -> Iterator[Finding]:
    """Check what models hear in clean speech."""
    yield _check_texts(stored)
    yield _check_rates(stored)
    yield _hear_again(stored)


def _check_texts(stored: Stored) -> Finding:
    probe = Probe("hearing", "clean transcripts are of the utterances of the corpus, each once", "models by splits")
    for model, rows in stored.clean.items():
        for split in ("dev", "test"):
            own = rows[rows["split"] == split]
            told = dict(zip(own["utterance_id"], own["text"], strict=True))
            known = dict(zip(stored.splits[split]["utterance_id"], stored.splits[split]["text"], strict=True))
            probe.look(told == known and len(own) == len(known), f"{model}: {len(own)} transcripts of {split}")
    return probe.finish()


def _check_rates(stored: Stored) -> Finding:
    """Word error rates: of the table of models, and, by greedy decoding, of card and learning curve."""
    probe = Probe("training", "error rates of table, card and learning curve are those of the transcripts", "rates")
    table = {row["model"]: row for row in stored.read_table("tables/models.parquet").to_dict("records")}
    for model, rows in stored.clean.items():
        for split in ("dev", "test"):
            own = rows[rows["split"] == split]
            tops = [heard[0] if len(heard) else "" for heard in own["texts"]]
            rate = texts.rate_words(list(own["text"]), tops)
            told = float(table[model][f"{split}_wer"])
            probe.look(math.isclose(rate, told, abs_tol=CLOSE), f"{model}, {split}: WER {told:.4f} for {rate:.4f}")
        dev = rows[rows["split"] == "dev"]
        # What has no frames of characters decodes by itself, and its greedy texts are not stored.
        if stored.is_trained(model) and stored.source(model) == model and dev["greedy"].notna().all():
            greedy = texts.rate_words(list(dev["text"]), list(dev["greedy"]))
            curve = stored.read_table(f"models/{model}/curve.parquet")
            said = {"card": stored.cards[model]["dev_wer_greedy"], "curve": float(curve["dev_wer"].iloc[-1])}
            for where, told in said.items():
                probe.look(abs(greedy - told) <= NEAR, f"{model}, greedy: {where} has {told:.4f} for {greedy:.4f}")
    return probe.finish()


def _hear_again(stored: Stored) -> Finding:
    probe = Probe(
        "hearing", "drawn clean speech, heard again in NumPy, has the same greedy text", "utterances by models"
    )
    paths = dict(zip(stored.splits["test"]["utterance_id"], stored.splits["test"]["path"], strict=True))
    for model in stored.models:
        if not is_written_out(stored, model):
            continue
        rows = stored.clean[model]
        told = dict(zip(rows["utterance_id"], rows["greedy"], strict=True))
        for name in sorted(paths, key=lambda one: hashlib.sha256(f"{model}{one}".encode()).digest())[:AGAIN]:
            text = network.read_greedily(hear(stored, model, stored.read_audio(paths[name])))
            probe.look(text == told.get(name), f"{model}, {name}: {text!r}; stored is {told.get(name)!r}")
    return probe.finish("no model's network is written out here")
