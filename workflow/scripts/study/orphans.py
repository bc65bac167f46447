"""Jobs that a killed Snakemake leaves in Slurm's queue: they write on, into files that the next run makes as well.

Snakemake gives all jobs of a run one name, the run's id, and prints it. Each run leaves its id in a file; the next one
ends what still has that name before it submits anything. A run that is interrupted ends its own.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from asrtransfer.files.flush import flush
from asrtransfer.files.whole import replace_file

RUN = re.compile(r"SLURM run ID: (\S+)")
# Slurm grants an ended job half a minute to stop by itself, and its nodes may be slow to say that it has.
PATIENCE_SECONDS = 600.0


class Unending(Exception):
    """Jobs of an earlier run are there, or may be; one line says which and what to do."""


def run_id(logs: Iterable[Path]) -> str | None:
    """The name of a run's jobs, from Snakemake's logs; None if it submits none to Slurm."""
    found = [name for log in logs if log.exists() for name in RUN.findall(log.read_text(errors="replace"))]
    return found[-1] if found else None


def end_earlier(record: Path, run: str | None, say: Callable[[str], object]) -> None:
    """End the jobs of earlier runs, wait until they are gone, and remember this run.

    Args:
        record: keeps the ids of runs whose jobs may be there.
        run: this run's id, or None.

    Raises:
        Unending: if that cannot be done.
    """
    names = ",".join(record.read_text().split()) if record.exists() else ""
    if names and (jobs := _queued(names, record)):
        say(f"Slurm has jobs of an earlier run ({names}): {' '.join(jobs)}; this run begins when they are ended")
        _ask(record, "scancel", *jobs)
        end = time.monotonic() + PATIENCE_SECONDS
        while jobs := _queued(names, record):
            if time.monotonic() > end:
                named = " ".join(jobs)
                raise Unending(f"Slurm has not ended jobs {named} in {PATIENCE_SECONDS:.0f} s; end them, and run again")
            time.sleep(1)
    record.unlink(missing_ok=True)
    if run is not None:
        record.parent.mkdir(parents=True, exist_ok=True)
        # After a loss of power it is all that tells of the jobs that run on elsewhere.
        replace_file(record, f"{run}\n".encode())
        flush([record], Path())


def end_own(record: Path, run: str | None, say: Callable[[str], object]) -> None:
    """Cancel the jobs that a failed or interrupted run leaves in the queue.

    Snakemake cancels the jobs that it knows of. While it asks Slurm for their states it knows of none.

    Args:
        record: keeps the ids of runs whose jobs may be there; the next run ends what cannot be cancelled now.
        run: this run's id, or None.
    """
    if run is None:
        return
    try:
        if jobs := _queued(run, record):
            _ask(record, "scancel", *jobs)
    except Unending as error:
        say(str(error))


def _queued(names: str, record: Path) -> list[str]:
    """Return the ids of the jobs with one of these names that wait, run, or are about to end."""
    return _ask(record, "squeue", "--noheader", "--format=%A", f"--name={names}").split()


def _ask(record: Path, *command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        why = "it is not installed here"
    except subprocess.CalledProcessError as error:
        why = " ".join(error.stderr.split())
    raise Unending(
        f"jobs of an earlier run may be in Slurm's queue, and {command[0]} does not work ({why}); run where it does, "
        f"or, if they are gone, delete {record}"
    )
