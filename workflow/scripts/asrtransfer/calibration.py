"""How fast this device trains, attacks and listens, in a few minutes, and whether equal runs stay equal on it.

``python -m asrtransfer.calibration cuda 2048 --native`` prints how long two equal trainings stay so.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from asrtransfer import attacks
from asrtransfer.attacks.loop import Goal, Task, attack
from asrtransfer.ctc import decoding
from asrtransfer.machine import compute
from asrtransfer.machine.memory import Plan, attack_bytes
from asrtransfer.recognisers.deepspeech import training
from asrtransfer.recognisers.deepspeech.network import DeepSpeech
from asrtransfer.speech.utterances import pad
from asrtransfer.text import alphabet

PHRASE = "open the door"
TEXT = "he hoped there would be stew for dinner turnips and carrots"
SIZES = ((1, 2.0), (4, 5.0), (24, 10.0), (98, 10.0))
"""Utterances and seconds of each, in ascending order; the last is what a job of the published study attacks."""
ITERATIONS = 5
STEPS = 20


@dataclass(frozen=True)
class Measured:
    """A rate, what it was measured with, and the largest memory that an accelerator gave for it.

    Attributes:
        rate: seconds of audio a second (of an attack, times iterations).
        utterances, seconds: of the batch.
        peak_bytes: 0 on a CPU.
    """

    rate: float
    utterances: int
    seconds: float
    peak_bytes: int = 0


def speech(utterances: int, seconds: float) -> list[NDArray[np.int16]]:
    """Noise that comes and goes as syllables do; what it says is no matter for its speed."""
    random = np.random.default_rng(1)
    time_axis = np.arange(int(seconds * 16_000)) / 16_000
    loudness = 1500 * np.square(np.sin(2 * np.pi * 2 * time_axis))
    return [np.rint(random.normal(0, 1, len(time_axis)) * loudness).astype(np.int16) for _ in range(utterances)]


def trains(model: DeepSpeech, utterances: int, seconds: float) -> float:
    """Seconds that a step of training takes, and not the first."""
    audio, lengths = pad(speech(utterances, seconds))
    text = TEXT[: int(seconds * 6)].strip()
    batch = training.Batch(audio, lengths, [text] * utterances)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-4)
    model.requires_grad_(True)
    for number in range(2):
        start = _now(model)
        training.train_step([model], optimiser, [batch], training.Recipe(), seeds=[number])
    took = _now(model) - start
    model.requires_grad_(False).eval()
    optimiser.zero_grad(set_to_none=True)
    return took


def is_attacked(model: DeepSpeech, utterances: int, seconds: float) -> float:
    """Seconds that an iteration of C&W's attack takes in which nothing succeeds."""
    tasks = [Task(str(number), samples, PHRASE) for number, samples in enumerate(speech(utterances, seconds))]
    build = partial(attacks.method("cw"), shrinks=True)
    goal = Goal(threshold=0.9, iterations=ITERATIONS)
    attack(model, tasks, goal, build, seed="calibration")
    start = _now(model)
    attack(model, tasks, goal, build, seed="calibration")
    return (_now(model) - start) / ITERATIONS


@torch.no_grad()
def listens(model: DeepSpeech, utterances: int, seconds: float) -> float:
    """Seconds that a batch takes through the network."""
    audio, lengths = pad(speech(utterances, seconds))
    plan = Plan(model.dense1.weight.device, model.units)
    samples = audio.shape[1]

    def work(part: range) -> None:
        device = model.dense1.weight.device
        rows = slice(part.start, part.stop)
        model(audio[rows].to(device), lengths[rows].to(device))[0].cpu()

    for _ in range(2):
        start = _now(model)
        compute.in_batches(utterances, plan.most, work, lambda part: plan.hears(len(part), samples))
    return _now(model) - start


def measured(model: DeepSpeech, work: Callable[[DeepSpeech, int, float], float], budget: float) -> Measured:
    """The rate of some work at the largest of the sizes that the budget, in seconds, is expected to allow."""
    found = None
    cuda = model.dense1.weight.is_cuda
    for utterances, seconds in SIZES:
        if cuda:
            torch.cuda.reset_peak_memory_stats()
        start = time.monotonic()
        took = work(model, utterances, seconds)
        spent = time.monotonic() - start
        peak = torch.cuda.max_memory_allocated() if cuda else 0
        found = Measured(utterances * seconds / took, utterances, seconds, peak)
        larger = next((n * s for n, s in SIZES if n * s > utterances * seconds), None)
        if larger is None or spent * (1 + larger / (utterances * seconds)) > budget:
            break
        budget -= spent
    assert found is not None
    return found


