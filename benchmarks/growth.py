"""Time and memory of an attack and of hearing for twice the utterances and for twice the seconds of audio.

.venv/bin/python benchmarks/growth.py --results results

Twice the audio is each recording repeated. Phrases and models are separate jobs, so that twice as many are twice the
jobs. Times are medians of processor time; the sizes alternate. Memory is the largest of a separate process.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from peak import megabytes

from asrtransfer.attacks.run import run_attack
from asrtransfer.attacks.task import Task
from asrtransfer.ctc import decoding
from asrtransfer.hearing.hear import hear
from asrtransfer.machine import compute
from asrtransfer.recognisers.deepspeech import DeepSpeech
from asrtransfer.recognisers.deepspeech.network import load_weights
from asrtransfer.speech.utterances import Speech

PHRASE = "turn off all the cameras"
UTTERANCES, ITERATIONS = 32, 10
Audio = list[NDArray[np.int16]]


def attacked(recogniser: DeepSpeech, audio: Audio) -> None:
    """An attack by C&W in the batches of a study."""
    tasks = [Task(f"u{number:03}", samples, PHRASE) for number, samples in enumerate(audio)]
    run_attack([recogniser], tasks, "cw", {"iterations": ITERATIONS, "threshold": None}, seed="s")


def heard(recogniser: DeepSpeech, audio: Audio) -> None:
    """Their ten most likely texts."""
    hear(recogniser, decoding.build("flashlight"), audio)


WORK: dict[str, Callable[[DeepSpeech, Audio], None]] = {"attack": attacked, "hearing": heard}


def sizes(speech: Speech) -> dict[str, Audio]:
    """The same audio once, with twice the utterances, and with twice the seconds."""
    once = [speech.samples(index) for index in range(UTTERANCES)]
    return {
        "once": once,
        "twice the utterances": [samples for samples in once for _ in range(2)],
        "twice the audio": [np.concatenate((samples, samples)) for samples in once],
    }


def peak(results: Path, work: str, size: str) -> float:
    """MB of a process that does the work."""
    command = [sys.executable, __file__, "--results", str(results), "--one", work, size]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--surrogate", default="seed-1")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    compute.prepare("cpu", 1)
    recogniser = DeepSpeech(load_weights(given.results / "models" / given.surrogate / "weights.safetensors"))
    audio = sizes(Speech.read(given.results / "corpus" / "test.parquet"))
    if given.one:
        WORK[given.one[0]](recogniser, audio[given.one[1]])
        print(megabytes())
        return
    memory = {(name, size): peak(given.results, name, size) for name in WORK for size in audio}
    for name, work in WORK.items():
        seconds: dict[str, list[float]] = {size: [] for size in audio}
        work(recogniser, audio["once"])
        for _ in range(given.repeats):
            for size, samples in audio.items():
                start = time.process_time()
                work(recogniser, samples)
                seconds[size].append(time.process_time() - start)
        for size, taken in seconds.items():
            ratios = sorted(one / other for one, other in zip(taken, seconds["once"], strict=True))
            print(
                f"{name:8} {size:22} {statistics.median(taken):6.2f} s  x {statistics.median(ratios):.2f} "
                f"({ratios[0]:.2f} to {ratios[-1]:.2f})  {memory[name, size]:5.0f} MB"
            )


if __name__ == "__main__":
    main()
