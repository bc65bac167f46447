"""How fast this device trains, attacks and listens, in a few minutes, and whether equal runs stay equal on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any

import torch

from asrtransfer import extension
from asrtransfer.attacks.run import run_attack
from asrtransfer.attacks.task import Task
from asrtransfer.ctc.flashlight import FlashlightDecoder
from asrtransfer.machine import compute
from asrtransfer.recognisers.base import Frames
from asrtransfer.recognisers.batching import run_in_batches
from asrtransfer.speech.utterances import make_noise, pad
from asrtransfer.text import alphabet

PHRASE = "open the door"
TEXT = "he hoped there would be stew for dinner turnips and carrots"
SIZES = ((1, 2.0), (4, 5.0), (24, 10.0), (98, 10.0))
"""Utterances and seconds of each, in ascending order; the last is what a job of the published study attacks."""
ITERATIONS = 5


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
    peak_bytes: int


Work = Callable[[Any, int, float], float]
"""Seconds that some work on a recogniser, utterances, and seconds of each takes."""


def seconds_per_iteration(recogniser: Frames, utterances: int, seconds: float) -> float:
    """Seconds that an iteration of C&W's attack takes in which nothing succeeds."""
    tasks = [Task(str(number), samples, PHRASE) for number, samples in enumerate(make_noise(utterances, seconds))]
    start = 0.0
    for _ in range(2):
        start = _read_clock(recogniser)
        run_attack([recogniser], tasks, "cw", {"iterations": ITERATIONS}, seed="calibration")
    return (_read_clock(recogniser) - start) / ITERATIONS


@torch.no_grad()
def seconds_per_batch(recogniser: Frames, utterances: int, seconds: float) -> float:
    """Seconds that a batch takes through the network."""
    audio, lengths = pad(make_noise(utterances, seconds))

    def work(part: range) -> None:
        rows = slice(part.start, part.stop)
        recogniser.log_probs(audio[rows].to(recogniser.device), lengths[rows].to(recogniser.device))[0].cpu()

    start = 0.0
    for _ in range(2):
        start = _read_clock(recogniser)
        run_in_batches([recogniser], lengths.tolist(), work, gradient=False)
    return _read_clock(recogniser) - start


def measure_rate(recogniser: Frames, work: Work, budget: float) -> Measured:
    """Measure the rate of some work at the largest size that the budget, in seconds, is expected to allow."""
    found = None
    cuda = recogniser.device.type == "cuda"
    for utterances, seconds in SIZES:
        if cuda:
            torch.cuda.reset_peak_memory_stats()
        start = time.monotonic()
        took = work(recogniser, utterances, seconds)
        spent = time.monotonic() - start
        peak = torch.cuda.max_memory_allocated() if cuda else 0
        found = Measured(utterances * seconds / took, utterances, seconds, peak)
        larger = next((n * s for n, s in SIZES if n * s > utterances * seconds), None)
        if larger is None or spent * (1 + larger / (utterances * seconds)) > budget:
            break
        budget -= spent
    assert found is not None
    return found


def measure_decoding(budget: float) -> float:
    """Measure the seconds of audio that a thread decodes a second of its own; ten at a time, of made-up posteriors.

    They spell fourteen letters a second, as LibriSpeech does, and are as sure of themselves as a model is of speech.
    """
    decoder = FlashlightDecoder()
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


def calibrate(
    use: str, keys: Mapping[str, Any], device: str, budget: float, report: Callable[[str], None]
) -> tuple[dict[str, object], dict[str, object]]:
    """Measure everything; it takes some minutes.

    Args:
        use: name of a family that is trained, in this library.
        keys: its section.
        device: ``cpu`` or ``cuda``.
        budget: seconds for each rate.
        report: told each result in a line.

    Returns:
        The rates as ``study.cost.rates`` reads them, and what they were measured with.
    """
    trials = import_module(f"asrtransfer.recognisers.{use}.trials")
    class_ = extension.find("recogniser", use).class_
    section = class_.section.model_validate(dict(keys))
    recogniser = trials.make_recogniser(section, device)
    found = {}
    work: dict[str, Work] = {
        "training": trials.seconds_per_step,
        "attack": seconds_per_iteration,
        "listening": seconds_per_batch,
    }
    for name, one in work.items():
        found[name] = measure_rate(recogniser, one, budget)
        batch = f"{found[name].utterances} utterances of {found[name].seconds:g} s at once"
        report(f"{name}: {found[name].rate:.3g} seconds of audio a second, {batch}")
    decoding_rate = measure_decoding(budget / 4)
    report(f"decoding: {decoding_rate:.3g} seconds of audio a second, one thread")
    equal = {
        "twin": trials.run_parting(section, device),
        "native": trials.run_parting(section, device, "--native"),
    }
    for arm, step in equal.items():
        report(f"{arm}: two trainings of one seed {'stay equal' if step is None else f'part at step {step}'}")
    facts = compute.describe(device)
    source = f"measured: calibrate on {facts.get('accelerator', facts['processor'])}, torch {facts['torch']}"
    rates = {
        "multiplications": class_.cost(section).multiplications,
        "source": source,
        **{name: round(one.rate, 3) for name, one in found.items()},
    }
    attacked = found["attack"]
    planned = recogniser.bytes(attacked.utterances, int(attacked.seconds * 16_000), gradient=True)
    details = {
        "measured": {name: asdict(one) for name, one in found.items()},
        "planned_attack_bytes": round(planned),
        "first_step_at_which_equal_trainings_part": equal,
        **facts,
    }
    return {device: rates, "decoding": round(decoding_rate, 3)}, details


def _read_clock(recogniser: Frames) -> float:
    if recogniser.device.type == "cuda":
        torch.cuda.synchronize()
    return time.monotonic()
