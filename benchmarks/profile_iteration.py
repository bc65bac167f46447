"""Where the time of an attack's iterations goes, by kinds of operations, in any checkout of this repository.

.venv/bin/python benchmarks/profile_iteration.py --checkout . --results results

Profiled is one round of the checkout's own `attack_iteration.py`: iterations of C&W and PGD, and passes alone, of
batches of 8 and 32.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from contextlib import redirect_stdout
from importlib import import_module
from io import StringIO
from pathlib import Path

from earlier import leave_out_options
from torch.profiler import ProfilerActivity, profile

KINDS = {
    "LSTM": ("lstm", "rnn"),
    "products": ("mm", "linear", "matmul"),
    "Fourier transforms": ("fft",),
    "frames cut and added up": ("unfold", "fold", "as_strided", "index_add"),
    "CTC": ("ctc", "log_softmax"),
    "limits and masks": ("clamp", "where", "masked", "ge", "le", "lt", "gt", "logical"),
    "copies": ("copy", "cat", "pad", "contiguous", "clone", "zero", "fill"),
}
"""By kind of operation: parts of the names of PyTorch's operations, the first kind that fits counts."""


def find_kind(name: str) -> str:
    """The kind of an operation."""
    plain = name.lower().removeprefix("aten::")
    return next((kind for kind, parts in KINDS.items() if any(part in plain for part in parts)), "others")


def main() -> None:
    """Print the table; the checkout's modules are imported from its own folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkout", type=Path, default=Path())
    parser.add_argument("--results", type=Path, default=Path("results"))
    given = parser.parse_args()
    benchmarks = given.checkout.resolve() / "benchmarks"
    sys.path.insert(0, str(benchmarks))
    measured = import_module("attack_iteration")
    # Of later checkouts, beside these: what says nothing of an iteration.
    vars(measured)["multiply"] = lambda products, iterations: None
    asked = ["--results", str(given.results), "--repeats", "1", *leave_out_options(given.checkout)]
    sys.argv = ["attack_iteration", *asked]
    with profile(activities=[ProfilerActivity.CPU]) as profiled, redirect_stdout(StringIO()):
        measured.main()
    taken: Counter[str] = Counter()
    for event in profiled.key_averages():
        taken[find_kind(event.key)] += event.self_cpu_time_total / 1000
    whole = taken.total()
    for kind, milliseconds in taken.most_common():
        print(f"{kind:24} {milliseconds:8.0f} ms {milliseconds / whole:6.1%}")
    print(f"{'all':24} {whole:8.0f} ms")


if __name__ == "__main__":
    main()
