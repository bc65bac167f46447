"""One iteration of each attack beside the forward and backward pass of the same batch.

.venv/bin/python benchmarks/attack_iteration.py --results results

Iterations are those of an attack that has not succeeded yet; each is tested for success. Contestants alternate. The
figures are medians of processor time, so that other programs on the machine do not count.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from asrtransfer.attacks.run import run_attack
from asrtransfer.attacks.task import Task
from asrtransfer.machine import compute
from asrtransfer.machine.memory import Plan
from asrtransfer.recognisers.deepspeech import DeepSpeech
from asrtransfer.recognisers.deepspeech.network import load_weights
from asrtransfer.speech.utterances import Speech, pad

# No utterance of the default study is heard as this within a few dozen iterations; a success would cost a second pass.
PHRASE = "the quick brown fox jumps over the lazy dog"


def bare(recogniser: DeepSpeech, tasks: list[Task], iterations: int) -> None:
    """The pass that no attack by gradient can do without."""
    audio, lengths = pad([task.audio for task in tasks])
    phrases = [PHRASE] * len(tasks)
    for _ in range(iterations):
        heard = audio.detach().requires_grad_()
        torch.autograd.grad(recogniser.aim(heard, lengths, phrases).loss.sum(), heard)


def attacked(name: str, recogniser: DeepSpeech, tasks: list[Task], iterations: int) -> None:
    """The attack's own loop."""
    plan = Plan("cpu", most=len(tasks))
    outcomes = run_attack([recogniser], tasks, name, {"iterations": iterations, "threshold": None}, seed="s", plan=plan)
    assert not any(outcome.samples for outcome in outcomes), "an attack succeeded: its iterations are others"


def seconds(work: Callable[[], None]) -> float:
    """Processor time of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--surrogate", default="seed-1")
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=7)
    given = parser.parse_args()
    compute.prepare("cpu", 1)
    recogniser = DeepSpeech(load_weights(given.results / "models" / given.surrogate / "weights.safetensors"))
    speech = Speech.read(given.results / "corpus" / "test.parquet")
    print(f"{'batch':>5} {'attack':8} {'ms':>7} {'bare ms':>8} {'ratio':>6}  spread of the ratio")
    for batch in (8, 32):
        # Of the longest, where every phrase fits.
        indices = range(len(speech) - batch, len(speech))
        tasks = [Task(speech.utterance_ids[index], speech.samples(index), PHRASE) for index in indices]
        contestants = {name: partial(attacked, name, recogniser, tasks, given.iterations) for name in ("cw", "pgd")}
        contestants["bare"] = partial(bare, recogniser, tasks, given.iterations)
        taken: dict[str, list[float]] = {name: [] for name in contestants}
        for work in contestants.values():
            work()
        for _ in range(given.repeats):
            for name, work in contestants.items():
                taken[name].append(seconds(work) / given.iterations * 1000)
        for name in ("cw", "pgd"):
            ratios = sorted(one / other for one, other in zip(taken[name], taken["bare"], strict=True))
            middle, base = statistics.median(taken[name]), statistics.median(taken["bare"])
            spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
            print(f"{batch:5} {name:8} {middle:7.1f} {base:8.1f} {statistics.median(ratios):6.2f}  {spread}")


if __name__ == "__main__":
    main()
