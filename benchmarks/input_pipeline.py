"""Training steps that read FLAC beside the same steps on tensors in memory, in turns.

    .venv/bin/python benchmarks/input_pipeline.py --library path/to/folder-with-LibriSpeech
    .venv/bin/python benchmarks/input_pipeline.py --device cuda --units 2048 --steps 50

Without a library, the audio is noise of LibriSpeech's lengths, which takes longer to decode than speech.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from asrtransfer.machine import compute
from asrtransfer.recognisers.deepspeech import training
from asrtransfer.recognisers.deepspeech.batches import Batch, Batches
from asrtransfer.recognisers.deepspeech.network import Network
from asrtransfer.recognisers.deepspeech.section import Recipe
from asrtransfer.speech import audio, utterances


def found(library: Path) -> pd.DataFrame:
    """What a LibriSpeech folder holds, of any subset."""
    rows = []
    for transcript in sorted(library.glob("LibriSpeech/*/*/*/*.trans.txt")):
        for line in transcript.read_text().splitlines():
            name, _, text = line.partition(" ")
            path = transcript.with_name(f"{name}.flac")
            rows.append((name, str(path.resolve()), soundfile.info(path).duration, text.lower()))
    return pd.DataFrame(rows, columns=["utterance_id", "path", "seconds", "text"])


def made(folder: Path, count: int) -> pd.DataFrame:
    """Noise of 2 to 16 seconds, as LibriSpeech's utterances mostly are."""
    random = np.random.default_rng(1)
    rows = []
    for number, seconds in enumerate(random.uniform(2, 16, count)):
        path = folder / f"{number}.flac"
        path.write_bytes(audio.encode_flac(random.normal(0, 800, int(seconds * 16_000)).astype(np.int16)))
        rows.append((str(number), str(path), seconds, "the same words for all of them"))
    return pd.DataFrame(rows, columns=["utterance_id", "path", "seconds", "text"])


def main() -> None:
    """Print the ratio and the rate of reading alone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", type=Path)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--units", type=int, default=160)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    compute.prepare(given.device, given.threads)
    utterances.KEPT_SECONDS = 0.0
    recipe = Recipe(batch=given.batch)
    network = Network(given.units, dropout=0.2)
    network.initialise(1)
    network.to(given.device)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-9)

    def steps(batches: Iterable[Batch]) -> float:
        start = time.perf_counter()
        for number, batch in enumerate(batches):
            training.train_step([network], optimiser, [batch], recipe, [number])
        if given.device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    with tempfile.TemporaryDirectory() as name:
        table = found(given.library) if given.library else made(Path(name), given.batch * given.steps)
        table = table.sort_values("seconds", ignore_index=True)
        read = utterances.Speech(table, Path("/"))
        batches = Batches(read, given.batch)
        places = [number % len(batches) for number in range(given.steps)]
        everything = list(read.batches(given.batch))
        order = [everything[place] for place in places]
        memory = list(read.loaded(order))
        texts = [[read.texts[index] for index in indices] for indices in order]

        def hold() -> list[Batch]:
            return [Batch(*audio, said) for audio, said in zip(memory, texts, strict=True)]

        steps(hold())
        ratios = []
        for _ in range(given.repeats):
            fed = steps(batches.read(places))
            ratios.append(steps(hold()) / fed)
        start = time.perf_counter()
        for _ in read.loaded(order):
            pass
        alone = time.perf_counter() - start
    seconds = sum(float(table["seconds"][index]) for indices in order for index in indices)
    print(
        f"{given.steps} steps of {given.batch} utterances, {given.units} units, {given.device}: with reading at "
        f"{statistics.median(ratios):.3f} of the rate from memory (median of {given.repeats}; "
        f"{min(ratios):.3f} to {max(ratios):.3f}); {fed / given.steps:.2f} s a step; reading alone: "
        f"{alone / given.steps * 1e3:.0f} ms a batch, {seconds / alone:.0f} times as fast as the audio plays"
    )


if __name__ == "__main__":
    main()
