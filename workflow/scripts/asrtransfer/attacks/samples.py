"""The table of an attack job: one row a stored sample, one row an utterance that has none."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import numpy as np
import pyarrow
from numpy.typing import NDArray

from asrtransfer.attacks.task import Outcome, Sample
from asrtransfer.speech import masking
from asrtransfer.speech.audio import decode_flac, encode_flac

SCHEMA = pyarrow.schema(
    [
        ("attack", pyarrow.string()),
        ("surrogate", pyarrow.string()),
        ("target", pyarrow.string()),
        ("target_kind", pyarrow.string()),
        ("confidence", pyarrow.string()),
        ("utterance_id", pyarrow.string()),
        ("text", pyarrow.string()),
        ("phrase", pyarrow.string()),
        ("status", pyarrow.string()),
        ("iteration", pyarrow.int64()),
        ("primary", pyarrow.bool_()),
        ("audio", pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])),
        ("k1", pyarrow.float64()),
        ("k2", pyarrow.float64()),
        ("k5", pyarrow.float64()),
        ("ctc_loss", pyarrow.float64()),
        ("best_loss", pyarrow.float64()),
        ("linf", pyarrow.float64()),
        ("bound", pyarrow.float64()),
        ("l2", pyarrow.float64()),
        ("snr_db", pyarrow.float64()),
        ("peak_db", pyarrow.float64()),
        ("audible_db", pyarrow.float64()),
        ("audible_share", pyarrow.float64()),
        ("seconds", pyarrow.float64()),
    ]
)


def capped(outcomes: Sequence[Outcome], cap: int | None, seed: str) -> list[list[Sample]]:
    """Which samples of each outcome are stored: at most ``cap`` in all, filled round-robin.

    Every utterance gives its last sample before any gives a second one; within a round the order of the utterances
    is drawn from ``seed``.
    """
    order = sorted(
        range(len(outcomes)),
        key=lambda index: hashlib.sha256(f"{seed}\0{outcomes[index].task.utterance_id}".encode()).digest(),
    )
    rounds = max((len(outcome.samples) for outcome in outcomes), default=0)
    turns = [(index, turn) for turn in range(rounds) for index in order if turn < len(outcomes[index].samples)]
    counts = [0] * len(outcomes)
    for index, _ in turns[:cap]:
        counts[index] += 1
    return [outcome.samples[len(outcome.samples) - count :] for outcome, count in zip(outcomes, counts, strict=True)]


def table(
    outcomes: Sequence[Outcome], kept: Sequence[Sequence[Sample]], texts: Sequence[str], job: dict[str, str]
) -> pyarrow.Table:
    """Rows of a job.

    An utterance's last sample is ``primary``: the one that stands for it where samples are counted once each. An
    utterance without a sample has one row with its status and best loss, so that nothing is dropped; one whose samples
    all fell to the cap keeps the status ``capped``.

    Args:
        kept: the samples to store, an entry an outcome.
        texts: what each utterance says, an entry an outcome.
        job: attack, surrogate, target, target_kind, confidence.
    """
    rows = []
    for outcome, samples, text in zip(outcomes, kept, texts, strict=True):
        row: dict[str, object] = {
            **job,
            "utterance_id": outcome.task.utterance_id,
            "text": text,
            "phrase": outcome.task.phrase,
            "status": "capped" if outcome.status == "sample" and not samples else outcome.status,
            "primary": False,
            "best_loss": outcome.best_loss if math.isfinite(outcome.best_loss) else None,
            "seconds": len(outcome.task.audio) / 16000,
        }
        if not samples:
            rows.append(row)
            continue
        heard = audibility(outcome.task.audio, [sample.audio for sample in samples])
        for sample, audible in zip(samples, heard, strict=True):
            rows.append({**row, **_measured(outcome, sample), **audible, "primary": sample is samples[-1]})
    return pyarrow.Table.from_pylist(rows, schema=SCHEMA)


def _measured(outcome: Outcome, sample: Sample) -> dict[str, object]:
    assert outcome.task.phrase is not None
    name = f"{outcome.task.utterance_id}-{sample.iteration}.flac"
    return {
        "iteration": sample.iteration,
        "audio": {"bytes": encode_flac(sample.audio), "path": name},
        "k1": min(1.0, math.exp(-sample.loss)),
        "k2": min(1.0, math.exp(-sample.loss / max(1, len(outcome.task.phrase)))),
        "k5": sample.k5,
        "ctc_loss": sample.loss,
        "bound": sample.bound,
        **distortion(outcome.task.audio, sample.audio),
    }


def distortion(clean: NDArray[np.int16], adversarial: NDArray[np.int16]) -> dict[str, float | None]:
    """Size of a perturbation.

    Returns:
        ``linf`` and ``l2`` in 16-bit units; ``snr_db``, 10 log10 of the energies' ratio; ``peak_db``, 20 log10 of the
        largest magnitudes' ratio, perturbation over audio (Carlini and Wagner's dB). The ratios are None where the
        perturbation or the audio is all zero.
    """
    audio = clean.astype(np.float64)
    perturbation = adversarial - audio
    linf = float(np.abs(perturbation).max())
    energy = float(np.square(perturbation).sum())
    loud = float(np.abs(audio).max())
    audible = linf > 0 and loud > 0
    return {
        "linf": linf,
        "l2": math.sqrt(energy),
        "snr_db": 10 * math.log10(float(np.square(audio).sum()) / energy) if audible else None,
        "peak_db": 20 * math.log10(linf / loud) if audible else None,
    }


def audibility(clean: NDArray[np.int16], samples: Sequence[NDArray[np.int16]]) -> list[dict[str, float | None]]:
    """How much of each sample's perturbation the audio does not mask; see :mod:`asrtransfer.speech.masking`.

    Returns:
        For each sample ``audible_db``, the mean excess over the masking threshold, and ``audible_share``, the share of
        time and frequency above it; None where the audio is all zero.
    """
    if not clean.any():
        return [{"audible_db": None, "audible_share": None} for _ in samples]
    audio = clean.astype(np.float64)
    threshold = masking.find_threshold(audio)
    found = [masking.measure_audibility(threshold, sample - audio) for sample in samples]
    return [{"audible_db": one.excess_db, "audible_share": one.share} for one in found]


def read_audio(cell: dict[str, object]) -> NDArray[np.int16]:
    """Decode the audio in a row's ``audio`` column: int16 at 16 kHz."""
    content = cell["bytes"]
    assert isinstance(content, bytes)
    return decode_flac(content)
