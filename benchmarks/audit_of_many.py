"""How long the audit of a large study takes: a finished one, each of whose samples is there many times.

Of ``--results`` a copy is made in which every sample of an attempt, and every hearing of it, is repeated until there
are ``--hearings``; its tables are counted, and the audit is timed.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import tempfile
import time
from pathlib import Path

import pandas as pd

from asrtransfer import tables
from asrtransfer.audit import audit_results
from asrtransfer.audit.findings import describe
from asrtransfer.files import parquet

COPIED = ("corpus", "models", "clean", "near-targets", "words", "selected.parquet")


def repeat(path: Path, times: int) -> int:
    """Repeat the samples of a table, those that are not primary before the others; return its samples."""
    rows = pd.read_parquet(path)
    samples = rows["status"] == "sample" if "status" in rows else rows["kind"] == "adversarial"
    made = rows[samples]
    copies = [
        made.assign(iteration=1000 * made["iteration"] + number, primary=made["primary"] & (number == times - 1))
        for number in range(times)
    ]
    # Controls belong to the primary sample, which is the last copy.
    others = rows[~samples]
    if "kind" in rows:
        others = others.assign(iteration=1000 * others["iteration"] + times - 1)
    table = pd.concat([*copies, others]).sort_values(["utterance_id", "iteration"], kind="stable")
    parquet.write(table.reset_index(drop=True), path)
    return len(made) * times


def make(results: Path, folder: Path, wanted: int) -> tuple[tables.Design, int]:
    """Make the large study; return its design and its hearings of samples."""
    for name in COPIED:
        if (results / name).is_dir():
            (folder / name).symlink_to((results / name).resolve())
        elif (results / name).exists():
            shutil.copy2(results / name, folder / name)
    told = json.loads((results / "configuration.json").read_text())
    paths = sorted((results / "transcripts").rglob("*.parquet"))
    heard = sum(int((pd.read_parquet(path, columns=["kind"])["kind"] == "adversarial").sum()) for path in paths)
    times = -(-wanted // heard)
    for keys in told["configuration"]["attacks"].values():
        keys["keep"] *= times
    (folder / "configuration.json").write_text(json.dumps(told))
    for part in ("attacks", "transcripts"):
        shutil.copytree(results / part, folder / part)
        for path in sorted((folder / part).rglob("*.parquet")):
            repeat(path, times)
    return tables.Design.from_dict(told["design"]), heard * times


def count(design: tables.Design, folder: Path) -> None:
    """Count the tables."""
    found = tables.read(
        design,
        [folder / "attacks" / "/".join(job[:-1]) / f"{job[-1]}.parquet" for job in design.jobs],
        [folder / "transcripts" / one / f"{remote}.parquet" for one, remote, _ in design.hearings],
        [folder / "clean" / f"{model}.parquet" for model in design.models],
        [folder / "models" / design.find_source(model) / "card.json" for model in design.models],
    )
    (folder / "tables").mkdir()
    for name, table in tables.tabulate(found, design).items():
        parquet.write(table, folder / "tables" / f"{name}.parquet")


def main() -> None:
    """Make the study, audit it, and print how long that took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of a finished study")
    parser.add_argument("--hearings", type=int, default=1_000_000, help="hearings of samples, at the least")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        design, heard = make(given.results, folder, given.hearings)
        start = time.perf_counter()
        count(design, folder)
        counted = time.perf_counter()
        found = audit_results(folder)
        audited = time.perf_counter()
    print(describe(found), end="")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{heard} hearings of samples: tables {counted - start:.0f} s, audit {audited - counted:.0f} s, {peak:.1f} GB"
    )


if __name__ == "__main__":
    main()
