"""Wall time of a finished study beside the work of its jobs: the cost of process starts, imports and scheduling.

.venv/bin/python benchmarks/study_overhead.py --results results --cores 2

Each job's log has the seconds of its work after all imports, its benchmark those of the whole process. The wall time
is from the first job's start to the last one's end. The figures are meaningful only after a run from an empty folder.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

DONE = re.compile(r"done in ([0-9.]+) s$", re.MULTILINE)


class Times(NamedTuple):
    """Seconds of a job: its work after all imports, its whole process, and the processor's."""

    work: float
    life: float
    cpu: float


def read_times(results: Path, name: str) -> Times | None:
    """What log and benchmark of a job tell; None if it has not ended well.

    Args:
        name: of both files within their folders, without the ending.
    """
    # Names of models have dots: seed-1.twin.
    found = DONE.search((results / "logs" / f"{name}.log").read_text())
    if found is None:
        return None
    with (results / "benchmarks" / f"{name}.tsv").open() as file:
        row = next(csv.DictReader(file, delimiter="\t"))
    return Times(float(found[1]), float(row["s"]), float(row["cpu_time"]))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--cores", type=int, required=True)
    given = parser.parse_args()
    rules: dict[str, list[Times]] = defaultdict(list)
    spans = []
    for path in sorted((given.results / "benchmarks").rglob("*.tsv")):
        name = path.relative_to(given.results / "benchmarks").with_suffix("")
        times = read_times(given.results, str(name))
        if times is None:
            continue
        rules[name.parts[0]].append(times)
        spans.append((path.stat().st_mtime - times.life, path.stat().st_mtime))
    print(f"{'rule':12} {'jobs':>4} {'work s':>8} {'life s':>8} {'cpu s':>8}")
    for rule, jobs in rules.items():
        work, life, cpu = (sum(column) for column in zip(*jobs, strict=True))
        print(f"{rule:12} {len(jobs):4} {work:8.0f} {life:8.0f} {cpu:8.0f}")
    work = sum(job.work for jobs in rules.values() for job in jobs)
    wall = max(end for _, end in spans) - min(start for start, _ in spans)
    share = work / given.cores
    print(f"wall {wall:.0f} s; work {work:.0f} s over {given.cores} cores {share:.0f} s; ratio {wall / share:.2f}")


if __name__ == "__main__":
    main()
