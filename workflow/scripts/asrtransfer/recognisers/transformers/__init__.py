"""Character CTC models of the package transformers: wav2vec 2.0, HuBERT, Wav2Vec2-Conformer, data2vec.

This module imports neither PyTorch nor transformers: a configuration is read with its class.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asrtransfer.files.errors import InputError
from asrtransfer.recognisers import pretrained
from asrtransfer.recognisers.characters import CharacterCTC
from asrtransfer.text.alphabet import CHARACTERS

if TYPE_CHECKING:
    from torch import Tensor


class Transformers(pretrained.HubSection):
    """A character CTC model of transformers."""


class TransformersCTC(CharacterCTC):
    """A model of a folder.

    Args:
        keys: its section.
        device: ``cpu`` or ``cuda``.

    Raises:
        InputError: if the folder's model is no CTC model, lacks its head, a file or a character, or is damaged.
    """

    section = Transformers

    def __init__(self, keys: Transformers, device: str) -> None:
        import torch

        folder = pretrained.find_folder(keys)
        about = pretrained.check_sample_rate(folder)
        self.device = torch.device(device)
        self._folder = folder
        self._normalises = bool(about.get("do_normalize", True))
        library = pretrained.import_extra("transformers", "transformers")
        self._model = pretrained.load_network(library.AutoModelForCTC, folder, "CTC model").to(device)
        # Of samples, for a frame: the windows of the convolutions, one behind the other.
        self.least = _count_least(folder, self._model.config)
        self.order = _order_characters(folder, self._model.config)

    @cached_property
    def identity(self) -> str:
        """SHA-256 of the folder's files and the versions of what runs them."""
        return pretrained.digest(pretrained.list_files(self._folder), ["torch", "transformers"])

    def compute_logits(self, audio: Tensor) -> Tensor:
        """See :meth:`asrtransfer.recognisers.characters.CharacterCTC.compute_logits`."""
        if self._normalises:
            # As Wav2Vec2FeatureExtractor does, which cuts the gradient.
            mean = audio.mean(dim=1, keepdim=True)
            audio = (audio - mean) / (audio.var(dim=1, unbiased=False, keepdim=True) + 1e-7).sqrt()
        logits: Tensor = self._model(audio).logits.float()
        return logits

    def frames(self, samples: int) -> int:
        """See :meth:`asrtransfer.recognisers.base.Frames.frames`."""
        return int(self._model._get_feat_extract_output_lengths(max(samples, self.least)))


def _count_least(folder: Path, config: Any) -> int:
    """Count the samples that one frame takes."""
    if not hasattr(config, "conv_kernel"):
        raise InputError(
            f"{folder}: a model of the kind {config.model_type} hears no waveforms; choose another, or use: parakeet "
            "for Parakeet CTC"
        )
    least = 1
    for kernel, stride in zip(reversed(config.conv_kernel), reversed(config.conv_stride), strict=True):
        least = (least - 1) * stride + kernel
    return int(least)


def _order_characters(folder: Path, config: Any) -> list[int]:
    """Find the model's class of each of this project's characters, then the blank."""
    vocabulary = pretrained.read_json(folder, "vocab.json")
    places = []
    for character in CHARACTERS:
        names = ("|", " ") if character == " " else (character, character.upper())
        place = next((vocabulary[name] for name in names if name in vocabulary), None)
        if place is None:
            raise InputError(f"{folder}: vocab.json has no {character!r}; choose a model of English characters")
        places.append(int(place))
    return [*places, int(config.pad_token_id)]


RECOGNISER = TransformersCTC
