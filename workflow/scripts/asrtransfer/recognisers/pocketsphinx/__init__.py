"""PocketSphinx: an HMM recogniser with a pronunciation dictionary and a trigram; it only hears.

Its package holds an English model. This module does not import it: a configuration is read with its class.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asrtransfer.files.errors import InputError
from asrtransfer.recognisers import pretrained
from asrtransfer.recognisers.base import MOST_TEXTS, Heard, Recogniser
from asrtransfer.recognisers.section import LoadedSection
from asrtransfer.section import Field, FilePathOrNull, Float

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LISTED = 200
"""Of the lattice's texts: many are alike."""
PARTS = {"hmm": "acoustic_model", "lm": "language_model", "dict": "dictionary"}
"""PocketSphinx's names of files, and the keys that name them here."""


class PocketSphinx(LoadedSection):
    """PocketSphinx with its English model, or with files of your own."""

    acoustic_model: FilePathOrNull = Field(default=None, description="folder; null: the package's en-us")
    language_model: FilePathOrNull = Field(default=None, description="file; null: the package's en-us trigram")
    dictionary: FilePathOrNull = Field(default=None, description="file of pronunciations; null: the package's cmudict")
    speed: Float = Field(default=6.0, gt=0, le=1e6, description=LoadedSection.model_fields["speed"].description)
    memory: Float = Field(default=500.0, gt=0, le=1e7, description=LoadedSection.model_fields["memory"].description)

    def files(self) -> list[str]:
        """Paths of the files that are read, of those that are given."""
        found = []
        for path in (self.acoustic_model, self.language_model, self.dictionary):
            if path is not None:
                inside = sorted(str(one) for one in Path(path).glob("*") if one.is_file())
                found += inside if Path(path).is_dir() else [path]
        return found

    def check(self, device: str) -> str | None:
        """See :meth:`asrtransfer.recognisers.section.FamilySection.check`."""
        for key in PARTS.values():
            path = getattr(self, key)
            if path is not None and not Path(path).exists():
                return f"{key}: {path}: no such file or folder; correct the path"
        return None


class Sphinx(Recogniser):
    """One decoder, told before each utterance that a new stream begins.

    Otherwise its estimates of noise and of the cepstral mean carry over, and the text of an utterance depends on the
    one before.

    Args:
        keys: its section.
        device: has no effect.

    Raises:
        InputError: if the package is not installed, or a file cannot be read.
    """

    section = PocketSphinx

    def __init__(self, keys: PocketSphinx, device: str) -> None:
        library = pretrained.import_extra("pocketsphinx", "pocketsphinx")
        given = {name: getattr(keys, key) for name, key in PARTS.items()}
        self._files = keys.files()
        try:
            self._decoder: Any = library.Decoder(
                loglevel="FATAL", **{name: path for name, path in given.items() if path is not None}
            )
        except RuntimeError as error:
            raise InputError(f"pocketsphinx: cannot start ({error}); check the files that are given") from None

    @cached_property
    def identity(self) -> str:
        """SHA-256 of the version, which has the model that comes with it, and of the files that are given."""
        return pretrained.digest(self._files, ["pocketsphinx"])

    def hear(self, utterances: Sequence[NDArray[np.int16]]) -> list[Heard]:
        """See :meth:`asrtransfer.recognisers.base.Recogniser.hear`."""
        return [self._hear_one(utterance) for utterance in utterances]

    def _hear_one(self, utterance: NDArray[np.int16]) -> Heard:
        from asrtransfer.text.normalisation import normalise_all

        decoder = self._decoder
        decoder.start_stream()
        decoder.start_utt()
        decoder.process_raw(utterance.tobytes(), full_utt=True)
        decoder.end_utt()
        best = decoder.hyp()
        if best is None:
            return Heard([""], raw="")
        # The lattice's texts come without a score that could be compared with the best one's.
        others = [one.hypstr for one in islice(decoder.nbest() or (), LISTED) if one is not None]
        return Heard(normalise_all([best.hypstr, *filter(None, others)], MOST_TEXTS), raw=best.hypstr)


RECOGNISER = Sphinx
