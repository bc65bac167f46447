"""Samples to listen to: which, as audio and pictures for a page, and what every model makes of them."""

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

from asrtransfer.report.material import JOB, SAMPLE, Material, audio, rows
from asrtransfer.speech.audio import flac_bytes, from_flac_bytes, read_flac

Samples = NDArray[np.int16]

# Of a spectrogram: 32 ms windows every 8 ms, narrow enough for harmonics; 70 dB is what a room lets one hear.
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
        heard: one row a model: model, arm, adversarial (its top text for the sample), hit, rank, cer_target,
            cer_truth, clean (its top text for the audio without perturbation; empty if not recorded).
    """

    row: Mapping[str, object]
    sounds: tuple[Sound, ...]
    gain: float
    heard: pd.DataFrame


@dataclass(frozen=True)
class Gallery:
    """What there is to hear.

    Attributes:
        exhibits: in the order shown.
        combinations: of attack, confidence and target that have a sample.
    """

    exhibits: tuple[Exhibit, ...]
    combinations: int

    @property
    def shown(self) -> int:
        """Combinations among the exhibits."""
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
        exhibit = _exhibit(material, {str(key): value for key, value in row.items()}, clean)
        room -= sum(sound.size for sound in exhibit.sounds)
        if exhibits and room < 0:
            break
        exhibits.append(exhibit)
    exhibits.sort(key=lambda one: tuple(str(one.row[name]) for name in ("attack", "target", "confidence", "surrogate")))
    stored = material.samples[material.samples["status"] == "sample"]
    return Gallery(tuple(exhibits), len(stored[["attack", "confidence", "target"]].drop_duplicates()))


def choose(samples: pd.DataFrame, most: int) -> pd.DataFrame:
    """Primary samples that cover every attack, confidence and target before any of them has a second one.

    Within a combination, samples that transferred come first, since they are what there is to explain; then
    those whose surrogate and utterance have been shown least; then those of middling distortion. Combinations
    alternate over attacks and confidences, so that a small number still shows each.
    """
    stored = samples[samples["primary"] & (samples["status"] == "sample")]
    cells = [list(_middling(cell)) for _, cell in stored.groupby(["attack", "confidence", "target"])]
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
            best = min(cell, key=lambda row: _preference(row, shown))
            cell.remove(best)
            picked.append(best["index"])
            for name in (best["surrogate"], best["utterance_id"]):
                shown[name] = shown.get(name, 0) + 1
    return samples.loc[picked]


def _middling(cell: pd.DataFrame) -> list[dict[str, object]]:
    """Rows of a combination, those of median distortion first."""
    ordered = cell.sort_values(["snr_db", *SAMPLE], na_position="last").reset_index()
    places = np.abs(np.arange(len(ordered)) - (len(ordered) - 1) / 2)
    found = ordered.assign(place=places).sort_values("place", kind="stable").to_dict("records")
    return [{str(key): value for key, value in row.items()} for row in found]


def _preference(row: Mapping[str, object], shown: Mapping[object, int]) -> tuple[bool, int, float]:
    seen = shown.get(row["surrogate"], 0) + shown.get(row["utterance_id"], 0)
    return not row["transferred"], seen, float(str(row["place"]))


def _exhibit(material: Material, row: Mapping[str, object], clean: Samples) -> Exhibit:
    stored = audio(Path(str(row["file"])), utterance_id=row["utterance_id"], iteration=row["iteration"])
    adversarial = from_flac_bytes(stored)
    perturbation = adversarial.astype(np.float64) - clean
    gain = amplification(clean, perturbation)
    loudest = spectrum(clean).max()
    sounds = (
        _sound("Original", clean, loudest),
        _sound("Perturbation", np.rint(perturbation * gain).astype(np.int16), None),
        _sound("Adversarial", adversarial, loudest),
    )
    return Exhibit(row, sounds, gain, _heard(material, row))


def amplification(clean: Samples, perturbation: NDArray[np.float64]) -> float:
    """The factor that makes a perturbation as loud as the audio (equal energy), or all but clip."""
    peak, energy = np.abs(perturbation).max(), np.linalg.norm(perturbation)
    if energy == 0:
        return 1.0
    wanted = float(np.linalg.norm(clean.astype(np.float64)) / energy)
    return max(1.0, min(wanted, float(32767 / peak)))


def _heard(material: Material, row: Mapping[str, object]) -> pd.DataFrame:
    found = []
    wanted = {name: row[name] for name in (*JOB, "utterance_id", "iteration")}
    for (surrogate, remote), path in material.transcripts.items():
        if surrogate == row["surrogate"]:
            columns = ["arm", "kind", "texts", "rank", "hit", "cer_target", "cer_truth"]
            table = rows(path, columns, **wanted, kind=["adversarial", "clean"]).set_index("kind")
            one = table.loc["adversarial"]
            clean = _top(table.loc["clean", "texts"]) if "clean" in table.index else ""
            found.append(
                {
                    "model": remote,
                    "arm": one["arm"],
                    "adversarial": _top(one["texts"]),
                    "hit": bool(one["hit"]),
                    "rank": one["rank"],
                    "cer_target": one["cer_target"],
                    "cer_truth": one["cer_truth"],
                    "clean": clean,
                }
            )
    return pd.DataFrame(found)


def _top(texts: object) -> str:
    found = list(texts)  # type: ignore[call-overload]
    return str(found[0]) if found else ""


def _sound(title: str, samples: Samples, loudest: float | None) -> Sound:
    picture = _address("image/png", picture_of(spectrum(samples), loudest))
    return Sound(title, _address("audio/flac", flac_bytes(samples)), picture)


def _address(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def spectrum(samples: Samples) -> NDArray[np.float64]:
    """Power spectrogram in dB, (frequencies, frames), low frequencies first; at least one frame."""
    padded = np.pad(samples.astype(np.float64), (0, max(0, WINDOW - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(WINDOW), axis=1)))
    power = power[:, : WINDOW // 2].reshape(len(frames), ROWS, -1).mean(axis=2).T
    return np.asarray(10 * np.log10(power + 1.0))


def picture_of(decibels: NDArray[np.float64], loudest: float | None = None) -> bytes:
    """A spectrogram as PNG in viridis, from ``loudest`` (None: its own) to :data:`RANGE_DB` below."""
    top = decibels.max() if loudest is None else loudest
    step = -(-decibels.shape[1] // LARGEST_PICTURE)
    shades = np.clip(1 + (decibels[::-1, ::step] - top) / RANGE_DB, 0, 1)
    image = Image.fromarray(np.rint(shades * 255).astype(np.uint8), mode="P")
    image.putpalette(_palette())
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


@cache
def _palette() -> bytes:
    colours = colormaps["viridis"](np.arange(256), bytes=True)[:, :3]
    return np.asarray(colours, dtype=np.uint8).tobytes()
