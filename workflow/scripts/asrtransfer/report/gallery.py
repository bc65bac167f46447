"""Samples to listen to: their choice, their audio and pictures for a page, and what every model hears in them."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image

from asrtransfer.report.material import JOB, Material, audio, rows
from asrtransfer.speech.audio import decode_flac, encode_flac, read_flac
from asrtransfer.tables.design import SAMPLE

Samples = NDArray[np.int16]

# Spectrogram: 32 ms windows every 8 ms, narrow enough for harmonics; 70 dB is the range that one hears in a room.
WINDOW = 512
HOP = 128
RANGE_DB = 70.0
ROWS = 128
LARGEST_PICTURE = 900


@dataclass(frozen=True)
class Sound:
    """One playable sound.

    Attributes:
        title: what it is.
        audio: data address of a FLAC file.
        picture: data address of its spectrogram, a PNG.
    """

    title: str
    audio: str
    picture: str

    @property
    def size(self) -> int:
        """Bytes in the page."""
        return len(self.audio) + len(self.picture)


@dataclass(frozen=True)
class Exhibit:
    """One sample of the gallery.

    Attributes:
        row: of :attr:`asrtransfer.report.material.Material.samples`, by column.
        sounds: original, perturbation amplified, adversarial.
        gain: by which the perturbation was amplified.
        heard: one row a model: model, arm, adversarial (its top text for the sample), raw (that text as the recogniser
            wrote it; null where it is the same), hit, rank, cer_target, cer_truth, clean (its top text for the audio
            without perturbation; empty if not recorded).
    """

    row: Mapping[str, object]
    sounds: tuple[Sound, ...]
    gain: float
    heard: pd.DataFrame


@dataclass(frozen=True)
class Gallery:
    """The samples of a page.

    Attributes:
        exhibits: in the order shown.
        combinations: number of combinations of attack, confidence and target that have a sample.
    """

    exhibits: tuple[Exhibit, ...]
    combinations: int

    @property
    def shown(self) -> int:
        """Number of combinations among the exhibits."""
        return len({(one.row["attack"], one.row["confidence"], one.row["target"]) for one in self.exhibits})


def build(material: Material, corpus: Path, selected: pd.DataFrame, *, samples: int, megabytes: float) -> Gallery:
    """Choose samples and prepare them for a page.

    Args:
        material: the study.
        corpus: folder that the paths in ``selected`` start from.
        selected: utterance_id, path and sha256 of the utterances that were attacked.
        samples: largest number of exhibits.
        megabytes: largest size of all exhibits as text in the page; one is always shown.

    Raises:
        InputError: if audio is missing or damaged.
    """
    chosen = choose(material.samples, samples)
    utterances = selected.set_index("utterance_id")
    exhibits: list[Exhibit] = []
    room = megabytes * 1e6
    for row in chosen.to_dict("records"):
        utterance = utterances.loc[row["utterance_id"]]
        clean = read_flac(corpus / str(utterance["path"]), utterance.get("sha256"))
        exhibit = _make_exhibit(material, {str(key): value for key, value in row.items()}, clean)
        room -= sum(sound.size for sound in exhibit.sounds)
        if exhibits and room < 0:
            break
        exhibits.append(exhibit)
    exhibits.sort(key=lambda one: tuple(str(one.row[name]) for name in ("attack", "target", "confidence", "surrogate")))
    stored = material.samples[material.samples["status"] == "sample"]
    return Gallery(tuple(exhibits), len(stored[["attack", "confidence", "target"]].drop_duplicates()))


def choose(samples: pd.DataFrame, most: int) -> pd.DataFrame:
    """Choose primary samples that cover every attack, confidence and target before any of them has a second one.

    Within a combination, samples that transferred come first, since they call for an explanation; then those whose
    surrogate and utterance have been shown least; then those of middling distortion. Combinations alternate over
    attacks and confidences, so that a small number still shows each.

    Args:
        samples: of the study, :attr:`asrtransfer.report.material.Material.samples`.
        most: largest number of samples.
    """
    stored = samples[samples["primary"] & (samples["status"] == "sample")]
    cells = [list(_sort_by_distortion(cell)) for _, cell in stored.groupby(["attack", "confidence", "target"])]
    regimes: dict[object, int] = {}
    turns = []
    for cell in cells:
        regime = (cell[0]["attack"], cell[0]["confidence"])
        regimes[regime] = regimes.get(regime, 0) + 1
        turns.append((regimes[regime], cell))
    turns.sort(key=lambda turn: turn[0])
    shown: dict[object, int] = {}
    picked: list[object] = []
    while len(picked) < min(most, len(stored)):
        for _, cell in turns:
            if not cell or len(picked) == most:
                continue
            best = min(cell, key=lambda row: _rank_for_choice(row, shown))
            cell.remove(best)
            picked.append(best["index"])
            for name in (best["surrogate"], best["utterance_id"]):
                shown[name] = shown.get(name, 0) + 1
    return samples.loc[picked]


def _sort_by_distortion(cell: pd.DataFrame) -> list[dict[str, object]]:
    """Sort the rows of a combination, those of median distortion first."""
    ordered = cell.sort_values(["snr_db", *SAMPLE], na_position="last").reset_index()
    places = np.abs(np.arange(len(ordered)) - (len(ordered) - 1) / 2)
    found = ordered.assign(place=places).sort_values("place", kind="stable").to_dict("records")
    return [{str(key): value for key, value in row.items()} for row in found]


def _rank_for_choice(row: Mapping[str, object], shown: Mapping[object, int]) -> tuple[bool, int, float]:
    seen = shown.get(row["surrogate"], 0) + shown.get(row["utterance_id"], 0)
    return not row["transferred"], seen, float(str(row["place"]))


def _make_exhibit(material: Material, row: Mapping[str, object], clean: Samples) -> Exhibit:
    stored = audio(Path(str(row["file"])), utterance_id=row["utterance_id"], iteration=row["iteration"])
    sounds, gain = make_sounds(clean, decode_flac(stored))
    return Exhibit(row, sounds, gain, _collect_hearings(material, row))


def amplification(clean: Samples, perturbation: NDArray[np.float64]) -> float:
    """Compute the factor that makes a perturbation as loud as the audio (equal energy), or all but clip."""
    peak, energy = np.abs(perturbation).max(), np.linalg.norm(perturbation)
    if energy == 0:
        return 1.0
    wanted = float(np.linalg.norm(clean.astype(np.float64)) / energy)
    return max(1.0, min(wanted, float(32767 / peak)))


def _collect_hearings(material: Material, row: Mapping[str, object]) -> pd.DataFrame:
    found = []
    wanted = {name: row[name] for name in (*JOB, "utterance_id", "iteration")}
    for (surrogate, remote), path in material.transcripts.items():
        if surrogate == row["surrogate"]:
            columns = ["arm", "kind", "texts", "raw", "rank", "hit", "cer_target", "cer_truth"]
            table = rows(path, columns, **wanted, kind=["adversarial", "clean"]).set_index("kind")
            if "adversarial" not in table.index:
                # A judge hears none of the samples that it judged.
                continue
            one = table.loc["adversarial"]
            clean = read_top(table.loc["clean", "texts"]) if "clean" in table.index else ""
            found.append(
                {
                    "model": remote,
                    "arm": one["arm"],
                    "adversarial": read_top(one["texts"]),
                    "raw": None if one["raw"] == read_top(one["texts"]) else one["raw"],
                    "hit": bool(one["hit"]),
                    "rank": one["rank"],
                    "cer_target": one["cer_target"],
                    "cer_truth": one["cer_truth"],
                    "clean": clean,
                }
            )
    return pd.DataFrame(found)


def read_top(texts: object) -> str:
    """Return the first of a hearing's texts; empty if it has none."""
    found = list(texts)  # type: ignore[call-overload]
    return str(found[0]) if found else ""


