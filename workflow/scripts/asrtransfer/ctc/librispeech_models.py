"""The language models published with LibriSpeech (openslr.org, resource 11; Panayotov et al., ICASSP 2015)."""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path

from asrtransfer.files import download
from asrtransfer.files.errors import InputError

MIRRORS = ("https://us.openslr.org/resources/11", "https://openslr.elda.org/resources/11")
ADDRESS = "https://www.openslr.org/resources/11"
CHECKSUMS: dict[str, str | None] = {
    "3-gram.pruned.3e-7": None,
    "3-gram.pruned.1e-7": "71dd880667cb6ea3942bb1982988c91fb1208839a21911eeec7e31c857c4bdfb",
    "3-gram": "263649573475c2991d3e755eb4e690c9d2656f2b3283a1eb589e1e4e174bf874",
    "4-gram": "f2b2d1507637ddf459d3579159f7e8099ed7d77452ff1059aeeeaea33d274613",
}
"""SHA-256 of the archives. The publisher gives none. Those of 3-gram and 4-gram are the ones that the recipes of RWTH
Aachen's i6_experiments check; another user recorded that of 3-gram.pruned.1e-7."""


def fetch(name: str, path: Path, mirror: str | None) -> None:
    """Download one of the models and write it to `path` as an ARPA file in lower case, like all transcripts here.

    Args:
        name: a key of CHECKSUMS.
        path: the ARPA file.
        mirror: http(s) folder with the archive; by default the publisher's server, then MIRRORS.

    Raises:
        InputError: if the archive cannot be downloaded, is damaged, or has another checksum.
    """
    archive = path.with_name(f"{name}.arpa.gz")
    download.fetch(download.addresses(f"{ADDRESS}/{archive.name}", mirror, MIRRORS), archive, CHECKSUMS[name])
    part = path.with_name(f".{path.name}.part")
    try:
        with gzip.open(archive, "rt", encoding="utf-8") as lines, part.open("w", encoding="utf-8") as file:
            for line in lines:
                # In an ARPA file only the words have upper-case letters.
                file.write(line.lower())
            file.flush()
            os.fsync(file.fileno())
    # Not every OSError: a full disk is no fault of the archive.
    except (gzip.BadGzipFile, EOFError, UnicodeDecodeError, zlib.error) as error:
        archive.unlink()
        raise InputError(f"{archive}: the archive is damaged ({error}) and was removed; run again") from None
    os.replace(part, path)
    archive.unlink()
