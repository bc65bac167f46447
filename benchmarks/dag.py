"""How long Snakemake takes to build a study's graph of jobs, before the first job and after the last one.

.venv/bin/python benchmarks/dag.py config/paper.yaml
.venv/bin/python benchmarks/dag.py config/paper.yaml benchmarks/ten-papers.yaml

For the second figure, every output is an empty file in a copy of the repository, created in the order of the jobs; the
tables that the plan reads are tables without rows.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from asrtransfer.files import parquet

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = ["utterance_id", "sha256", "phrase"]
PARTS = ["benchmarks", "config", "workflow", "profiles", "envs"]


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Snakemake in a copy."""
    command = [sys.executable, "-m", "snakemake", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)


def build(folder: Path, config: list[str], repeats: int) -> tuple[list[float], float, str]:
    """Seconds, ascending, and largest memory in MB of a dry run, and what it says last."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        output = snakemake(folder, "-n", "--quiet", "all", "--configfile", *config)
        seconds.append(time.perf_counter() - start)
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return sorted(seconds), memory, (output.stderr + output.stdout).strip()


def spell(seconds: list[float]) -> str:
    """The median, and the spread."""
    return f"{statistics.median(seconds):.1f} s ({seconds[0]:.1f} to {seconds[-1]:.1f})"


def outputs(folder: Path, config: list[str]) -> list[str]:
    """Every file and folder that the study makes."""
    table = snakemake(folder, "--summary", "--configfile", *config).stdout
    return [row["output_file"] for row in csv.DictReader(io.StringIO(table), delimiter="\t")]


def make(folder: Path, names: list[str]) -> None:
    """Create every output, none older than its inputs."""
    now = time.time() - 60
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.name == "selected.parquet" or path.parts[-3] == "near-targets" or path.parts[-2] == "words":
            parquet.write(pd.DataFrame({column: pd.Series(dtype=str) for column in COLUMNS}), path)
        elif path.suffix:
            path.touch()
        else:
            path.mkdir(exist_ok=True)
    for name in names:
        os.utime(folder / name, (now, now))


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", nargs="+", help="files, laid over each other")
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "copy"
        folder.mkdir()
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, folder / part)
        seconds, memory, _ = build(folder, given.config, given.repeats)
        print(f"nothing made yet: {spell(seconds)}, {memory:.0f} MB", flush=True)
        names = outputs(folder, given.config)
        make(folder, names)
        seconds, memory, said = build(folder, given.config, given.repeats)
        print(f"all {len(names)} outputs there: {spell(seconds)}, {memory:.0f} MB")
        print(said.splitlines()[-1] if said else "nothing to do")


if __name__ == "__main__":
    main()
