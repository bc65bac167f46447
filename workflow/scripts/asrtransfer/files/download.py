"""Downloads that resume, try several servers, and verify a checksum."""

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
    """List the addresses of a file in the order to try.

    Args:
        url: the publisher's address of the file.
        mirror: the only folder to use, as an http(s) address; None for the publisher and then `mirrors`.
        mirrors: folders that the publisher names as mirrors.

    Raises:
        InputError: if `mirror` is not an http(s) address.
    """
    name = url.rpartition("/")[2]
    if mirror is None:
        return [url, *(f"{other}/{name}" for other in mirrors)]
    if not mirror.startswith(("http://", "https://")):
        raise InputError(f"mirror: {mirror} does not begin with http:// or https://; correct the address")
    return [f"{mirror.rstrip('/')}/{name}"]


def fetch(urls: Sequence[str], path: Path, sha256: str | None) -> None:
    """Download a file to `path` from the first address that has it, unless `path` exists.

    An interrupted download continues where it stopped, in the next run or from the next address: all addresses have the
    same file.

    Args:
        urls: addresses in the order to try.
        path: the file; while incomplete, it has the suffix ``.part``.
        sha256: expected checksum, hexadecimal; None if none is published.

    Raises:
        InputError: if no address has the file (the message quotes the first failure), or if the file has another
            checksum, in which case it is removed.
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
    if sha256 is not None and _hash_file(path) != sha256:
        path.unlink()
        raise InputError(f"{urls[0]}: the archive does not have the published SHA-256 and was removed; try again")


def _download(url: str, part: Path) -> None:
    """Download `url` into `part`, continuing a partial file; the partial file remains if the connection fails."""
    fault: object = "the connection ends early"
    for _ in range(_ATTEMPTS):
        try:
            if _append_rest(url, part):
                return
        except urllib.error.HTTPError as error:
            if error.code == 416:
                # The range is empty: the part is complete, or belongs to a longer file.
                if error.headers.get("Content-Range") == f"bytes */{part.stat().st_size}":
                    return
                part.unlink()
            elif error.code < 500:
                raise InputError(f"{url}: HTTP {error.code} {error.reason}; correct the mirror") from None
            fault = f"HTTP {error.code} {error.reason}"
        except (OSError, http.client.HTTPException) as error:
            fault = getattr(error, "reason", error)
    size = part.stat().st_size if part.exists() else 0
    raise InputError(f"{url}: download stopped after {size} bytes ({fault}); run again to continue")


def _append_rest(url: str, part: Path) -> bool:
    """Append the missing bytes to `part`, and tell whether it is complete."""
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


def _hash_file(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
