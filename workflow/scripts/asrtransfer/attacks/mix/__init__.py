"""The utterance fades into the phrase, spoken by a voice: what anyone can do who knows no recogniser."""

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
    """The utterance fades into the phrase, spoken by a voice of espeak-ng; no surrogate has a part in it."""

    snr: Float = Field(
        default=0.0,
        ge=-10,
        le=60,
        description="energy of the utterance over that of the change (dB); about -3 dB, which leaves nothing of the "
        "utterance, is as far as it goes",
    )


class SpokenMix(Whole):
    """A positive control, by the same path as every attack: its samples owe nothing to the surrogate.

    With the utterance u and the phrase p of the same energy and as long, a sample is u + a (p - u): a = 0 is the
    utterance, a = 1 the phrase alone, with faint noise. A phrase that is only added is not heard, however loud it is,
    for the words beside it stay.

    Where remotes hear the samples, the path from audio to counts finds transfer. An attack whose samples transfer
    should be compared with a mix of the same distortion: what the mix reaches needs no surrogate.
    """

    label = "Spoken mix"
    section = Mix

    def craft(
        self, surrogates: list[Surrogate], audio: NDArray[np.int16], phrase: str, generator: np.random.Generator
    ) -> NDArray[np.float64]:
        import numpy as np

        from asrtransfer.speech.phrases import add_background, lay_phrase

        spoken = lay_phrase(phrase, audio, 0.0, generator)
        if not spoken.any():
            # An utterance that is too short for the phrase stays as it is, and its attempt fails.
            return audio.astype(np.float64)
        change = add_background(spoken, generator) - audio
        wanted = np.linalg.norm(audio.astype(np.float64)) * 10 ** (-self.keys.snr / 20)
        return audio + min(1.0, wanted / np.linalg.norm(change)) * change


ATTACK = SpokenMix
