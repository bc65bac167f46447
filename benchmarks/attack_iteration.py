"""One iteration of each attack, plain and with each option, beside the forward and backward passes that it needs.

The Fourier transforms of a view's filter count among these passes.

.venv/bin/python benchmarks/attack_iteration.py --results results

Beside both, the matrix products of these passes alone, each for all frames at once: the LSTM's, too, which the network
computes frame by frame. Iterations are those of an attack that has not succeeded yet; each is tested for success.
Contestants alternate. The figures are medians of processor time, so that other programs on the machine do not count.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from asrtransfer.attacks.run import run_attack
from asrtransfer.attacks.section import AttackSection
from asrtransfer.attacks.task import Task
from asrtransfer.attacks.views import fast_size
from asrtransfer.machine import compute
from asrtransfer.machine.memory import Plan
from asrtransfer.recognisers.deepspeech import DeepSpeech
from asrtransfer.recognisers.deepspeech.network import load_weights
from asrtransfer.speech.audio import SAMPLE_RATE
from asrtransfer.speech.utterances import Speech, pad

# No utterance of the default study is heard as this within a few dozen iterations; a success would cost a second pass.
PHRASE = "the quick brown fox jumps over the lazy dog"


OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "cw": ("cw", {}),
    "pgd": ("pgd", {}),
    "margin": ("pgd", {"margin": 2}),
    "momentum": ("pgd", {"momentum": {}}),
    "lookahead": ("pgd", {"momentum": {"lookahead": True}}),
    "neighbours": ("pgd", {"momentum": {"neighbours": 2}}),
    "noise, shift and gain": ("pgd", {"views": {"count": 3, "noise": 30, "shift": 160, "gain": 6}}),
    "low-pass": ("pgd", {"views": {"count": 3, "cutoff": 2000}}),
    "room": ("pgd", {"views": {"count": 3, "room": 0.3}}),
}
"""By name: an attack, and its keys."""


def passes(options: Mapping[str, Any]) -> int:
    """Passes of an iteration."""
    return AttackSection.model_validate(dict(options)).passes


def bare(recogniser: DeepSpeech, tasks: list[Task], iterations: int) -> None:
    """The pass that no attack by gradient can do without."""
    audio, lengths = pad([task.audio for task in tasks])
    phrases = [PHRASE] * len(tasks)
    for _ in range(iterations):
        heard = audio.detach().requires_grad_()
        torch.autograd.grad(recogniser.aim(heard, lengths, phrases).loss.sum(), heard)


def transform(tasks: list[Task], options: Mapping[str, Any], iterations: int) -> None:
    """The Fourier transforms of the views that are filtered: there and back, and the same for the gradient."""
    views = options.get("views", {})
    room = views.get("room", 0)
    if not room and "cutoff" not in views:
        return
    for _ in range(iterations * (views["count"] - 1)):
        for task in tasks:
            # A room's response is drawn, and lasts half as long on average as it may.
            size = fast_size(len(task.audio) + int(room / 2 * SAMPLE_RATE))
            signal = torch.ones(size)
            for _ in range(2):
                torch.fft.irfft(torch.fft.rfft(signal), size)
            if room:
                torch.fft.rfft(signal)


def list_products(recogniser: DeepSpeech, tasks: list[Task]) -> list[tuple[Tensor, Tensor, Tensor]]:
    """The network's matrices, each with inputs and gradients of its outputs for all frames of a batch at once."""
    frames = recogniser.log_probs(*pad([task.audio for task in tasks]))[0].shape[:2].numel()
    weights = [weight for weight in recogniser.network.state_dict().values() if weight.dim() == 2]
    return [(weight, torch.randn(frames, weight.shape[1]), torch.randn(frames, weight.shape[0])) for weight in weights]


def multiply(products: list[tuple[Tensor, Tensor, Tensor]], iterations: int) -> None:
    """The products of a forward pass and of one backward to the audio, and nothing else."""
    for _ in range(iterations):
        for weight, inputs, gradients in products:
            inputs @ weight.T
            gradients @ weight


def attacked(
    name: str, recogniser: DeepSpeech, tasks: list[Task], iterations: int, options: Mapping[str, Any] | None = None
) -> None:
    """The attack's own loop."""
    plan = Plan("cpu", most=len(tasks))
    keys = {"iterations": iterations, "threshold": None, **(options or {})}
    outcomes = run_attack([recogniser], tasks, name, keys, seed="s", plan=plan)
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
    parser.add_argument("--attacks", nargs="+", choices=OPTIONS, default=list(OPTIONS))
    given = parser.parse_args()
    chosen = {name: OPTIONS[name] for name in given.attacks}
    compute.prepare("cpu", 1)
    recogniser = DeepSpeech(load_weights(given.results / "models" / given.surrogate / "weights.safetensors"))
    speech = Speech.read(given.results / "corpus" / "test.parquet")
    print(f"{'batch':>5} {'attack':21} {'ms':>7} {'bare ms':>8} {'ratio':>6}  spread of the ratio")
    for batch in (8, 32):
        # Of the longest, where every phrase fits.
        indices = range(len(speech) - batch, len(speech))
        tasks = [Task(speech.utterance_ids[index], speech.samples(index), PHRASE) for index in indices]
        contestants = {
            name: partial(attacked, attack, recogniser, tasks, given.iterations, keys)
            for name, (attack, keys) in chosen.items()
        }
        contestants["bare"] = partial(bare, recogniser, tasks, given.iterations)
        contestants |= {
            f"transforms of {name}": partial(transform, tasks, keys, given.iterations)
            for name, (_, keys) in chosen.items()
        }
        with torch.no_grad():
            products = list_products(recogniser, tasks)
        contestants["products"] = partial(multiply, products, given.iterations)
        taken: dict[str, list[float]] = {name: [] for name in contestants}
        for work in contestants.values():
            work()
        for _ in range(given.repeats):
            for name, work in contestants.items():
                taken[name].append(seconds(work) / given.iterations * 1000)
        for name, (_, keys) in chosen.items():
            transforms = taken[f"transforms of {name}"]
            needed = [passes(keys) * once + more for once, more in zip(taken["bare"], transforms, strict=True)]
            ratios = sorted(one / other for one, other in zip(taken[name], needed, strict=True))
            middle, base = statistics.median(taken[name]), statistics.median(needed)
            spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
            print(f"{batch:5} {name:21} {middle:7.1f} {base:8.1f} {statistics.median(ratios):6.2f}  {spread}")
        operations = sum(4 * len(inputs) * weight.numel() for weight, inputs, _ in products) / 1e6
        rates = ", ".join(f"{name} {operations / statistics.median(taken[name]):.0f}" for name in [*chosen, "products"])
        print(f"{batch:5} GFLOP/s of the network's own products: {rates}")


if __name__ == "__main__":
    main()
