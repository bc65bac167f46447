"""The steps of a study on one utterance: load, read, attack, write, transcribe."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from pydantic import ValidationError

from asrtransfer import extension, recognisers
from asrtransfer.attacks.run import run_attack
from asrtransfer.attacks.task import Outcome, Task
from asrtransfer.ctc import decoding
from asrtransfer.ctc.backends import BACKEND
from asrtransfer.files.errors import InputError
from asrtransfer.files.whole import replace_file
from asrtransfer.hearing.hear import hear
from asrtransfer.recognisers.base import Recogniser, Surrogate
from asrtransfer.speech import audio as sound
from asrtransfer.text.alphabet import encode

SUFFIXES = {f".{name.lower()}" for name in soundfile.available_formats()} - {".raw"}
"""Of audio files, in folders."""
LONGEST = sound.Limit(120.0, "cut it into utterances")
Report = Callable[[str], None]
"""Told how it goes: a line."""


def load(
    weights: Path | str | None = None,
    *,
    use: str = "deepspeech",
    keys: Mapping[str, Any] | None = None,
    device: str = "cpu",
) -> Recogniser:
    """Load a recogniser.

    Args:
        weights: the file ``weights.safetensors`` of a model that a study trained; None for a family that is not
            trained.
        use: the family: a name in this library, or the path of a Python file of your own.
        keys: the family's section; what is left out has its default.
        device: ``cpu`` or ``cuda``.

    Raises:
        InputError: if there is no such family, a key is wrong, or a file is missing or damaged.
    """
    plain = check_keys("recogniser", use, keys or {})
    if extension.find("recogniser", use).class_.trained and weights is None:
        raise InputError(f"{use}: is trained, and no weights are given; give the path of a weights.safetensors")
    return recognisers.load(use, plain, device, None if weights is None else Path(weights))


def load_named(name: str, about: Recogniser | str | Path | Mapping[str, Any], device: str) -> Recogniser:
    """Load a recogniser that is given by its name and one of several things.

    Args:
        name: for the error.
        about: one that is loaded, the path of its ``weights.safetensors``, the path of a Python file of your own, or
            the arguments of :func:`load`.
        device: ``cpu`` or ``cuda``, unless the arguments name another.

    Raises:
        InputError: if it is none of these, or cannot be loaded.
    """
    if isinstance(about, Recogniser):
        return about
    if isinstance(about, Mapping):
        return load(**{"device": device, **about})
    if Path(about).suffix == ".safetensors":
        return load(about, device=device)
    if Path(about).suffix == ".py":
        return load(use=str(about), device=device)
    raise InputError(
        f"recognisers.{name}: {about}: neither weights.safetensors nor a Python file; give one of these, or "
        "use, keys and weights"
    )


def list_audio(files: Iterable[Path | str]) -> dict[str, Path]:
    """List audio files, by their names; those of a folder by their place in it, in order.

    Args:
        files: audio files, and folders that hold some, also in folders of their own.

    Raises:
        InputError: if one is not there.
    """
    found: dict[str, Path] = {}
    for path in map(Path, files):
        if path.is_dir():
            inside = sorted(one for one in path.rglob("*") if one.suffix.lower() in SUFFIXES and one.is_file())
            found |= {one.relative_to(path).as_posix(): one for one in inside}
        elif path.is_file():
            found[str(path)] = path
        else:
            raise InputError(f"{path}: no such file or folder; correct the path")
    return found


def read_audio(path: Path | str) -> NDArray[np.int16]:
    """Read an audio file of any format that libsndfile reads, and resample it: int16 (samples,), 16 kHz, mono.

    Raises:
        InputError: if the file is missing or damaged, or lasts longer than two minutes.
    """
    return sound.read(path, LONGEST)


def write_audio(path: Path | str, audio: NDArray[np.int16]) -> None:
    """Write audio as 16-bit WAV, or as FLAC where the name of the file ends so; no sample changes.

    Args:
        path: the file.
        audio: int16 (samples,), 16 kHz.
    """
    kind = "FLAC" if Path(path).suffix.lower() == ".flac" else "WAV"
    buffer = io.BytesIO()
    soundfile.write(buffer, audio, sound.SAMPLE_RATE, format=kind, subtype="PCM_16")
    replace_file(Path(path), buffer.getvalue())


def attack(
    surrogates: Recogniser | Sequence[Recogniser],
    audio: NDArray[np.int16],
    phrase: str,
    use: str = "cw",
    *,
    keys: Mapping[str, Any] | None = None,
    confidence: str | None = None,
    seed: int = 0,
) -> Outcome:
    """Change an utterance until recognisers hear a phrase.

    Args:
        surrogates: who shall hear the phrase: one, or several that all shall.
        audio: int16 (samples,), 16 kHz.
        phrase: what they shall hear: a-z, apostrophe, single spaces.
        use: the attack: a name in this library, or the path of a Python file of your own.
        keys: the attack's section; what is left out has its default.
        confidence: one of those that the section names, such as ``low`` or ``high``; None: its first.
        seed: draws everything that the attack draws.

    Returns:
        What became of it. ``samples`` holds the samples that reached the phrase, the last one last, and is empty where
        ``status`` is not ``sample``; each is judged on its 16-bit audio.

    Raises:
        InputError: if there is no such attack, a key is wrong, or a recogniser cannot be attacked.
    """
    listed = [surrogates] if isinstance(surrogates, Recogniser) else list(surrogates)
    models = [check_surrogate(type(one).__name__, one) for one in listed]
    task = Task("utterance", audio, check_phrase(phrase))
    _, plain = settle_keys(use, keys or {}, confidence)
    return run_attack(models, [task], use, plain, seed=str(seed))[0]


def transcribe(recogniser: Recogniser, audio: NDArray[np.int16]) -> str:
    """Write down what a recogniser hears: the most likely text.

    Args:
        recogniser: who listens.
        audio: int16 (samples,), 16 kHz.
    """
    return hear(recogniser, decoding.build(BACKEND), [audio])[0].top


def check_phrase(phrase: str) -> str:
    """Return a phrase that a recogniser can hear.

    Raises:
        InputError: if it is empty, or has other characters than the alphabet or other spaces than single ones.
    """
    encode(phrase)
    if not phrase or phrase != " ".join(phrase.split()):
        raise InputError(f"phrase: {phrase!r} is empty, or has outer or double spaces; write words and single spaces")
    return phrase


def settle_keys(use: str, keys: Mapping[str, Any], confidence: str | None) -> tuple[str, dict[str, Any]]:
    """Return a confidence of an attack, and the keys that the attack has there.

    Args:
        use: the attack: a name in this library, or the path of a Python file of your own.
        keys: the attack's section; what is left out has its default.
        confidence: one of those that the section names; None: its first.

    Raises:
        InputError: if the section has no such key or confidence, or a value is not allowed.
    """
    try:
        section = extension.find("attack", use).class_.section.model_validate(dict(keys))
        name = confidence or next(iter(section.confidences))
        if name not in section.confidences:
            raise InputError(f"confidence: {name!r} is none; use {' or '.join(section.confidences)}")
        return name, section.at(name).model_dump()
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        key = ".".join(map(str, problem["loc"]))
        raise InputError(f"{use}.{key}: {problem['msg']}; config/README.md lists the keys") from None


def check_keys(kind: extension.Kind, use: str, keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a section, as given.

    Raises:
        InputError: if the section has no such key, or a value is not allowed.
    """
    try:
        extension.find(kind, use).class_.section.model_validate(dict(keys))
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        key = ".".join(map(str, problem["loc"]))
        raise InputError(f"{use}.{key}: {problem['msg']}; config/README.md lists the keys") from None
    return dict(keys)


def check_surrogate(name: str, recogniser: Recogniser) -> Surrogate:
    """Return a recogniser that can be attacked.

    Raises:
        InputError: if it only hears.
    """
    if not isinstance(recogniser, Surrogate):
        raise InputError(f"surrogates: {name} hears and cannot be attacked; choose another")
    return recogniser
