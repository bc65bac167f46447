"""The folders that a comparison reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

READ = ("configuration.json", "tables/*.parquet", "models/*/card.json")
"""Files of a folder of results that a comparison reads."""


def digest_results(folders: Iterable[str]) -> dict[str, str]:
    """Return a digest by folder; it changes with any file that a comparison reads."""
    found = {}
    for folder in folders:
        digest = hashlib.sha256()
        for path in sorted(path for pattern in READ for path in Path(folder).glob(pattern)):
            digest.update(f"{path}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
        found[folder] = digest.hexdigest()
    return found
