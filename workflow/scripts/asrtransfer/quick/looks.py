"""A quick look: some utterances of a folder, an attack, and what every recogniser makes of the samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asrtransfer import extension
from asrtransfer.attacks import samples
from asrtransfer.attacks.run import run_attack
from asrtransfer.attacks.task import Task
from asrtransfer.ctc import decoding
from asrtransfer.ctc.backends import BACKEND
from asrtransfer.files.errors import InputError
from asrtransfer.hearing import transfer
from asrtransfer.machine import compute
from asrtransfer.quick.findings import Look
from asrtransfer.quick.steps import (
    Report,
    check_phrase,
    check_surrogate,
    list_audio,
    load_named,
    read_audio,
    settle_keys,
)
from asrtransfer.recognisers.base import Recogniser, Surrogate

DEFAULTS = {"keep": 1}
"""Keys of an attack that differ from a study's: one sample of an utterance is enough for a look."""


def look(
    recognisers: Mapping[str, Recogniser | str | Path | Mapping[str, Any]],
    attack: str,
    phrase: str,
    folder: Path | str,
    count: int,
    *,
    keys: Mapping[str, Any] | None = None,
    confidence: str | None = None,
    surrogates: Sequence[str] | None = None,
    seed: int = 0,
    device: str = "cpu",
    threads: int = 1,
    report: Report = lambda line: None,
) -> Look:
    """Attack some utterances on each surrogate, and let every recogniser hear the samples and their controls.

    Sets the threads and the determinism of PyTorch for this process, as a job of a study does.

    Args:
        recognisers: by name: one that is loaded, the path of its ``weights.safetensors``, the path of a Python file of
            your own, or the arguments of :func:`asrtransfer.quick.load`.
        attack: its name in this library, or the path of a Python file of your own.
        phrase: what the surrogates shall hear.
        folder: holds the audio, in files of any format that libsndfile reads, also in folders of its own.
        count: utterances to attack: the first ones by name.
        keys: the attack's section; what is left out has its default, but ``keep``, which is 1.
        confidence: one of those that the section names, such as ``low`` or ``high``; None: its first.
        surrogates: names of the recognisers to attack, one after the other; None: all that can be attacked.
        seed: draws everything that the attack and the controls draw.
        device: ``cpu`` or ``cuda``.
        threads: CPU threads of PyTorch.
        report: told how it goes.

    Raises:
        InputError: if an argument does not fit, or a file is missing or damaged.
    """
    check_phrase(phrase)
    confidence, plain = settle_keys(attack, DEFAULTS | dict(keys or {}), confidence)
    clean = _read_folder(Path(folder), count)
    compute.prepare(device, threads)
    models = {name: load_named(name, about, device) for name, about in recognisers.items()}
    attacked = _choose_surrogates(models, surrogates)
    decoder = decoding.build(BACKEND)
    unknown = dict.fromkeys(clean, "")
    listeners = {name: transfer.Listener(one, decoder, clean, unknown, certify=False) for name, one in models.items()}
    job = {"attack": Path(attack).stem, "target": phrase.replace(" ", "-"), "target_kind": "phrase"}
    job |= {"confidence": confidence}
    arms = {(name, remote): _relate(name, remote, models) for name in attacked for remote in models}
    attempts, hearings = [], []
    for name, surrogate in attacked.items():
        report(f"{name}: attacks {len(clean)} utterances")
        made = _attack(surrogate, clean, phrase, attack, plain, job | {"surrogate": name}, seed)
        attempts.append(made)
        stored = made[made["status"] == "sample"]
        report(f"{name}: {len(stored)} samples")
        for remote, listener in listeners.items():
            rows = listener.transcripts(stored) if len(stored) else []
            table = transfer.as_table(rows, remote, models[remote].identity, arms[name, remote])
            hearings.append(table.to_pandas())
            report(f"{remote}: has heard the samples of {name}")
    return Look(
        phrase=phrase,
        attack=str(extension.find("attack", attack).class_.label),
        confidence=confidence,
        clean=clean,
        recognisers=list(models),
        surrogates=list(attacked),
        arms=arms,
        attempts=pd.concat(attempts, ignore_index=True),
        hearings=pd.concat(hearings, ignore_index=True),
    )


def _read_folder(folder: Path, count: int) -> dict[str, NDArray[np.int16]]:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give the folder that holds the audio")
    found = list_audio([folder])
    if count < 1:
        raise InputError(f"count: {count}; ask for one utterance at least")
    if len(found) < count:
        raise InputError(f"{folder}: holds {len(found)} audio files, and count is {count}; lower count, or add audio")
    return {name: read_audio(path) for name, path in list(found.items())[:count]}


def _choose_surrogates(models: Mapping[str, Recogniser], names: Sequence[str] | None) -> dict[str, Surrogate]:
    if not models:
        raise InputError("recognisers: none; give one at least")
    unknown = [name for name in names or [] if name not in models]
    if unknown:
        raise InputError(f"surrogates: {unknown[0]} is none of the recognisers {', '.join(models)}; correct the name")
    able = {name: one for name, one in models.items() if isinstance(one, Surrogate)}
    if not names and not able:
        raise InputError("recognisers: none of them can be attacked; add one that can")
    return {name: check_surrogate(name, models[name]) for name in names} if names else able


def _attack(
    surrogate: Surrogate,
    clean: Mapping[str, NDArray[np.int16]],
    phrase: str,
    use: str,
    keys: Mapping[str, Any],
    job: dict[str, str],
    seed: int,
) -> pd.DataFrame:
    tasks = [Task(name, audio, phrase) for name, audio in clean.items()]
    # As a study names a job, so that the same job draws the same.
    drawn = "/".join([job["attack"], job["surrogate"], job["target"], job["confidence"], str(seed)])
    outcomes = run_attack([surrogate], tasks, use, keys, seed=drawn)
    kept = [outcome.samples for outcome in outcomes]
    table: pd.DataFrame = samples.table(outcomes, kept, [""] * len(tasks), job).to_pandas()
    return table


def _relate(surrogate: str, remote: str, models: Mapping[str, Recogniser]) -> str:
    """What a remote is to the surrogate: itself, a twin with equal weights, or another recogniser."""
    if surrogate == remote:
        return "self"
    return "twin" if models[surrogate].identity == models[remote].identity else "other"
