"""Processor time of a run that has nothing to do, beside that of Snakemake alone with as many jobs.

.venv/bin/python benchmarks/again.py --configfile config/smoke.yaml

The study of the configuration must be finished. Contestants take turns: the study; the study where nothing is kept of
the last run's reading of the code; and a workflow of as many jobs that has no code of its own, each a rule that copies.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

KEPT = Path(".snakemake/sources")


def main() -> None:
    """Print a line a contestant."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--configfile", default="config/config.yaml")
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    study = ["--configfile", given.configfile]
    with tempfile.TemporaryDirectory() as folder:
        write_plain(Path(folder), count_jobs(study))
        snakemake(Path(folder))
        seconds: dict[str, list[float]] = {"Snakemake alone": [], "the study": [], "the study, nothing kept": []}
        for _ in range(given.repeats):
            seconds["Snakemake alone"].append(measure(Path(folder)))
            seconds["the study"].append(measure(Path(), *study))
            KEPT.unlink()
            seconds["the study, nothing kept"].append(measure(Path(), *study))
    alone = statistics.median(seconds["Snakemake alone"])
    for name, found in seconds.items():
        ratios = sorted(one / other for one, other in zip(found, seconds["Snakemake alone"], strict=True))
        middle = statistics.median(found)
        print(f"{name:25} {middle:.2f} s, {middle / alone:.2f} x ({ratios[0]:.2f} to {ratios[-1]:.2f})")


def snakemake(folder: Path, *arguments: str) -> str:
    """Run Snakemake in a folder, and return what it says."""
    command = [sys.executable, "-m", "snakemake", "--cores", "all", *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
    )
    return done.stdout


def measure(folder: Path, *arguments: str) -> float:
    """Return the processor time of a run, which must have nothing to do."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = snakemake(folder, *arguments)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if "Nothing to be done" not in said:
        sys.exit(f"the study is not finished; run it first:\n{said[-1000:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def count_jobs(study: list[str]) -> int:
    """Return the number of jobs of the study."""
    total = re.search(r"^total +(\d+)$", snakemake(Path(), "--dry-run", "--forceall", *study), re.MULTILINE)
    assert total is not None
    return int(total[1])


def write_plain(folder: Path, jobs: int) -> None:
    """Write a workflow of that many jobs, each after the last one."""
    rules = [
        f'rule r{number}:\n    input: "{number}"\n    output: "{number + 1}"\n    shell: "cp {{input}} {{output}}"\n'
        for number in range(jobs)
    ]
    (folder / "Snakefile").write_text("\n\n".join([f'rule all:\n    input: "{jobs}"\n', *rules]))
    (folder / "0").touch()


if __name__ == "__main__":
    main()
