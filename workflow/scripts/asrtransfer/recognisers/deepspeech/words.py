"""Networks of the family DeepSpeech whose classes are the words of the training split."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from asrtransfer.recognisers.base import MOST_TEXTS, Aim, Heard
from asrtransfer.recognisers.deepspeech import Trained
from asrtransfer.text.alphabet import encode

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from asrtransfer.ctc.label_search import LabelSearch
    from asrtransfer.recognisers.deepspeech.outputs import Words


class DeepSpeechWords(Trained):
    """A network that hears whole words.

    A text is one sequence of words, so that the loss is exactly -ln P(text | audio), as of characters. What has another
    word cannot be heard.
    """

    @property
    def output(self) -> Words:
        """The classes of the network."""
        found: Words = self.network.output  # type: ignore[assignment]
        return found

    def feasible(self, samples: int, text: str) -> bool:
        """Whether all words of the text are known, and CTC can emit them in as many frames as the utterance has."""
        return self.output.vocabulary.knows(text) and self.output.count_frames(text) <= self.frames(samples)

    def aim(self, audio: Tensor, lengths: Tensor, texts: Sequence[str]) -> Aim:
        """See :meth:`asrtransfer.recognisers.base.Surrogate.aim`: the CTC loss of the words.

        Raises:
            InputError: if a text has a character outside the alphabet.
        """
        import torch

        for text in texts:
            encode(text)
        log_probs, counts = self.log_probs(audio, lengths)
        found = log_probs.detach()
        known = [self.output.vocabulary.knows(text) for text in texts]
        sayable = [text if knows else "" for text, knows in zip(texts, known, strict=True)]
        loss = self.output.compute_loss(log_probs, counts, sayable)
        loss = torch.where(torch.tensor(known, device=loss.device), loss, torch.inf)
        return Aim(
            loss, lambda: [one == text for one, text in zip(self.output.read(found, counts), texts, strict=True)]
        )

    @cached_property
    def _search(self) -> LabelSearch:
        from asrtransfer.ctc.label_search import LabelSearch

        return LabelSearch(self.output.size, self.output.vocabulary.blank)

    def hear(self, utterances: Sequence[NDArray[np.int16]]) -> list[Heard]:
        """See :meth:`asrtransfer.recognisers.base.Recogniser.hear`: by a beam search without a language model."""
        import torch

        from asrtransfer.speech.utterances import pad

        heard = []
        with torch.no_grad():
            for utterance in utterances:
                audio, lengths = pad([utterance])
                log_probs, counts = self.log_probs(audio.to(self.device), lengths.to(self.device))
                found = list(self._search.find(log_probs[0, : int(counts[0])].cpu()).items())[:MOST_TEXTS]
                texts = [self.output.vocabulary.decode(labels) for labels, _ in found]
                heard.append(Heard(texts, [score for _, score in found]))
        return heard


RECOGNISER = DeepSpeechWords
