"""Parakeet CTC, run by the package transformers: a CTC model whose tokens are pieces of words.

A text has many spellings in word pieces, so that there are no frames of characters: what is lowered is the CTC loss of
one spelling. This module imports neither PyTorch nor transformers: a configuration is read with its class.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from asrtransfer.recognisers import pretrained
from asrtransfer.recognisers.base import Aim, Heard, Surrogate
from asrtransfer.recognisers.spelling import Spelling, spell
from asrtransfer.section import Field, Float

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


class ParakeetSection(pretrained.HubSection):
    """A Parakeet CTC model of transformers."""

    spelling: Spelling = Field(
        default="lower",
        description="how an attack spells its target: 'Open the door.', 'open the door' or 'OPEN THE DOOR'. a sample "
        "is heard as the target in any spelling",
    )
    # The larger of the published models has 1.1 thousand million weights of 4 bytes.
    memory: Float = Field(
        default=5000.0, gt=0, le=1e7, description=pretrained.HubSection.model_fields["memory"].description
    )


class Parakeet(Surrogate):
    """Parakeet CTC without a language model.

    ``aim`` tells -ln P(one spelling | audio): of the tokenizer's own word pieces for a text. So exp(-loss) is a lower
    bound of the probability of the text. Scores of ``hear`` are those of the most probable spelling, too.

    Args:
        keys: its section.
        device: ``cpu`` or ``cuda``.

    Raises:
        InputError: if the folder's model is no Parakeet CTC model, lacks a file, or is damaged.
    """

    section = ParakeetSection

    def __init__(self, keys: ParakeetSection, device: str) -> None:
        import torch

        from asrtransfer.recognisers.parakeet.network import ParakeetNetwork

        self._folder = pretrained.find_folder(keys)
        self._keys = keys
        self.device = torch.device(device)
        self._network = ParakeetNetwork(self._folder, device)

    @cached_property
    def identity(self) -> str:
        """SHA-256 of the folder's files and the versions of what runs them."""
        return pretrained.digest(pretrained.list_files(self._folder), ["torch", "transformers", "flashlight-text"])

    def aim(self, audio: Tensor, lengths: Tensor, texts: Sequence[str]) -> Aim:
        """See :meth:`asrtransfer.recognisers.base.Surrogate.aim`: the CTC loss of a spelling."""
        return self._network.aim(audio / 32768, [spell(text, self._keys.spelling) for text in texts], texts)

    def feasible(self, samples: int, text: str) -> bool:
        """Whether CTC can emit the word pieces of the text in as many frames as the utterance has."""
        return self._network.fits(samples, spell(text, self._keys.spelling))

    def hear(self, utterances: Sequence[NDArray[np.int16]]) -> list[Heard]:
        """See :meth:`asrtransfer.recognisers.base.Recogniser.hear`: by a beam search without a language model."""
        return [self._network.hear(utterance) for utterance in utterances]

    def bytes(self, utterances: int, samples: int, *, gradient: bool) -> float:
        """See :meth:`asrtransfer.recognisers.base.Surrogate.bytes`."""
        return utterances * self._network.bytes_of_one(samples, gradient=gradient)


RECOGNISER = Parakeet
