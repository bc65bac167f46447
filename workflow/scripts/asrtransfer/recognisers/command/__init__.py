"""Any program as a recogniser: it reads a line of JSON for each utterance, and answers with one; it only hears.

A line ``{"id": "3", "path": "/tmp/x/3.wav"}`` asks what is heard in a 16-bit WAV file of 16 kHz. The answer has the
same id and ``texts``, the best first; ``scores``, ln P of each, may be there. The program is started once and ends when
its standard input does.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from asrtransfer.recognisers.base import MOST_TEXTS, Heard, Recogniser
from asrtransfer.recognisers.section import LoadedSection
from asrtransfer.section import SECONDS, Field, FilePath, Float

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class CommandSection(LoadedSection):
    """A program that answers lines of JSON."""

    command: str = Field(
        min_length=1, max_length=10000, description="what to start, in the folder that the study runs in; no shell"
    )
    reads: list[FilePath] = Field(
        default=[], max_length=1000, description="files that decide what is heard; a change in one runs its jobs again"
    )
    patience: Float = Field(
        default=60.0, gt=0, le=86400, description="longest wait for an answer", json_schema_extra=SECONDS
    )

    def files(self) -> list[str]:
        """Paths of the files that are read."""
        return list(self.reads)

    def check(self, device: str) -> str | None:
        """See :meth:`asrtransfer.recognisers.section.FamilySection.check`."""
        lacking = [path for path in self.reads if not Path(path).is_file()]
        if lacking:
            return f"reads: {lacking[0]}: no such file; correct the path"
        try:
            return None if shlex.split(self.command) else "command: empty; name a program"
        except ValueError as error:
            return f"command: {error}; quote its arguments as in a shell"


class Command(Recogniser):
    """A program that was started; utterances go to it one at a time.

    Args:
        keys: its section.
        device: has no effect.
    """

    section = CommandSection

    def __init__(self, keys: CommandSection, device: str) -> None:
        from asrtransfer.recognisers.command.talk import Program

        self._keys = keys
        self._program = Program(shlex.split(keys.command), keys.patience)

    @property
    def identity(self) -> str:
        """SHA-256 of the command and the files that it is said to read."""
        found = hashlib.sha256(self._keys.command.encode())
        for path in self._keys.reads:
            found.update(Path(path).read_bytes())
        return found.hexdigest()

    def hear(self, utterances: Sequence[NDArray[np.int16]]) -> list[Heard]:
        """See :meth:`asrtransfer.recognisers.base.Recogniser.hear`.

        Raises:
            InputError: if the program cannot be started, ends, is silent for too long, or answers something else.
        """
        import soundfile

        found = []
        with TemporaryDirectory() as folder:
            for number, utterance in enumerate(utterances):
                path = Path(folder) / f"{number}.wav"
                soundfile.write(path, utterance, 16_000, subtype="PCM_16")
                answer = self._program.ask({"id": str(number), "path": str(path)})
                found.append(self._read(answer))
                path.unlink()
        return found

    def _read(self, answer: dict[str, Any]) -> Heard:
        from asrtransfer.text.normalisation import merge

        texts, scores = answer.get("texts"), answer.get("scores")
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
            raise self._program.complain(
                f"texts are {json.dumps(texts)[:80]}; a list of texts is needed, [''] for none"
            )
        if scores is not None and (
            not isinstance(scores, list) or len(scores) != len(texts) or not all(map(_is_score, scores))
        ):
            raise self._program.complain(f"scores are {json.dumps(scores)[:80]}; ln P of each text is needed, or none")
        best = merge(texts, scores or [0.0] * len(texts), MOST_TEXTS)
        return Heard(list(best), None if scores is None else list(best.values()), raw=texts[0])


def _is_score(value: object) -> bool:
    # What is no number is not at most 0 either.
    return isinstance(value, int | float) and not isinstance(value, bool) and value <= 0


RECOGNISER = Command