def make_sounds(clean: Samples, adversarial: Samples) -> tuple[tuple[Sound, ...], float]:
    """Prepare the original, the perturbation and the sample for a page.

    Args:
        clean: int16 (samples,), 16 kHz.
        adversarial: as long.

    Returns:
        The sounds in this order, and the gain by which the perturbation was amplified.
    """
    perturbation = adversarial.astype(np.float64) - clean
    gain = amplification(clean, perturbation)
    loudest = spectrum(clean).max()
    sounds = (
        _make_sound("Original", clean, loudest),
        _make_sound("Perturbation", np.rint(perturbation * gain).astype(np.int16), None),
        _make_sound("Adversarial", adversarial, loudest),
    )
    return sounds, gain


def _make_sound(title: str, samples: Samples, loudest: float | None) -> Sound:
    picture = _encode("image/png", picture_of(spectrum(samples), loudest))
    return Sound(title, _encode("audio/flac", encode_flac(samples)), picture)


def _encode(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def spectrum(samples: Samples) -> NDArray[np.float64]:
    """Compute the power spectrogram in dB, (frequencies, frames), low frequencies first; at least one frame."""
    padded = np.pad(samples.astype(np.float64), (0, max(0, WINDOW - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(WINDOW), axis=1)))
    power = power[:, : WINDOW // 2].reshape(len(frames), ROWS, -1).mean(axis=2).T
    return np.asarray(10 * np.log10(power + 1.0))


def picture_of(decibels: NDArray[np.float64], loudest: float | None = None) -> bytes:
    """Draw a spectrogram as PNG in viridis, from ``loudest`` (None: its own) to :data:`RANGE_DB` below."""
    top = decibels.max() if loudest is None else loudest
    step = -(-decibels.shape[1] // LARGEST_PICTURE)
    shades = np.clip(1 + (decibels[::-1, ::step] - top) / RANGE_DB, 0, 1)
    image = Image.fromarray(np.rint(shades * 255).astype(np.uint8), mode="P")
    image.putpalette(_make_palette())
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


@cache
def _make_palette() -> bytes:
    colours = colormaps["viridis"](np.arange(256), bytes=True)[:, :3]
    return np.asarray(colours, dtype=np.uint8).tobytes()
