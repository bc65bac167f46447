"""Can audio be changed a little, so that the front end, which all models share, gives what it gives of a spoken phrase?

.venv/bin/python benchmarks/front_end_match.py --results results

For each utterance the phrase is laid into its time by the voice, rate and place whose magnitudes in the front end's
bands are most like the utterance's. If the magnitudes correlate with r, then matching them changes the utterance by at
least 1 - r^2 of its energy: no match has an SNR above -10 lg(1 - r^2). Then Adam lowers the squared distance of the log
bands from those of the phrase. Printed are the bound, the SNR and the distance that Adam reaches, and who hears the
phrase: in the matched audio, in the plain mix of equal SNR, and in the phrase alone as it was laid.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from asrtransfer.machine import compute
from asrtransfer.recognisers.deepspeech import DeepSpeech
from asrtransfer.recognisers.deepspeech.front_end import FrontEnd, Spectrum
from asrtransfer.recognisers.deepspeech.network import load_weights
from asrtransfer.speech.audio import resample, to_int16
from asrtransfer.speech.espeak import Engine, trim_silence
from asrtransfer.speech.phrases import VOICES
from asrtransfer.speech.utterances import Speech

Signal = NDArray[np.float64]
RATES = range(90, 200, 20)
"""Words a minute: a slow voice fills a long utterance."""
STEP = 800
"""Samples between two places that are tried."""
LEAST = 0.5
"""Of an utterance's time, what a phrase must fill: silence is matched by taking everything away."""


@dataclass(frozen=True)
class Laid:
    """A phrase in the time of an utterance: its signal, and the correlation of the magnitudes in all bands."""

    signal: Signal
    correlation: float


def analyse(front_end: FrontEnd, signal: Signal) -> Spectrum:
    """Return the log mel bands of one signal."""
    audio = torch.as_tensor(signal, dtype=torch.float32)[None]
    return front_end.analyse(audio, torch.tensor([audio.shape[1]]))


def magnitudes(front_end: FrontEnd, signal: Signal) -> Signal:
    """Return the magnitude of every band and frame."""
    found: Signal = analyse(front_end, signal).bands[0].exp().sqrt().double().numpy()
    return found


def speak_variously(phrase: str) -> list[Signal]:
    """Speak a phrase by every voice at every rate."""
    with Engine() as engine:
        spoken = [engine.say(phrase, voice, rate=rate, pitch=50, volume=60) for voice in VOICES for rate in RATES]
        return [resample(trim_silence(one.astype(np.float64), engine.rate), engine.rate) for one in spoken]


def lay(front_end: FrontEnd, utterance: Signal, spoken: list[Signal]) -> Laid | None:
    """Find the voice, rate and place that are most like the utterance; None where no phrase fits."""
    own = magnitudes(front_end, utterance)
    best: Laid | None = None
    for signal in _place_all(len(utterance), spoken):
        other = magnitudes(front_end, signal)
        correlation = float((own * other).sum() / np.sqrt(np.square(own).sum() * np.square(other).sum()))
        if best is None or correlation > best.correlation:
            best = Laid(signal * float((own * other).sum() / np.square(other).sum()), correlation)
    return best


def _place_all(length: int, spoken: list[Signal]) -> Iterator[Signal]:
    for one in spoken:
        if LEAST * length <= len(one) <= length:
            for start in range(0, length - len(one) + 1, STEP):
                yield np.pad(one, (start, length - len(one) - start))


def match(front_end: FrontEnd, utterance: Signal, wanted: Signal, steps: int) -> tuple[NDArray[np.int16], float]:
    """Change an utterance until its bands are those of another signal; returns audio and the distance that is left."""
    with torch.no_grad():
        target = analyse(front_end, wanted)
    audio = torch.as_tensor(utterance, dtype=torch.float32)[None]
    lengths = torch.tensor([audio.shape[1]])
    delta = torch.zeros_like(audio, requires_grad=True)
    optimiser = torch.optim.Adam([delta], lr=30)
    for step in range(steps):
        if step == steps * 3 // 4:
            optimiser.param_groups[0]["lr"] = 8
        found = front_end.analyse(audio + delta, lengths)
        distance = (found.bands - target.bands).square().mean()
        optimiser.zero_grad()
        distance.backward()
        optimiser.step()
    return to_int16((audio + delta).detach()[0].double().numpy()), float(distance)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--models", nargs="+", default=["seed-1", "seed-2", "seed-3"])
    parser.add_argument("--phrase", default="open the door")
    parser.add_argument("--utterances", type=int, default=14)
    parser.add_argument("--steps", type=int, default=1500)
    given = parser.parse_args()
    compute.prepare("cpu", 1)
    weights = [given.results / "models" / name / "weights.safetensors" for name in given.models]
    models = [DeepSpeech(load_weights(path)) for path in weights]
    speech = Speech.read(given.results / "selected.parquet", given.results / "corpus")
    spoken, front_end, random = speak_variously(given.phrase), FrontEnd(), np.random.default_rng(0)

    def count(audio: NDArray[np.int16]) -> int:
        return sum(model.hear([audio])[0].texts[0] == given.phrase for model in models)

    rows = []
    for index in range(given.utterances):
        utterance = speech.samples(index).astype(np.float64)
        laid = lay(front_end, utterance, spoken)
        if laid is None:
            continue
        # Digital silence has no finite logarithm.
        wanted = laid.signal + random.integers(-10, 11, len(utterance))
        matched, distance = match(front_end, utterance, wanted, given.steps)
        change = matched - utterance
        snr = 10 * np.log10(np.square(utterance).sum() / np.square(change).sum())
        mixed = to_int16(utterance + laid.signal * np.sqrt(np.square(change).sum() / np.square(laid.signal).sum()))
        bound = -10 * np.log10(1 - laid.correlation**2)
        rows.append((bound, snr, distance, count(matched), count(mixed), count(to_int16(wanted))))
        print("{:5.1f} dB at the most, {:5.1f} dB reached, distance {:.3f}; heard {} {} {}".format(*rows[-1]))
    total, columns = len(rows) * len(models), list(zip(*rows, strict=True))
    for name, values in zip(("bound", "SNR", "distance"), columns, strict=False):
        print(f"{name}: median {np.median(values):.2f}, {min(values):.2f} to {max(values):.2f}")
    for name, values in zip(("matched", "mixed", "alone"), columns[3:], strict=True):
        print(f"{name}: heard in {sum(values)} of {total} hearings")


if __name__ == "__main__":
    main()
