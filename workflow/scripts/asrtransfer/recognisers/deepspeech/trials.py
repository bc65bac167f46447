"""What calibration tries with a network of random weights: a step of training, and how long equal trainings stay equal.

``python -m asrtransfer.recognisers.deepspeech.trials cuda 2048 --native`` prints the latter.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import torch

from asrtransfer.machine import compute
from asrtransfer.recognisers.deepspeech import DeepSpeech, training
from asrtransfer.recognisers.deepspeech.batches import Batch
from asrtransfer.recognisers.deepspeech.network import Network
from asrtransfer.recognisers.deepspeech.section import DeepSpeechSection, Recipe
from asrtransfer.speech.utterances import make_noise, pad

TEXT = "he hoped there would be stew for dinner turnips and carrots"
STEPS = 20


def make_recogniser(keys: DeepSpeechSection, device: str) -> DeepSpeech:
    """A recogniser of random weights."""
    network = Network(**keys.network.shape)
    network.initialise(1)
    return DeepSpeech(network.requires_grad_(False).eval().to(device))


def seconds_per_step(recogniser: DeepSpeech, utterances: int, seconds: float) -> float:
    """Seconds that a step of training takes, and not the first."""
    network = recogniser.network
    audio, lengths = pad(make_noise(utterances, seconds))
    texts = [TEXT[: int(seconds * 6)].strip()] * utterances
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-4)
    network.requires_grad_(True)
    start = 0.0
    for number in range(2):
        start = read_clock(network)
        training.train_step([network], optimiser, [Batch(audio, lengths, texts)], Recipe(), seeds=[number])
    took = read_clock(network) - start
    network.requires_grad_(False).eval()
    optimiser.zero_grad(set_to_none=True)
    return took


def find_parting(device: str, units: int, steps: int) -> int | None:
    """The step, from 1, after which two trainings of one seed first differ in a weight; None if they do not."""
    audio, lengths = pad(make_noise(8, 4.0))
    texts = [TEXT[:24].strip()] * 8
    networks, optimisers = [], []
    for _ in range(2):
        network = Network(units, dropout=0.2)
        network.initialise(1)
        networks.append(network.to(device))
        optimisers.append(torch.optim.Adam(network.parameters(), lr=1e-4))
    for step in range(1, steps + 1):
        for network, optimiser in zip(networks, optimisers, strict=True):
            training.train_step([network], optimiser, [Batch(audio, lengths, texts)], Recipe(), seeds=[step])
        pairs = zip(networks[0].parameters(), networks[1].parameters(), strict=True)
        if not all(torch.equal(one, other) for one, other in pairs):
            return step
    return None


def run_parting(keys: DeepSpeechSection, device: str, *options: str) -> int | None:
    """:func:`find_parting` in a process of its own, since determinism is set before CUDA starts."""
    command = [sys.executable, "-m", __name__, device, str(keys.network.units), *options]
    folder = Path(__file__).resolve().parents[3]
    finished = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    step: int | None = json.loads(finished.stdout)
    return step


def read_clock(network: Network) -> float:
    """The time, once the device has finished."""
    if network.device.type == "cuda":
        torch.cuda.synchronize()
    return time.monotonic()


def main() -> None:
    """Print :func:`find_parting` as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("device")
    parser.add_argument("units", type=int)
    parser.add_argument("--native", action="store_true")
    given = parser.parse_args()
    compute.prepare(given.device, 1, deterministic=not given.native, own=False)
    print(json.dumps(find_parting(given.device, given.units, STEPS if given.device == "cuda" else 2)))


if __name__ == "__main__":
    main()
