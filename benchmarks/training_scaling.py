"""Training on several cores: one job a core at the same time, beside one job alone.

.venv/bin/python benchmarks/training_scaling.py --results results --jobs 2

Every job is a separate process with one thread, as in a study, that trains for some steps after a warm-up. The figure
is the rate of all jobs over the rate of one. It is the number of jobs if none slows another down.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

STEPS, WARM_UP, BATCH, UNITS = 40, 5, 12, 160


def work(results: Path) -> None:
    """Train, and print the seconds of the steps after the warm-up."""
    import torch

    from asrtransfer.machine import compute
    from asrtransfer.recognisers.deepspeech.batches import Batches
    from asrtransfer.recognisers.deepspeech.network import Network
    from asrtransfer.recognisers.deepspeech.section import Recipe
    from asrtransfer.recognisers.deepspeech.training import train_step
    from asrtransfer.speech.utterances import Speech

    compute.prepare("cpu", 1)
    speech = Speech.read(results / "corpus" / "train.parquet")
    network = Network(UNITS)
    network.initialise(1)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.003)
    batches = Batches(speech, BATCH)
    for place, batch in enumerate(batches.read(range(min(STEPS + WARM_UP, len(batches))))):
        if place == WARM_UP:
            start = time.perf_counter()
        train_step([network], optimiser, [batch], Recipe(clip=20.0), [place])
    print(time.perf_counter() - start)


def together(results: Path, jobs: int) -> float:
    """Mean seconds of ``jobs`` jobs at the same time."""
    command = [sys.executable, __file__, "--results", str(results), "--work"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(jobs)]
    return statistics.mean(float(job.communicate()[0]) for job in running)


def main() -> None:
    """Print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(given.results)
        return
    pairs = [(together(given.results, 1), together(given.results, given.jobs)) for _ in range(given.repeats)]
    ratios = sorted(given.jobs * alone / crowd for alone, crowd in pairs)
    print(f"{given.jobs} jobs at once: {statistics.median(ratios):.2f} x one ({ratios[0]:.2f} to {ratios[-1]:.2f})")


if __name__ == "__main__":
    main()
