"""Whisper, run by faster-whisper: it only hears.

Its arithmetic differs from that of transformers in the last digits and in how it pads, so that the two runtimes of one
model are two recognisers and no twins. This module does not import the package: a configuration is read with its class.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from asrtransfer.files.errors import InputError, explain
from asrtransfer.recognisers import pretrained
from asrtransfer.recognisers.base import MOST_TEXTS, Heard, Recogniser
from asrtransfer.recognisers.section import LoadedSection
from asrtransfer.section import Field, FilePath, Float, Int

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LONGEST = 480_000
"""Samples that are heard at the most: 30 s."""


class FasterWhisper(LoadedSection):
    """A Whisper model of faster-whisper."""

    folder: FilePath = Field(description="holds model.bin, config.json and tokenizer.json, in CTranslate2's form")
    beam: Int = Field(default=10, ge=1, le=100, description="texts that the beam search keeps")
    precision: Literal["float32", "int8"] = Field(default="float32", description="of the products")
    language: str = Field(
        default="en", pattern="^[a-z]{2,3}$", description="of a multilingual model: the language that it is told"
    )
    speed: Float = Field(default=10.0, gt=0, le=1e6, description=LoadedSection.model_fields["speed"].description)

    def files(self) -> list[str]:
        """Paths of the files that are read."""
        return sorted(str(path) for path in Path(self.folder).glob("*") if path.is_file())

    def check(self, device: str) -> str | None:
        """See :meth:`asrtransfer.recognisers.section.FamilySection.check`."""
        lacking = [name for name in ("model.bin", "config.json") if not (Path(self.folder) / name).is_file()]
        return f"folder: {self.folder}: no {lacking[0]}; name a folder in CTranslate2's form" if lacking else None


class Listener(Recogniser):
    """One search at temperature 0 an utterance, without times and without what was heard before.

    Args:
        keys: its section.
        device: ``cpu`` or ``cuda``.

    Raises:
        InputError: if the package is not installed, or the folder's files cannot be read.
    """

    section = FasterWhisper

    def __init__(self, keys: FasterWhisper, device: str) -> None:
        library = pretrained.import_extra("faster_whisper", "whisper")
        self._keys = keys
        try:
            self._model: Any = library.WhisperModel(
                keys.folder,
                device=device,
                compute_type=keys.precision,
                cpu_threads=1,
                local_files_only=True,
            )
        except Exception as error:
            raise InputError(f"{keys.folder}: cannot be loaded ({explain(error)}); copy it again") from None
        self._tokenizer: Any = library.tokenizer.Tokenizer(
            self._model.hf_tokenizer, self._model.model.is_multilingual, task="transcribe", language=keys.language
        )

    @cached_property
    def identity(self) -> str:
        """SHA-256 of the folder's files, the settings of the search, and the versions of what runs them."""
        settings = self._keys.model_dump(include={"beam", "precision", "language"})
        return pretrained.digest(self._keys.files(), ["faster-whisper", "ctranslate2"], settings)

    def hear(self, utterances: Sequence[NDArray[np.int16]]) -> list[Heard]:
        """See :meth:`asrtransfer.recognisers.base.Recogniser.hear`; what is beyond 30 s is not heard."""
        return [self._hear_one(utterance) for utterance in utterances]

    def _hear_one(self, utterance: NDArray[np.int16]) -> Heard:
        import numpy as np

        from asrtransfer.text.normalisation import merge

        audio = np.zeros(LONGEST, np.float32)
        heard = utterance[:LONGEST].astype(np.float32) / 32768
        audio[: len(heard)] = heard
        features = self._model.feature_extractor(audio)[:, :3000]
        prompt = self._model.get_prompt(self._tokenizer, [], without_timestamps=True)
        (found,) = self._model.model.generate(
            self._model.encode(features),
            [prompt],
            beam_size=self._keys.beam,
            num_hypotheses=self._keys.beam,
            return_scores=True,
            length_penalty=0,
            sampling_temperature=0,
        )
        raw = [self._tokenizer.decode(tokens) for tokens in found.sequences_ids]
        best = merge(raw, found.scores, MOST_TEXTS)
        return Heard(list(best), list(best.values()), raw=raw[0])


RECOGNISER = Listener
