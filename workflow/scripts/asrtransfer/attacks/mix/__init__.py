"""The phrase, spoken by a voice, over the utterance: what anyone can do who knows no recogniser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asrtransfer.attacks.method import Whole
from asrtransfer.attacks.section import AttackSection
from asrtransfer.section import Field, Float

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from asrtransfer.recognisers.base import Surrogate


class Mix(AttackSection):
    """The phrase over the utterance, spoken by a voice of espeak-ng; no surrogate has a part in it."""

    snr: Float = Field(
        default=0.0, ge=-40, le=60, description="energy of the utterance over that of the spoken phrase (dB)"
    )


class SpokenMix(Whole):
    """A positive control, by the same path as every attack: its samples owe nothing to the surrogate.

    Where remotes hear them, the path from audio to counts finds transfer. An attack whose samples transfer should be
    compared with a mix of the same distortion: what the mix reaches needs no surrogate.
    """

    label = "Spoken mix"
    section = Mix

    def craft(
        self, surrogates: list[Surrogate], audio: NDArray[np.int16], phrase: str, generator: np.random.Generator
    ) -> NDArray[np.float64]:
        from asrtransfer.speech.phrases import lay_phrase

        # An utterance that is too short for the phrase stays as it is, and its attempt fails.
        return audio + lay_phrase(phrase, audio, self.keys.snr, generator)


ATTACK = SpokenMix
