"""Iterations of C&W until its first success, and until one of high confidence, with the recipe's settings and others.

.venv/bin/python benchmarks/cw_settings.py --results results

For each setting: the iteration at which half and nine tenths of the pairs of utterance and phrase had a sample, how
many had none after 300 iterations, and the seconds of processor time.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from asrtransfer.attacks.cw import CW, CarliniWagner
from asrtransfer.attacks.loop import attack
from asrtransfer.attacks.task import Goal, Task
from asrtransfer.machine import compute
from asrtransfer.recognisers.deepspeech import DeepSpeech
from asrtransfer.recognisers.deepspeech.network import load_weights
from asrtransfer.speech.utterances import Speech

PHRASES = ["open the door", "delete my messages"]
ITERATIONS = 300
SETTINGS: dict[str, dict[str, Any]] = {
    "the recipe": {},
    "gradient whole": {"gradient": "whole"},
    "gradient whole, bound 4000": {"gradient": "whole", "bound": 4000.0},
    "gradient whole, no noise": {"gradient": "whole", "noise": 0.0},
    "gradient whole, noise 10": {"gradient": "whole", "noise": 10.0},
    "learning rate 30": {"learning_rate": 30.0},
    "learning rate 50": {"learning_rate": 50.0},
    "learning rate 200": {"learning_rate": 200.0},
    "learning rate 400": {"learning_rate": 400.0},
    "bound 4000": {"bound": 4000.0},
    "no noise": {"noise": 0.0},
    "noise 10": {"noise": 10.0},
    "noise 50": {"noise": 50.0},
    "noise 50, learning rate 200": {"noise": 50.0, "learning_rate": 200.0},
}


def firsts(recogniser: DeepSpeech, speech: Speech, threshold: float | None, settings: dict[str, Any]) -> list[float]:
    """The iteration of each pair's first sample, ascending; infinite for those without."""
    found = []
    for phrase in PHRASES:
        tasks = [Task(name, speech.samples(index), phrase) for index, name in enumerate(speech.utterance_ids)]
        # No bound shrinks, so that the first sample is kept.
        build = partial(CarliniWagner, keys=CW(**settings, shrink=1.0))
        goal = Goal(threshold=threshold, iterations=ITERATIONS, test_every=1, keep=3)
        outcomes = attack([recogniser], tasks, goal, build, seed="s")
        found += [float(one.samples[0].iteration) if one.samples else math.inf for one in outcomes]
    return sorted(found)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--surrogate", default="seed-1")
    given = parser.parse_args()
    compute.prepare("cpu", 1)
    recogniser = DeepSpeech(load_weights(given.results / "models" / given.surrogate / "weights.safetensors"))
    speech = Speech.read(given.results / "selected.parquet", given.results / "corpus")
    for threshold in (None, 0.9):
        print("until a sample" if threshold is None else f"until a sample with K1 > {threshold}")
        for name, settings in SETTINGS.items():
            start = time.process_time()
            found = firsts(recogniser, speech, threshold, settings)
            seconds = time.process_time() - start
            half, most = (found[math.ceil(share * len(found)) - 1] for share in (0.5, 0.9))
            none = sum(math.isinf(one) for one in found)
            print(
                f"  {name:28} half {half:4.0f}  nine tenths {most:4.0f}  none {none:2}/{len(found)}  {seconds:5.1f} s"
            )


if __name__ == "__main__":
    main()
