"""What every script has around its work: log, progress, and one line for what the user can mend.

No digest of a rule covers this module: nothing here changes a result.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from asrtransfer.files.errors import InputError
from asrtransfer.files.flush import flush
from asrtransfer.files.whole import check_before_replacing, remove_parts
from study.attempts import is_earlier, read_attempt

# Seconds between two lines of progress of one job, in the terminal and in its log.
TERMINAL_INTERVAL = 10.0
LOG_INTERVAL = 1.0
log = logging.getLogger("job")

ROOM = "make room and run again: what is finished is kept"
RIGHT = "make it writable, or set results to a folder that is, and run again"
REMEDIES = dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), ROOM)
REMEDIES |= dict.fromkeys((errno.EROFS, errno.EACCES), RIGHT)
"""What to do about the errors of an operating system that are none of the program."""


class Superseded(Exception):
    """Another attempt at this job has begun since; what it writes must stay."""


class Job:
    """One job of a rule: its files, parameters and wildcards, and how it tells of itself.

    Args:
        context: Snakemake's, or anything with its attributes.

    Attributes:
        name: rule and wildcards.
        log: the file that holds what the job says.
        params: of the rule.
        wildcards: by name.
        threads: that Snakemake granted, which may be others than those that results depend on.
    """

    def __init__(self, context: Any) -> None:
        self._context = context
        self.name = " ".join([context.rule, *context.wildcards])
        self.log = str(context.log[0])
        self.params: Any = context.params
        self.wildcards: dict[str, str] = dict(context.wildcards.items())
        self.threads: int = context.threads
        self.progress = Progress(self.name)

    def input(self, name: str) -> Path:
        """An input file."""
        return Path(self._context.input[name])

    def inputs(self, name: str | None = None) -> list[Path]:
        """Several input files: those of a name, or all."""
        found = self._context.input if name is None else self._context.input.get(name, [])
        return [Path(found)] if isinstance(found, str) else [Path(path) for path in found]

    def output(self, name: str) -> Path:
        """An output file."""
        return Path(self._context.output[name])

    def outputs(self, name: str | None = None) -> list[Path]:
        """Several output files: those of a name, or all."""
        found: Sequence[str] = self._context.output if name is None else self._context.output[name]
        return [Path(path) for path in found]

    @property
    def time_limit(self) -> float | None:
        """Seconds that a call of the user's code may take; None: no limit."""
        # A resource, since it changes no result: as a parameter, another limit would run every job again.
        limit = self._context.resources.get("time_limit")
        return float(limit) if limit else None

    def tell_share(self, done: int, total: int) -> None:
        """Tell how much of the work is done."""
        self.progress(f"{done / total:.0%}")


def run(main: Callable[[Job], None], context: Any) -> None:
    """Do the work of a script; end on what the user can mend with one line, in the log and in the terminal.

    What an earlier run of the job was writing when it was killed is removed first.
    """
    job = Job(context)
    start = time.monotonic()
    try:
        _log_to(job.log)
        for output in context.output:
            remove_parts(Path(output))
        main(job)
        # Snakemake is about to write down that they are there.
        flush(map(Path, context.output), Path())
        log.info("done in %.1f s", time.monotonic() - start)
    except InputError as error:
        _stop(job.name, str(error))
    except OSError as error:
        if error.errno not in REMEDIES:
            log.exception("%s stopped", job.name)
            raise
        _stop(job.name, f"{error.filename}: {error.strerror}; {REMEDIES[error.errno]}")
    except Superseded:
        _stop(job.name, "another attempt at this job has begun elsewhere; this one writes no more")
    except KeyboardInterrupt:
        _stop(job.name, "interrupted; run again to go on")
    except SystemExit:
        raise
    except BaseException:
        log.exception("%s stopped", job.name)
        raise


def _log_to(path: str) -> None:
    """Begin the log of this attempt in the place of an earlier one's, which may go on where nobody can end it.

    The attempt whose log is in this place owns the job. An earlier one finds another's there, and replaces no file.

    Raises:
        Superseded: if a later attempt of Slurm's has begun before this one.
    """
    attempt = read_attempt(os.environ)
    if is_earlier(attempt, _read_owner(path).rpartition(" ")[2]):
        raise Superseded
    remove_parts(Path(path))
    try:
        handle, temporary = tempfile.mkstemp(dir=Path(path).parent, prefix=f".{Path(path).name}.", suffix=".part")
        os.close(handle)
        os.chmod(temporary, 0o644)
        handler = logging.FileHandler(temporary, mode="w")
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
        logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
        logging.captureWarnings(True)
        # A log that cannot be written is no reason to stop, nor for a traceback a line.
        logging.raiseExceptions = False
        name = f"attempt {uuid4().hex}"
        log.info("%s %s", name, attempt)
        os.replace(temporary, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error
    check_before_replacing(lambda: _check_owner(path, name))


def _check_owner(path: str, name: str) -> None:
    """Check that a log is an attempt's own, or empty, or deleted."""
    owner = _read_owner(path)
    if owner and name not in owner:
        raise Superseded


def _read_owner(path: str) -> str:
    """Read the first line of a log, which names the attempt; empty where there is none."""
    try:
        # On a disk that nodes share, what another node has put here is seen when the file is opened.
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.readline().rstrip()
    except FileNotFoundError:
        return ""
    except OSError as error:
        if error.errno != errno.ESTALE:
            raise
        return "what another node has replaced"


def spell(text: str) -> str:
    """Write out what is not printable: names and texts of others must not steer a terminal, nor end a line."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _stop(name: str, message: str) -> None:
    message = spell(message)
    log.error("%s", message)
    print(f"error: {name}: {message}", file=sys.stderr)
    sys.exit(1)


class Progress:
    """Lines of progress: the first, the last and some between, more of them in the log than in the terminal."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.shown = time.monotonic()
        self.logged = -LOG_INTERVAL

    def __call__(self, line: str, *, last: bool = False) -> None:
        """Report a line; the ``last`` one always shows."""
        now, line = time.monotonic(), spell(line)
        if last or now - self.logged >= LOG_INTERVAL:
            self.logged = now
            log.info("%s", line)
        if last or now - self.shown >= TERMINAL_INTERVAL:
            self.shown = now
            print(f"{self.name}: {line}", file=sys.stderr, flush=True)
