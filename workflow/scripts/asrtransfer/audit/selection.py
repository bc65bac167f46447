"""Selection: every voting model hears each utterance right, and the draw and the near targets are those of the rule."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pandas as pd

from asrtransfer.audit.findings import Finding, Probe
from asrtransfer.audit.stored import Stored


def check(stored: Stored) -> Iterator[Finding]:
    """Check the selection."""
    voting = _list_voting(stored)
    right = {model: _find_right(stored.clean[model]) for model in voting}
    probe = Probe("selection", "every voting model hears each selected utterance as its text", "utterances by models")
    for name in stored.selected["utterance_id"]:
        for model in voting:
            probe.look(name in right[model], f"{model} does not hear {name} right")
    yield probe.finish()
    yield _check_draw(stored, set.intersection(*right.values()))
    yield _check_near_targets(stored)
    yield _check_words(stored)


def _list_voting(stored: Stored) -> list[str]:
    """The models that have near targets: those that vote."""
    found = [path.name for path in (stored.folder / "near-targets").iterdir()]
    trained = [name for name in stored.models if stored.is_trained(name) and stored.source(name) == name]
    return sorted({*found, *trained} & set(stored.models))


def _find_right(clean: pd.DataFrame) -> set[str]:
    rows = clean[clean["split"] == "test"]
    told = zip(rows["utterance_id"], rows["text"], rows["texts"], strict=True)
    return {str(name) for name, text, texts in told if len(texts) and texts[0] == text}


def _check_draw(stored: Stored, common: set[str]) -> Finding:
    probe = Probe("selection", "the draw is the one of its seed, in order of length", "utterances")
    settings = stored.configuration["selection"]
    drawn = sorted(common, key=lambda name: hashlib.sha256(f"{settings['seed']}\0{name}".encode()).digest())
    wanted = set(drawn[: settings["utterances"]])
    chosen = list(stored.selected["utterance_id"])
    for name in wanted | set(chosen):
        probe.look(name in wanted and name in chosen, f"{name}: drawn {name in wanted}, selected {name in chosen}")
    probe.look(len(chosen) == settings["utterances"] == len(set(chosen)), f"{len(chosen)} are selected")
    probe.look(bool(stored.selected["seconds"].is_monotonic_increasing), "they are not in order of length")
    return probe.finish()


def _check_near_targets(stored: Stored) -> Finding:
    probe = Probe("selection", "a near target is the surrogate's own text of its rank", "near targets")
    wanted = {(job[1], job[2]) for job in stored.design["jobs"] if job[2].startswith("rank-")}
    for surrogate, target in sorted(wanted):
        model, rank = surrogate.partition("+")[0], int(target.removeprefix("rank-"))
        clean = stored.clean[model].set_index(["split", "utterance_id"])["texts"]
        table = stored.read_table(f"near-targets/{model}/{target}.parquet")
        for name, phrase in zip(table["utterance_id"], table["phrase"], strict=True):
            texts = list(clean["test", name])
            own = texts[rank - 1] if len(texts) >= rank else None
            probe.look(own == _read(phrase), f"{model} {name}: {phrase!r}, and its text {rank} is {own!r}")
        rows = stored.attempts[(stored.attempts["surrogate"] == surrogate) & (stored.attempts["target"] == target)]
        phrases = dict(zip(table["utterance_id"], table["phrase"], strict=True))
        for row in rows.itertuples():
            probe.look(
                _read(row.phrase) == _read(phrases[row.utterance_id]),
                f"{row.attack} {row.utterance_id}: {row.phrase!r}",
            )
    return probe.finish("no attack has near targets")


def _check_words(stored: Stored) -> Finding:
    """A target with words changed differs from the truth in as many places, each by a word of the test split."""
    probe = Probe("selection", "a target with words changed has as many other words of the test split", "targets")
    known = {word for text in stored.splits["test"]["text"] for word in text.split()}
    rows = stored.attempts[stored.attempts["target"].str.startswith("words-")]
    for row in rows.to_dict("records"):
        truth, count = row["text"].split(), int(row["target"].removeprefix("words-"))
        said = row["phrase"].split() if isinstance(row["phrase"], str) else None
        fits = said is None and len(truth) < count
        if said is not None:
            places = [new for old, new in zip(truth, said, strict=False) if old != new]
            fits = len(said) == len(truth) and len(places) == count and set(places) <= known
        probe.look(fits, f"{row['attack']} {row['utterance_id']}: {row['phrase']!r} for {row['text']!r}")
    return probe.finish("no attack changes words")


def _read(phrase: object) -> str | None:
    """A phrase of a table, which pandas makes a number where it is missing."""
    return phrase if isinstance(phrase, str) else None