def decoded(budget: float) -> float:
    """Seconds of audio that a thread decodes a second of its own; ten at a time, of made-up posteriors.

    They spell fourteen letters a second, as LibriSpeech does, and are as sure of themselves as a model is of speech.
    """
    decoder = decoding.build("flashlight")
    random = torch.Generator().manual_seed(1)
    frames = 500
    text = f"{TEXT} {PHRASE} {TEXT}"[: frames * 14 // 50]
    path = torch.full((frames,), alphabet.BLANK)
    path[torch.linspace(5, frames - 5, len(text)).long()] = torch.tensor(alphabet.encode(text))
    began, seconds, spent = time.monotonic(), 0.0, 0.0
    while not seconds or time.monotonic() - began < budget:
        scores = 2 * torch.randn(frames, alphabet.SIZE, generator=random)
        scores[torch.arange(frames), path] += 10.5
        start = time.process_time()
        decoder.top(scores.log_softmax(dim=1)[None], torch.tensor([frames]))
        spent += time.process_time() - start
        seconds += frames * 0.02
    return seconds / spent


def parting(device: str, units: int, steps: int = STEPS) -> int | None:
    """The step, from 1, after which two trainings of one seed first differ in a weight; None if they do not."""
    batch = training.Batch(*pad(speech(8, 4.0)), [TEXT[:24].strip()] * 8)
    models, optimisers = [], []
    for _ in range(2):
        model = DeepSpeech(units, dropout=0.2)
        model.initialise(1)
        models.append(model.to(device))
        optimisers.append(torch.optim.Adam(model.parameters(), lr=1e-4))
    for step in range(1, steps + 1):
        for model, optimiser in zip(models, optimisers, strict=True):
            training.train_step([model], optimiser, [batch], training.Recipe(), seeds=[step])
        pairs = zip(models[0].parameters(), models[1].parameters(), strict=True)
        if not all(torch.equal(one, other) for one, other in pairs):
            return step
    return None


def calibrate(
    device: str, units: int, budget: float, report: Callable[[str], None]
) -> tuple[dict[str, object], dict[str, object]]:
    """Everything; some minutes.

    Args:
        units: width of the network.
        budget: seconds for each rate.
        report: told each result in a line.

    Returns:
        The rates as ``study.rates`` reads them, and what they were measured with.
    """
    model = DeepSpeech(units, dropout=0.2)
    model.initialise(1)
    model.to(device)
    found = {}
    for name, work in {"training": trains, "attack": is_attacked, "listening": listens}.items():
        found[name] = measured(model, work, budget)
        batch = f"{found[name].utterances} utterances of {found[name].seconds:g} s at once"
        report(f"{name}: {found[name].rate:.3g} seconds of audio a second, {batch}")
    decoding_rate = decoded(budget / 4)
    report(f"decoding: {decoding_rate:.3g} seconds of audio a second, one thread")
    equal = {"twin": _parting(device, units), "native": _parting(device, units, "--native")}
    for arm, step in equal.items():
        report(f"{arm}: two trainings of one seed {'stay equal' if step is None else f'part at step {step}'}")
    facts = compute.describe(device)
    source = f"measured: calibrate on {facts.get('accelerator', facts['processor'])}, torch {facts['torch']}"
    rates = {"units": units, "source": source, **{name: round(one.rate, 3) for name, one in found.items()}}
    details = {
        "measured": {name: asdict(one) for name, one in found.items()},
        "planned_attack_bytes": round(planned_bytes(units, found["attack"])),
        "first_step_at_which_equal_trainings_part": equal,
        **facts,
    }
    return {device: rates, "decoding": round(decoding_rate, 3)}, details


def _parting(device: str, units: int, *options: str) -> int | None:
    """:func:`parting` in a process of its own, since determinism is set before CUDA starts."""
    command = [sys.executable, "-m", "asrtransfer.calibration", device, str(units), *options]
    folder = Path(__file__).resolve().parents[1]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    step: int | None = json.loads(run.stdout)
    return step


def planned_bytes(units: int, found: Measured) -> float:
    """What the plan takes an attack's batch to need."""
    return found.utterances * attack_bytes(units, int(found.seconds * 16_000))


def _now(model: DeepSpeech) -> float:
    if model.dense1.weight.is_cuda:
        torch.cuda.synchronize()
    return time.monotonic()


def main() -> None:
    """Print ``parting`` as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("device")
    parser.add_argument("units", type=int)
    parser.add_argument("--native", action="store_true")
    given = parser.parse_args()
    compute.prepare(given.device, 1, deterministic=not given.native, own=False)
    print(json.dumps(parting(given.device, given.units, STEPS if given.device == "cuda" else 2)))


if __name__ == "__main__":
    main()
