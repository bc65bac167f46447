"""A corpus: utterances with text, speaker and split, and the tables that all later steps read."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow

from asrtransfer.files import parquet
from asrtransfer.files.errors import InputError
from asrtransfer.text import alphabet

SPLITS = ("train", "dev", "test")
_CHARACTERS = frozenset(alphabet.CHARACTERS)

_SCHEMA = pyarrow.schema(
    [
        ("utterance_id", pyarrow.string()),
        ("speaker", pyarrow.string()),
        ("path", pyarrow.string()),
        ("seconds", pyarrow.float64()),
        ("text", pyarrow.string()),
        ("sha256", pyarrow.string()),
    ]
)


@dataclass(frozen=True)
class Utterance:
    """One recording.

    Attributes:
        utterance_id: unique in the corpus.
        split: one of SPLITS.
        speaker: name of the speaker.
        path: audio file, relative to the corpus folder.
        seconds: length of the audio.
        text: normalised transcript.
        sha256: checksum of the audio file; None for a file that the corpus links and has not written.
    """

    utterance_id: str
    split: str
    speaker: str
    path: str
    seconds: float
    text: str
    sha256: str | None = None


def normalise(text: str, where: str) -> str:
    """Convert a text to lower case, remove accents (NFKD), and separate words by one space.

    Digits and symbols have no unique spelling, so they are errors: the author of the corpus must spell them out.

    Args:
        text: the transcript.
        where: the place of the text, such as file and row, for error messages.

    Raises:
        InputError: if the text is empty, or has a character outside the alphabet.
    """
    plain = text.lower()
    if not plain.isascii():
        decomposed = unicodedata.normalize("NFKD", plain.replace("\u2019", "'"))
        plain = "".join(character for character in decomposed if not unicodedata.combining(character))
    plain = " ".join(plain.split())
    if not plain:
        raise InputError(f"{where}: the text is empty; add the transcript or remove the row")
    if not _CHARACTERS.issuperset(plain):
        strange = next(character for character in plain if character not in _CHARACTERS)
        raise InputError(
            f"{where}: {strange!r} in {plain!r} is not in the alphabet (a-z, space, apostrophe); "
            "spell it out or remove it"
        )
    return plain


def create_audio_folder(folder: Path) -> Path:
    """Create `folder`/audio if necessary, and return its path.

    A link that a LibriSpeech corpus left is removed first: writing through it would change the original files.
    """
    own = folder / "audio"
    if own.is_symlink():
        own.unlink()
    own.mkdir(parents=True, exist_ok=True)
    return own


def write(utterances: Iterable[Utterance], folder: Path, *, disjoint_speakers: bool = False) -> None:
    """Write {train,dev,test}.parquet into `folder`: utterance_id, speaker, path, seconds, text, sha256.

    Args:
        utterances: the corpus, in any order; rows are sorted by (seconds, utterance_id).
        folder: the corpus folder.
        disjoint_speakers: whether a speaker in two splits is an error.

    Raises:
        InputError: for a duplicate utterance_id, an empty split, or a text that is not normalised.
    """
    rows = sorted(utterances, key=lambda utterance: (utterance.seconds, utterance.utterance_id))
    check(rows, folder, disjoint_speakers=disjoint_speakers)
    folder.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        chosen = [row for row in rows if row.split == split]
        columns = [[getattr(row, name) for row in chosen] for name in _SCHEMA.names]
        parquet.write(pyarrow.table(columns, schema=_SCHEMA), folder / f"{split}.parquet")


def check(utterances: Iterable[Utterance], source: Path, *, disjoint_speakers: bool) -> None:
    """Check identifiers, splits, texts and speakers.

    Args:
        utterances: the corpus.
        source: the corpus folder or the manifest, for error messages.
        disjoint_speakers: whether a speaker in two splits is an error.

    Raises:
        InputError: for a duplicate utterance_id, an unknown or empty split, a text that is not normalised, or a speaker
            in two splits.
    """
    seen: set[str] = set()
    filled: set[str] = set()
    home: dict[str, str] = {}
    for row in utterances:
        where = f"{source}: utterance {row.utterance_id}"
        if row.split not in SPLITS:
            raise InputError(f"{where}: split {row.split!r} is not one of {', '.join(SPLITS)}")
        if row.utterance_id in seen:
            raise InputError(f"{where} occurs twice; make utterance_id unique")
        seen.add(row.utterance_id)
        filled.add(row.split)
        if normalise(row.text, where) != row.text:
            raise InputError(f"{where}: text {row.text!r} is not normalised; pass it through normalise")
        if disjoint_speakers and home.setdefault(row.speaker, row.split) != row.split:
            raise InputError(
                f"{source}: speaker {row.speaker} is in {home[row.speaker]} and {row.split}; "
                "give each speaker one split or set disjoint_speakers to false"
            )
    for split in SPLITS:
        if split not in filled:
            raise InputError(f"{source}: no utterances in {split}; train, dev and test all need some")
