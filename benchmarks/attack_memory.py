"""Memory of an attack job beside that of its parts: the model, the attack's state, and the activations of one batch.

.venv/bin/python benchmarks/attack_memory.py --results results

Each figure is the largest resident memory of a separate process. The memory of a process that only imports the
modules of an attack is subtracted from both.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

import peak
import torch

from asrtransfer.attacks.run import run_attack
from asrtransfer.attacks.task import Task
from asrtransfer.ctc import confidence, decoding
from asrtransfer.machine import compute
from asrtransfer.machine.memory import Plan
from asrtransfer.recognisers.deepspeech import DeepSpeech
from asrtransfer.recognisers.deepspeech.network import load_weights
from asrtransfer.speech.utterances import Speech, pad

PHRASE = "open the door"
STATES = 3  # the perturbation and two moments


def run(part: str, results: Path, surrogate: str, batch: int) -> None:
    """Do a part of an attack's work, for its memory."""
    compute.prepare("cpu", 1)
    if part == "nothing":
        return
    recogniser = DeepSpeech(load_weights(results / "models" / surrogate / "weights.safetensors"))
    speech = Speech.read(results / "corpus" / "test.parquet")
    indices = range(len(speech) - batch, len(speech))
    samples = [speech.samples(index) for index in indices]
    if part == "attack":
        tasks = [Task(str(index), audio, PHRASE) for index, audio in zip(indices, samples, strict=True)]
        run_attack(
            [recogniser], tasks, "cw", {"iterations": 60, "threshold": None}, seed="s", plan=Plan("cpu", most=batch)
        )
        return
    audio, lengths = pad(samples)
    states = [torch.ones_like(audio) for _ in range(STATES)]
    audio.requires_grad_()
    log_probs, counts = recogniser.log_probs(audio, lengths)
    torch.autograd.grad(confidence.ctc_loss(log_probs, counts, [PHRASE] * batch).sum(), audio)
    decoding.is_top(log_probs[0].detach(), int(counts[0]), PHRASE)
    del states


def megabytes(part: str, results: Path, surrogate: str, batch: int) -> float:
    """Largest resident memory of a process that does a part."""
    command = [sys.executable, __file__, "--part", part, "--results", str(results), "--surrogate", surrogate]
    output = subprocess.run([*command, "--batch", str(batch)], capture_output=True, text=True, check=True)
    return float(output.stdout)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--surrogate", default="seed-1")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--part", choices=["nothing", "pass", "attack"])
    given = parser.parse_args()
    if given.part:
        run(given.part, given.results, given.surrogate, given.batch)
        print(peak.megabytes())
        return
    for batch in (8, 32):
        floor, parts, job = (
            megabytes(part, given.results, given.surrogate, batch) for part in ("nothing", "pass", "attack")
        )
        print(
            f"batch {batch:2}: imports {floor:.0f} MB; model, state and one pass {parts - floor:.0f} MB more, "
            f"an attack {job - floor:.0f} MB more: {(job - floor) / (parts - floor):.2f}"
        )


if __name__ == "__main__":
    main()
