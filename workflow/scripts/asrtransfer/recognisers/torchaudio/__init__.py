"""CTC models of torchaudio's bundles: wav2vec 2.0 and HuBERT.

This module imports neither PyTorch nor torchaudio: a configuration is read with its class.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asrtransfer.files.errors import InputError, explain
from asrtransfer.recognisers import pretrained
from asrtransfer.recognisers.characters import CharacterCTC
from asrtransfer.recognisers.section import LoadedSection
from asrtransfer.section import Field, FilePath
from asrtransfer.text.alphabet import CHARACTERS

if TYPE_CHECKING:
    from torch import Tensor


WINDOW, HOP = 400, 320
"""Samples of a frame, and between two."""


class Torchaudio(LoadedSection):
    """A CTC model of a bundle of torchaudio."""

    bundle: str = Field(
        default="WAV2VEC2_ASR_BASE_960H",
        pattern="^[A-Z0-9_]+$",
        max_length=60,
        description="name of the bundle in torchaudio.pipelines",
    )
    folder: FilePath = Field(
        description="holds the bundle's file of weights, such as wav2vec2_fairseq_base_ls960_asr_ls960.pth; only "
        "tensors are read from it"
    )

    def files(self) -> list[str]:
        """Paths of the files that are read."""
        return sorted(str(path) for path in Path(self.folder).glob("*.pth"))

    def check(self, device: str) -> str | None:
        """See :meth:`asrtransfer.recognisers.section.FamilySection.check`."""
        if self.files():
            return None
        return f"folder: {self.folder}: holds no .pth file; put the bundle's weights there"


class TorchaudioCTC(CharacterCTC):
    """A bundle's model; its 29 classes are this project's in another order.

    Args:
        keys: its section.
        device: ``cpu`` or ``cuda``.

    Raises:
        InputError: if there is no such bundle, or its file is missing or damaged.
    """

    section = Torchaudio
    least = WINDOW

    def __init__(self, keys: Torchaudio, device: str) -> None:
        import torch

        bundle = _find_bundle(keys.bundle)
        self.device = torch.device(device)
        self._path = Path(keys.folder) / bundle._path
        self._keys = keys
        self._normalises = bool(getattr(bundle, "_normalize_waveform", False))
        self._model = _load_model(bundle, self._path).to(device)
        self.order = _order_characters(keys.bundle, bundle.get_labels())

    @cached_property
    def identity(self) -> str:
        """SHA-256 of the weights' file and the versions of what runs it."""
        return pretrained.digest([self._path], ["torch", "torchaudio"], self._keys.bundle)

    def compute_logits(self, audio: Tensor) -> Tensor:
        """See :meth:`asrtransfer.recognisers.characters.CharacterCTC.compute_logits`."""
        import torch

        if self._normalises:
            # The bundle normalises over the whole batch; a row shall not depend on others.
            audio = torch.nn.functional.layer_norm(audio, audio.shape[1:])
        # The network itself, without what a bundle puts around it.
        logits: Tensor = getattr(self._model, "model", self._model)(audio)[0]
        return logits

    def frames(self, samples: int) -> int:
        """See :meth:`asrtransfer.recognisers.base.Frames.frames`: windows of 400 samples, every 320."""
        return (max(samples, WINDOW) - WINDOW) // HOP + 1


def _find_bundle(name: str) -> Any:
    from torchaudio import pipelines

    found = getattr(pipelines, name, None)
    if found is None or not hasattr(found, "get_labels"):
        known = [one for one in pipelines.__all__ if hasattr(getattr(pipelines, one), "get_labels")]
        raise InputError(f"bundle: torchaudio has no CTC bundle {name}; use one of {', '.join(sorted(known))}")
    return found


def _load_model(bundle: Any, path: Path) -> Any:
    if not path.is_file():
        raise InputError(f"{path}: no such file; it holds the weights of the bundle")
    try:
        model = bundle.get_model(dl_kwargs={"model_dir": str(path.parent), "weights_only": True})
    except Exception as error:
        raise InputError(
            f"{path}: the bundle's weights cannot be read ({explain(error)}); copy the file again"
        ) from None
    return model.requires_grad_(False).eval()


def _order_characters(bundle: str, labels: Sequence[str]) -> list[int]:
    """Find the bundle's class of each of this project's characters, then the blank, which is its first."""
    places = {label.lower(): number for number, label in enumerate(labels)} | {"-": 0}
    lacking = [character for character in CHARACTERS if ("|" if character == " " else character) not in places]
    if lacking:
        raise InputError(f"bundle: {bundle} has no {lacking[0]!r}; choose one of English characters")
    return [*(places["|" if character == " " else character] for character in CHARACTERS), 0]


RECOGNISER = TorchaudioCTC
