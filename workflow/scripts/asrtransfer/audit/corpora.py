"""The corpus: disjoint splits, and audio that is what the tables say."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import combinations

import pandas as pd
import soundfile

from asrtransfer.audit.findings import Finding, Probe
from asrtransfer.audit.stored import Stored

ALPHABET = set("abcdefghijklmnopqrstuvwxyz' ")


def check(stored: Stored) -> Iterator[Finding]:
    """Check the corpus."""
    yield _check_disjoint(stored, "utterance_id", "no utterance is in two splits")
    if stored.configuration["corpus"]["kind"] == "synthetic":
        yield _check_disjoint(stored, "text", "no sentence is in two splits")
    yield _check_texts(stored)
    yield _check_audio(stored)


def _check_disjoint(stored: Stored, column: str, promise: str) -> Finding:
    probe = Probe("corpus", promise, "pairs of splits")
    for one, other in combinations(stored.splits, 2):
        common = set(stored.splits[one][column]) & set(stored.splits[other][column])
        probe.look(not common, f"{one} and {other} share {len(common)}, such as {sorted(common)[:1]}")
    return probe.finish()


def _check_texts(stored: Stored) -> Finding:
    probe = Probe("corpus", "texts are words of a-z and apostrophe, with single spaces", "texts")
    for split, table in stored.splits.items():
        for name, text in zip(table["utterance_id"], table["text"], strict=True):
            fits = bool(text) and set(text) <= ALPHABET and text == " ".join(text.split())
            probe.look(fits, f"{split} {name}: {text!r}")
    return probe.finish()


def _check_audio(stored: Stored) -> Finding:
    """Check the audio of dev and test; that of train is named by its checksum in the cards of the models."""
    probe = Probe("corpus", "audio has the length and the checksum of the table", "files of dev and test")
    for split in ("dev", "test"):
        table = stored.splits[split]
        sums = table["sha256"] if "sha256" in table else [None] * len(table)
        for path, seconds, told in zip(table["path"], table["seconds"], sums, strict=True):
            file = stored.folder / "corpus" / path
            about = soundfile.info(file)
            same = pd.isna(told) or hashlib.sha256(file.read_bytes()).hexdigest() == told
            fits = about.samplerate == 16000 and abs(about.frames / 16000 - seconds) < 1e-6
            probe.look(fits and same, f"{path}: {about.frames} samples, checksum {same}; told are {seconds} s")
    return probe.finish()
