"""CTC models that others have trained, whose classes are characters in an order of their own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from asrtransfer.recognisers.base import Frames

if TYPE_CHECKING:
    from torch import Tensor


class CharacterCTC(Frames):
    """A model whose classes are put in this project's order; those that are none of this project's are left out.

    Its rows depend on padding, so that utterances of different lengths never share a batch.

    Attributes:
        least: samples that one frame takes; shorter audio is padded with silence.
        order: the model's class of each of this project's characters, then the blank.
    """

    least: int
    order: Sequence[int]

    @abstractmethod
    def compute_logits(self, audio: Tensor) -> Tensor:
        """Run the network, after its own normalisation of the audio.

        Args:
            audio: float32 (batch, samples), full scale 1, at least two rows.

        Returns:
            Float32 (batch, frames, the model's classes).
        """

    def log_probs(self, audio: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """See :meth:`asrtransfer.recognisers.base.Frames.log_probs`."""
        import torch

        # A single row takes another path through the BLAS, which rounds differently.
        heard = (audio.expand(2, -1) if len(audio) == 1 else audio) / 32768
        heard = torch.nn.functional.pad(heard, (0, max(0, self.least - heard.shape[1])))
        logits = self.compute_logits(heard)[..., self.order]
        counts = lengths.new_tensor([self.frames(int(length)) for length in lengths])
        return logits.log_softmax(dim=2)[: len(audio)], counts
