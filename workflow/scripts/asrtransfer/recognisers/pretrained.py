"""Models that others have trained: their folders, what may be in them, and the packages that run them.

Nothing here opens a pickle or runs code of a model's: weights are safetensors, and settings are JSON.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from importlib import import_module, metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from asrtransfer.files.errors import InputError, explain
from asrtransfer.recognisers.section import LoadedSection
from asrtransfer.section import Bool, Field, FilePath

SAMPLE_RATE = 16_000
PICKLES = ("pytorch_model.bin", "model.bin", "*.pt", "*.pth", "*.ckpt", "*.nemo")
"""Files that could run code when they are opened."""


class HubSection(LoadedSection):
    """Keys of a model in the layout of the Hugging Face hub."""

    model: FilePath = Field(
        description="folder with config.json, weights as safetensors, and the tokenizer; with download, owner/name of "
        "a model of the Hugging Face hub"
    )
    download: Bool = Field(
        default=False, description="whether the model is fetched from the hub, which needs a revision"
    )
    revision: str | None = Field(
        default=None,
        pattern=r"^[0-9a-f]{40}$",
        description="commit of the hub's model, 40 hexadecimal digits; it pins every byte that is fetched",
    )

    def files(self) -> list[str]:
        """Paths of the files that are read."""
        return [] if self.download else list_files(Path(self.model))

    def check(self, device: str) -> str | None:
        """See :meth:`asrtransfer.recognisers.section.FamilySection.check`."""
        if self.download:
            return None if self.revision else "revision: none; give the commit of the model, so that it stays the same"
        return check_folder(Path(self.model))


def list_files(folder: Path) -> list[str]:
    """List the files of a model's folder that decide what it hears."""
    wanted = [*folder.glob("*.json"), *folder.glob("*.txt"), *folder.glob("*.safetensors")]
    return sorted(str(path) for path in wanted if path.is_file())


def check_folder(folder: Path) -> str | None:
    """Say what is missing in a model's folder, and what to do; None where all is there."""
    if not folder.is_dir():
        return f"model: {folder}: no such folder; correct the path, or set download: true for a model of the hub"
    if not (folder / "config.json").is_file():
        return f"model: {folder}: no config.json; name the folder of a model that save_pretrained has written"
    if not any(folder.glob("*.safetensors")):
        pickled = [path.name for pattern in PICKLES for path in folder.glob(pattern)]
        if pickled:
            return (
                f"model: {folder}: {pickled[0]} could run code when it is opened, and is not; write the model again as "
                "safetensors, with save_pretrained"
            )
        return f"model: {folder}: no weights; model.safetensors is missing"
    return None


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """Read a JSON object of a model's folder.

    Raises:
        InputError: if it is missing or damaged.
    """
    try:
        found = json.loads((folder / name).read_text())
    except FileNotFoundError:
        raise InputError(f"{folder}: no {name}; add it, as it was saved with the model") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{folder / name}: damaged ({error}); copy it again") from None
    if not isinstance(found, dict):
        raise InputError(f"{folder / name}: no JSON object; copy it again")
    return found


def check_sample_rate(folder: Path) -> dict[str, Any]:
    """Return what a model's folder says of its audio.

    Raises:
        InputError: if it wants another sample rate than 16 kHz.
    """
    found = read_json(folder, "preprocessor_config.json")
    rate = found.get("sampling_rate", SAMPLE_RATE)
    if rate != SAMPLE_RATE:
        raise InputError(
            f"{folder}: wants audio at {rate} Hz, and all audio here has {SAMPLE_RATE}; choose another model"
        )
    return found


def find_folder(keys: HubSection) -> Path:
    """Return the folder of a model, after fetching it if it is to be fetched.

    Raises:
        InputError: if the hub cannot be reached, or has no such model.
    """
    if not keys.download:
        # Before the import: a model in a folder needs nobody.
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        return Path(keys.model)
    hub = import_extra("huggingface_hub", "transformers")
    try:
        found = hub.snapshot_download(
            keys.model, revision=keys.revision, allow_patterns=["*.json", "*.txt", "*.safetensors"]
        )
    except Exception as error:
        raise InputError(
            f"{keys.model}: cannot be fetched from the hub ({explain(error)}); check name, revision and network, or "
            "give a folder"
        ) from None
    problem = check_folder(Path(found))
    if problem:
        raise InputError(problem)
    return Path(found)


def import_extra(module: str, extra: str) -> ModuleType:
    """Import a package that only some recognisers need.

    Raises:
        InputError: if it is not installed; says what to type.
    """
    try:
        return import_module(module)
    except ImportError as error:
        missing = error.name or module
        raise InputError(f"{missing} is not installed; run make install EXTRAS={extra}") from None


def load_network(class_: Any, folder: Path, what: str, **settings: Any) -> Any:
    """Load a network by a class of the package transformers: safetensors alone, no code of the model's, float32.

    Args:
        class_: of the network.
        folder: of the model.
        what: is loaded, for the error.
        **settings: more for ``from_pretrained``.

    Returns:
        The network in eval mode, its parameters frozen.

    Raises:
        InputError: if it cannot be loaded, or weights are missing.
    """
    import torch

    try:
        network, told = class_.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=torch.float32,
            output_loading_info=True,
            **settings,
        )
    except Exception as error:
        raise InputError(f"{folder}: no {what} can be loaded from it ({explain(error)})") from None
    if missing := sorted(told["missing_keys"]):
        raise InputError(f"{folder}: the weights lack {missing[0]}; choose a model that was trained for recognition")
    return network.requires_grad_(False).eval()


def load_tokenizer(class_: Any, folder: Path) -> Any:
    """Load a tokenizer by a class of the package transformers; no code of the model's runs.

    Raises:
        InputError: if it is missing or damaged.
    """
    try:
        return class_.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise InputError(f"{folder}: no tokenizer can be loaded from it ({explain(error)})") from None


def digest(files: Sequence[Path | str], packages: Sequence[str], *settings: object) -> str:
    """Hash (SHA-256) what decides what a model hears: its files, versions of packages, and settings."""
    found = hashlib.sha256()
    for path in map(Path, files):
        found.update(f"{path.name}\0{_hash_file(path)}\0".encode())
    for package in packages:
        found.update(f"{package} {metadata.version(package)}\0".encode())
    found.update(json.dumps(settings, sort_keys=True).encode())
    return found.hexdigest()


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
