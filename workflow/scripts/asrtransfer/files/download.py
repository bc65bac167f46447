"""Files from the network: resumed, from one of several servers, and only with the checksum that they must have."""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from asrtransfer.files.errors import InputError

_ATTEMPTS = 3
_TIMEOUT_SECONDS = 60
_CHUNK_BYTES = 1 << 20


def addresses(url: str, mirror: str | None, mirrors: Sequence[str]) -> list[str]:
    """Where to look for a file: in the mirror alone if there is one, else at its own address, then in the mirrors.

    InputError for a mirror that is no web address.
    """
    name = url.rpartition("/")[2]
    if mirror is None:
        return [url, *(f"{other}/{name}" for other in mirrors)]
    if not mirror.startswith(("http://", "https://")):
        raise InputError(f"mirror: {mirror} does not begin with http:// or https://")
    return [f"{mirror.rstrip('/')}/{name}"]


def fetch(urls: Sequence[str], path: Path, sha256: str | None) -> None:
    """Have the file at `path`, from the first address that has it.

    A download that broke off goes on where it stopped, in the next run or from the next address, since all have the
    same file. InputError, of the first address, if none has it; and for a file with another checksum, which is removed.

    Args:
        sha256: what the file must have; None if nobody has published it.
    """
    part = path.with_name(f"{path.name}.part")
    if not path.is_file():
        faults = []
        for url in urls:
            try:
                _download(url, part)
                break
            except InputError as fault:
                faults.append(fault)
        else:
            others = f" (nor from {len(faults) - 1} mirrors)" if len(faults) > 1 else ""
            raise InputError(f"{faults[0]}{others}")
        os.replace(part, path)
    if sha256 is not None and _sha256(path) != sha256:
        path.unlink()
        raise InputError(f"{urls[0]}: the archive does not have the published SHA-256 and was removed; try again")


def _download(url: str, part: Path) -> None:
    """Fetch `url` into `part`, going on from what is there; it stays if the connection fails."""
    fault: object = "the connection ends early"
    for _ in range(_ATTEMPTS):
        try:
            if _continue(url, part):
                return
        except urllib.error.HTTPError as error:
            if error.code == 416:
                # Nothing is left to send: the part is whole, or it is of something longer.
                if error.headers.get("Content-Range") == f"bytes */{part.stat().st_size}":
                    return
                part.unlink()
            elif error.code < 500:
                raise InputError(f"{url}: HTTP {error.code} {error.reason}; correct the mirror") from None
            fault = f"HTTP {error.code} {error.reason}"
        except (OSError, http.client.HTTPException) as error:
            fault = getattr(error, "reason", error)
    size = part.stat().st_size if part.exists() else 0
    raise InputError(f"{url}: download stopped after {size} bytes ({fault}); run again to go on from there")


def _continue(url: str, part: Path) -> bool:
    """Append to `part` what is missing; whether it is whole now."""
    start = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={start}-"} if start else {}
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:
        resumed = response.status == 206
        length = response.headers.get("Content-Length")
        with open(part, "ab" if resumed else "wb") as file:
            shutil.copyfileobj(response, file, _CHUNK_BYTES)
            size = file.tell()
    return length is None or size == int(length) + (start if resumed else 0)


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
