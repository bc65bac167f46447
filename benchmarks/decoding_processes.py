"""How much faster several processes decode a batch to the ten most likely texts than one does.

Run by hand, with as many idle cores as the largest number of processes:
python benchmarks/decoding_processes.py [processes ...] (by default 1 2)

A batch is 64 made-up posteriors of 7.4 seconds, the mean of LibriSpeech's test-clean, at one of three sharpnesses
(see decoding.py); a job on a GPU decodes up to 256 at a time. All numbers of processes take turns. Also printed: the
memory of one process, and the time that the calling process itself spends on each row.
"""

from __future__ import annotations

import multiprocessing
import pickle
import statistics
import sys
import time
from contextlib import ExitStack

import psutil
import torch
from decoding import spoken_row
from torch import Tensor

from asrtransfer.ctc.base import Decoder, Hypothesis, frames
from asrtransfer.ctc.best_path import greedy
from asrtransfer.ctc.confidence import ctc_loss
from asrtransfer.ctc.flashlight import FlashlightDecoder
from asrtransfer.ctc.pool import open_pool
from asrtransfer.machine import compute

SHARPNESS = (1.0, 1.5, 2.5)
ROWS, FRAMES, TURNS = 64, 370, 5


def batch(sharpness: float) -> tuple[Tensor, Tensor]:
    """Posteriors and their lengths."""
    rows = [spoken_row(seed, sharpness, FRAMES) for seed in range(ROWS)]
    return torch.stack(rows), torch.full((ROWS,), FRAMES)


def timed(decoder: Decoder, rows: tuple[Tensor, Tensor]) -> tuple[float, list[list[Hypothesis]]]:
    """Seconds that a batch takes, and what was found."""
    start = time.perf_counter()
    found = decoder.top(*rows)
    return time.perf_counter() - start, found


def time_caller(rows: tuple[Tensor, Tensor]) -> float:
    """Seconds that the calling process itself spends on a batch: best paths, losses, and sending rows."""
    start = time.perf_counter()
    greedy(*rows)
    ctc_loss(*rows, ["open the door"] * ROWS)
    for row in frames(*rows):
        pickle.loads(pickle.dumps(row.numpy()))
    return time.perf_counter() - start


def main(numbers: list[int]) -> None:
    """Print a line per sharpness and number of processes."""
    with ExitStack() as stack:
        decoders = {number: stack.enter_context(open_pool(FlashlightDecoder(), number)) for number in numbers}
        compute.prepare("cpu", threads=1)
        for sharpness in SHARPNESS:
            rows = batch(sharpness)
            turns = []
            for _ in range(TURNS):
                taken = {number: timed(decoder, rows) for number, decoder in decoders.items()}
                assert all(found == taken[numbers[0]][1] for _, found in taken.values())
                turns.append({number: seconds for number, (seconds, _) in taken.items()})
            for number in numbers:
                ratios = [turn[numbers[0]] / turn[number] for turn in turns]
                rate = ROWS * FRAMES * 0.02 / statistics.median(turn[number] for turn in turns)
                print(
                    f"sharpness {sharpness:3}  processes {number:2}  {rate:6.1f} x real time  "
                    f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
                )
            print(f"sharpness {sharpness:3}  calling process: {1000 * time_caller(rows) / ROWS:.2f} ms a row")
        own = [psutil.Process(child.pid).memory_full_info().uss / 1e6 for child in multiprocessing.active_children()]
        print(f"memory of each process for itself: {', '.join(f'{one:.0f}' for one in own)} MB")


if __name__ == "__main__":
    main([int(number) for number in sys.argv[1:]] or [1, 2])
