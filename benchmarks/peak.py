"""The largest memory that a process has held."""

from __future__ import annotations

import re
from pathlib import Path


def megabytes() -> float:
    """Of this process since it began, in MB.

    Read from Linux's own files, because ``getrusage`` starts from the largest memory of the parent process.
    """
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) / 1024
