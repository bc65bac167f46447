"""Whisper, run by the package transformers: an encoder and a decoder that spells texts token by token.

This module imports neither PyTorch nor transformers: a configuration is read with its class.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from asrtransfer.recognisers import pretrained
from asrtransfer.recognisers.base import Aim, Heard, Surrogate
from asrtransfer.recognisers.spelling import Spelling, spell
from asrtransfer.section import Field, Float, Int

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

LONGEST = 480_000
"""Samples that Whisper hears at the most: 30 s. It always hears as many, the rest of them silence."""


class WhisperSection(pretrained.HubSection):
    """A Whisper model of transformers."""

    spelling: Spelling = Field(
        default="sentence",
        description="how an attack spells its target: 'Open the door.', 'open the door' or 'OPEN THE DOOR'. a sample "
        "is heard as the target in any spelling",
    )
    beam: Int = Field(default=10, ge=1, le=100, description="texts that the beam search keeps")
    language: str = Field(
        default="en", pattern="^[a-z]{2,3}$", description="of a multilingual model: the language that it is told"
    )
    speed: Float = Field(default=2.0, gt=0, le=1e6, description=pretrained.HubSection.model_fields["speed"].description)


class Whisper(Surrogate):
    """Whisper with a fixed prompt: transcribe, in one language, without times, at temperature 0.

    ``aim`` tells -ln P(one spelling | audio), so that exp(-loss) is a lower bound of the probability of the text, which
    has many spellings. Scores of ``hear`` are those of the most probable spelling, too.

    Args:
        keys: its section.
        device: ``cpu`` or ``cuda``.

    Raises:
        InputError: if the folder's model is no Whisper, lacks a file, or is damaged.
    """

    section = WhisperSection

    def __init__(self, keys: WhisperSection, device: str) -> None:
        import torch

        from asrtransfer.recognisers.whisper.network import WhisperNetwork

        self._folder = pretrained.find_folder(keys)
        self._keys = keys
        self.device = torch.device(device)
        self._network = WhisperNetwork(self._folder, keys.language, device)

    @cached_property
    def identity(self) -> str:
        """SHA-256 of the folder's files, the settings of the search, and the versions of what runs them."""
        files = pretrained.list_files(self._folder)
        return pretrained.digest(files, ["torch", "transformers"], self._keys.beam, self._keys.language)

    def aim(self, audio: Tensor, lengths: Tensor, texts: Sequence[str]) -> Aim:
        """See :meth:`asrtransfer.recognisers.base.Surrogate.aim`."""
        return self._network.aim(audio / 32768, [self._spell(text) for text in texts])

    def _spell(self, text: str) -> str:
        # A text begins with a space, as the tokenizer was trained.
        return f" {spell(text, self._keys.spelling)}" if text else ""

    def feasible(self, samples: int, text: str) -> bool:
        """Whether the audio is not too long, and the text fits into what the decoder writes."""
        return samples <= LONGEST and self._network.fits(self._spell(text))

    def hear(self, utterances: Sequence[NDArray[np.int16]]) -> list[Heard]:
        """See :meth:`asrtransfer.recognisers.base.Recogniser.hear`; what is beyond 30 s is not heard."""
        return [self._network.hear(utterance, self._keys.beam) for utterance in utterances]

    def bytes(self, utterances: int, samples: int, *, gradient: bool) -> float:
        """See :meth:`asrtransfer.recognisers.base.Surrogate.bytes`."""
        return utterances * self._network.bytes_of_one(gradient=gradient)


RECOGNISER = Whisper
