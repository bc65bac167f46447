"""What every script does around its work: log, progress, one line for what the user can mend."""

from __future__ import annotations

import errno
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from asrtransfer.files.errors import InputError
from asrtransfer.files.whole import remove_parts

# Seconds between two lines of progress of one job in the terminal; the log has all.
TERMINAL_INTERVAL = 10.0
log = logging.getLogger("job")

ROOM = "make room and run again: what is finished is kept"
RIGHT = "make it writable, or set results to a folder that is, and run again"
REMEDIES = dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), ROOM)
REMEDIES |= dict.fromkeys((errno.EROFS, errno.EACCES), RIGHT)
"""What to do about the errors of an operating system that are none of the program."""


@contextmanager
def job(snakemake: Any) -> Iterator[Progress]:
    """Send logging to the rule's log file; end on what the user can mend with one line, there and in the terminal.

    What an earlier run of the job was writing when it was killed is taken away first.
    """
    name = " ".join([snakemake.rule, *snakemake.wildcards])
    start = time.monotonic()
    try:
        _log_to(snakemake.log[0])
        for output in snakemake.output:
            remove_parts(Path(output))
        yield Progress(name)
        log.info("done in %.1f s", time.monotonic() - start)
    except InputError as error:
        _stop(name, str(error))
    except OSError as error:
        if error.errno not in REMEDIES:
            log.exception("%s stopped", name)
            raise
        _stop(name, f"{error.filename}: {error.strerror}; {REMEDIES[error.errno]}")
    except KeyboardInterrupt:
        _stop(name, "interrupted; run again to go on")
    except SystemExit:
        raise
    except BaseException:
        log.exception("%s stopped", name)
        raise


def _log_to(path: str) -> None:
    handler = logging.FileHandler(path, mode="w")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
    # A log that cannot be written is no reason to stop, nor for a traceback a line.
    logging.raiseExceptions = False


def _stop(name: str, message: str) -> None:
    log.error("%s", message)
    print(f"error: {name}: {message}", file=sys.stderr)
    sys.exit(1)


class Progress:
    """Lines of progress: all into the log, the first, the last and some between into the terminal."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.shown = time.monotonic()

    def __call__(self, line: str, *, last: bool = False) -> None:
        """Report; ``last`` always shows in the terminal."""
        log.info("%s", line)
        now = time.monotonic()
        if last or now - self.shown >= TERMINAL_INTERVAL:
            self.shown = now
            print(f"{self.name}: {line}", file=sys.stderr, flush=True)
