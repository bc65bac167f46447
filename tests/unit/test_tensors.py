"""Tensor files: byte-identical from every process, and damage is detected."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from asrtransfer.files import tensors
from asrtransfer.files.errors import InputError

SCRIPTS = Path(__file__).resolve().parents[2] / "workflow" / "scripts"
WRITE = """
import sys, torch
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from asrtransfer.files import tensors
about = {"units": 8, "identity": "x", "progress": {"curve": [1.5], "steps": 3}}
tensors.write(Path(sys.argv[2]), {"b": torch.arange(5.0), "a.c": torch.ones(2, 3)}, about)
"""


@pytest.mark.slow
def test_two_processes_write_the_same_bytes(tmp_path: Path) -> None:
    """With several metadata entries, the order in safetensors differs between processes."""
    found = set()
    for name in "abcd":
        subprocess.run([sys.executable, "-c", WRITE, str(SCRIPTS), str(tmp_path / name)], check=True)
        found.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(found) == 1
    read, about = tensors.read(tmp_path / "a", "what it is")
    assert torch.equal(read["b"], torch.arange(5.0))
    assert about["progress"] == {"curve": [1.5], "steps": 3}


def test_damage_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    tensors.write(path, {"a": torch.zeros(100)}, {})
    whole = path.read_bytes()
    for content in (b"", whole[:40], whole[:-1], whole[:-3] + b"\1" + whole[-2:], whole.replace(b"sha256", b"sha255")):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"a\.safetensors: not a model \(.*\); delete it and run again"):
            tensors.read(path, "a model")
