"""What every script does around its work: log, progress, one line for bad input."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from asrtransfer.errors import InputError

# Seconds between two lines of progress of one job in the terminal; the log has all.
TERMINAL_INTERVAL = 10.0
log = logging.getLogger("job")


@contextmanager
def job(snakemake: Any) -> Iterator[Progress]:
    """Send logging to the rule's log file; end on bad input with its one line, in the log and in the terminal."""
    handler = logging.FileHandler(snakemake.log[0], mode="w")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
    name = " ".join([snakemake.rule, *snakemake.wildcards])
    try:
        yield Progress(name)
    except InputError as error:
        log.error("%s", error)
        print(f"error: {name}: {error}", file=sys.stderr)
        sys.exit(1)
    except SystemExit:
        raise
    except BaseException:
        log.exception("%s stopped", name)
        raise


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
