"""Tensors in a file: safetensors, the same bytes for the same content, with a checksum of all that counts."""

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

# safetensors writes several entries of its metadata in an order that differs from process to process, one it cannot.
ENTRY = "asrtransfer"


def digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, shapes, dtypes and bytes of some tensors: equal exactly if they are bit-identical."""
    found = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        found.update(json.dumps([name, list(tensor.shape), str(tensor.dtype)]).encode())
        found.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


def write(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write tensors and what JSON can say about them, whole or not at all."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    entry = json.dumps({"about": about, "sha256": digest(plain)}, sort_keys=True)
    replace_file(path, save(plain, metadata={ENTRY: entry}))


def read(path: Path, what: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors, on the CPU, and what is said about them.

    Raises:
        InputError: if the file is missing or damaged; ``what`` says what it should have been.
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
