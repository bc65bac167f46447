"""Tensors in safetensors files: byte-identical for equal content, and verified by a checksum."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from asrtransfer.files.errors import InputError
from asrtransfer.files.whole import replace_file

# A single entry, because the order in which safetensors writes several metadata entries differs between processes.
ENTRY = "asrtransfer"


def digest(tensors: Mapping[str, Tensor]) -> str:
    """Compute the SHA-256 of names, shapes, dtypes and bytes of tensors: equal exactly for bit-identical tensors."""
    found = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        found.update(json.dumps([name, list(tensor.shape), str(tensor.dtype)]).encode())
        found.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


def write(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write tensors and their description atomically.

    Args:
        path: the file.
        tensors: by name, on any device.
        about: a description that JSON can represent.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    entry = json.dumps({"about": about, "sha256": digest(plain)}, sort_keys=True)
    replace_file(path, save(plain, metadata={ENTRY: entry}))


def read(path: Path, what: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a file that :func:`write` wrote.

    Args:
        path: the file.
        what: the expected content, such as "a model", for the error message.

    Returns:
        The tensors by name, on the CPU, and their description.

    Raises:
        InputError: if the file is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            entry = json.loads((file.metadata() or {})[ENTRY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if digest(tensors) != entry["sha256"]:
            raise ValueError("it differs from the checksum kept in it")
        return tensors, entry["about"]
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not {what} ({error}); delete it and run again") from error
