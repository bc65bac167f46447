"""This commit beside an earlier one: an attack's iteration and start, an epoch of training, a hearing.

In a second checkout of the repository, at commit fce1b75, run the default study; in this one, run
`benchmarks/earlier.yaml`, which is the same study in today's keys; then

    .venv/bin/python benchmarks/earlier.py --earlier ../earlier

Both take turns. An iteration is measured by each commit's own `attack_iteration.py`. The others are jobs that
Snakemake runs again: a job's log has the seconds of its work after all imports, its benchmark those of the whole
process, so the difference is what it takes to start. `import torch` is measured in the same turns.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet
from study_overhead import read_times

ITERATION = re.compile(r"^ *(8|32) +(cw|pgd) +([0-9.]+) ", re.MULTILINE)
JOBS = {
    "train": ("models/seed-1.ulp-1/card.json", "train/seed-1.ulp-1"),
    "attack": ("attacks/pgd/seed-1/{target}/high.parquet", "attack/pgd/seed-1/{target}/high"),
    "transcribe": ("transcripts/seed-1/seed-2.parquet", "transcribe/seed-1/seed-2"),
}
"""By rule: an output of the job that runs again, and the name of its log, both within the results."""
EPOCHS = 6


@dataclass(frozen=True)
class Checkout:
    """A commit's files, and the finished study in them.

    Attributes:
        folder: of the repository.
        results: of the study, in this folder.
        config: of the study, as Snakemake is told.
        training: a key that makes trainings short, with a place for the number of epochs.
    """

    folder: Path
    results: str
    config: list[str]
    training: str

    def run(self, *command: str) -> str:
        """Standard output of a Python module or program, run in the folder."""
        told = {**os.environ, "PYTHONPATH": ""}
        done = subprocess.run([sys.executable, *command], cwd=self.folder, capture_output=True, text=True, env=told)
        if done.returncode:
            sys.exit(f"{self.folder}: {' '.join(command)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def iterations(self) -> dict[str, float]:
        """Milliseconds of an iteration, by attack and batch."""
        asked = ["--results", self.results, "--repeats", "2", *leave_out_options(self.folder)]
        printed = self.run("benchmarks/attack_iteration.py", *asked)
        return {f"iteration of {name}, batch {batch} (ms)": float(ms) for batch, name, ms in ITERATION.findall(printed)}

    def job(self, rule: str, *changes: str) -> tuple[float, float]:
        """Run one job again, with changed keys; seconds of its work, and of its start."""
        results = self.folder / self.results
        target = sorted((results / "attacks" / "pgd" / "seed-1").iterdir())[0].name
        output, log = (name.format(target=target) for name in JOBS[rule])
        asked = ["--force", f"{self.results}/{output}", "--allowed-rules", rule, *self.config]
        asked += ["--config", *changes] if changes else []
        self.run("-m", "snakemake", "--cores", "1", "--quiet", "all", *asked)
        times = read_times(results, log)
        assert times is not None, f"{log}.log does not say how long the work took"
        return times.work, times.life - times.work

    def measure(self) -> dict[str, float]:
        """One turn: what took how long."""
        found = self.iterations()
        seconds, _ = self.job("train", self.training.format(EPOCHS))
        found["an epoch of training (s)"] = seconds / EPOCHS
        _, found["start of an attack job (s)"] = self.job("attack")
        heard, _ = self.job("transcribe")
        rows = pyarrow.parquet.read_metadata(self.folder / self.results / JOBS["transcribe"][0]).num_rows
        found["hearing (ms)"] = 1000 * heard / rows
        return found


def leave_out_options(folder: Path) -> list[str]:
    """What has the `attack_iteration.py` of a checkout measure C&W and PGD alone, if it knows their options at all."""
    knows = "--attacks" in (folder / "benchmarks" / "attack_iteration.py").read_text()
    return ["--attacks", "cw", "pgd"] if knows else []


def import_torch() -> float:
    """Seconds that a process takes which only imports PyTorch."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch"], check=True)
    return time.perf_counter() - start


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--earlier", type=Path, required=True, help="checkout of the earlier commit")
    parser.add_argument("--earlier-results", default="results")
    parser.add_argument("--results", default="results-earlier")
    parser.add_argument("--turns", type=int, default=5)
    given = parser.parse_args()
    earlier = Checkout(given.earlier, given.earlier_results, [], "training={{epochs: {}}}")
    laid = ["--configfile", "benchmarks/earlier.yaml"]
    short = "families={{deepspeech: {{training: {{epochs: {}}}}}}}"
    today = Checkout(Path(__file__).resolve().parents[1], given.results, laid, short)
    before, after, ratios = defaultdict(list), defaultdict(list), defaultdict(list)
    for _ in range(given.turns):
        torch, old, new = import_torch(), earlier.measure(), today.measure()
        for name in old:
            before[name].append(old[name])
            after[name].append(new[name])
            ratios[name].append(old[name] / new[name])
        ratios["start of an attack job / import torch"].append(new["start of an attack job (s)"] / torch)
    print(f"{'what':40} {'before':>8} {'now':>8} {'ratio':>6}  spread")
    for name, found in ratios.items():
        middle = [f"{statistics.median(some[name]):8.2f}" if name in some else " " * 8 for some in (before, after)]
        print(f"{name:40} {' '.join(middle)} {statistics.median(found):6.2f}  {min(found):.2f} to {max(found):.2f}")


if __name__ == "__main__":
    main()
