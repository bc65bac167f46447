"""LibriSpeech (Panayotov et al., ICASSP 2015) in its own layout, from a folder or downloaded.

`LibriSpeech/<subset>/<speaker>/<chapter>/` holds `<speaker>-<chapter>.trans.txt`, a line per utterance
("1089-134686-0000 HE HOPED ..."), and one 16 kHz FLAC file per line.
"""

from __future__ import annotations

import os
import re
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import soundfile

from asrtransfer.corpora import Utterance, normalise
from asrtransfer.files import download as downloading
from asrtransfer.files.errors import InputError
from asrtransfer.speech import audio

MIRRORS = ("https://us.openslr.org/resources/12", "https://openslr.elda.org/resources/12")
"""What openslr.org names beside its own server."""
# Of a FLAC file: its mark, the head of its first block, which is STREAMINFO, and from there on the bit fields of the
# format's definition (RFC 9639, section 8.2): rate 20 bits, channels less one 3, bits less one 5, samples 36.
_FLAC_HEAD = 26
_RATE = slice(18, 26)


def prepare(
    folder: Path,
    *,
    source: Path | None,
    download: bool,
    train: list[str],
    dev: list[str],
    test: list[str],
    mirror: str | None,
) -> list[Utterance]:
    """The utterances of the named subsets; `folder`/audio becomes a link to their LibriSpeech folder.

    Args:
        source: folder that contains LibriSpeech/; with None, `folder`/download.
        download: fetch subsets that are not there into `source`, about 0.3 GB (test-clean) to 30 GB
            (train-other-500) each; an interrupted download goes on where it stopped.
        train, dev, test: subsets by name, such as train-clean-100; a subset serves one split.
        mirror: http(s) folder with the archives; None: the publisher's, or else one of MIRRORS. The SHA-256 stays.

    InputError for a subset that is missing, cannot be fetched or is broken, naming the file.
    """
    splits = {"train": train, "dev": dev, "test": test}
    _check_names(splits)
    root = source if source is not None else folder / "download"
    library = root / "LibriSpeech"
    for subset in [name for names in splits.values() for name in names]:
        if (library / subset).is_dir():
            continue
        if not download:
            raise InputError(f"{library / subset}: no such folder; correct the source or allow the download")
        _fetch(subset, root, mirror)
    utterances = _read(library, splits)
    _link(folder, library)
    return utterances


def _check_names(splits: dict[str, list[str]]) -> None:
    home: dict[str, str] = {}
    for split, names in splits.items():
        if not names:
            raise InputError(f"{split}: names no LibriSpeech subset; give at least one, such as dev-clean")
        for name in names:
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
                raise InputError(f"{split}: {name!r} is no name of a LibriSpeech subset, such as dev-clean")
            if name in home:
                raise InputError(f"{split}: {name} is in {home[name]} already; give it one split")
            home[name] = split


def _read(library: Path, splits: dict[str, list[str]]) -> list[Utterance]:
    faults: list[InputError] = []
    utterances: list[Utterance] = []
    for split, names in splits.items():
        for name in names:
            chapters = sorted(path for path in (library / name).glob("*/*") if path.is_dir())
            if not chapters:
                raise InputError(f"{library / name}: holds no speaker/chapter folders; replace the subset")
            for chapter in chapters:
                try:
                    utterances += _chapter(chapter, library, split)
                except InputError as error:
                    faults.append(error)
    if faults:
        count = f" ({len(faults)} chapters are faulty)" if len(faults) > 1 else ""
        raise InputError(f"{faults[0]}{count}")
    return utterances


def _chapter(chapter: Path, library: Path, split: str) -> list[Utterance]:
    speaker = chapter.parent.name
    transcript = chapter / f"{speaker}-{chapter.name}.trans.txt"
    utterances = []
    for name, text in _lines(transcript):
        path = chapter / f"{name}.flac"
        relative = f"audio/{path.relative_to(library).as_posix()}"
        utterances.append(Utterance(name, split, speaker, relative, _seconds(path), text))
    spoken = {path.stem for path in chapter.glob("*.flac")}
    silent = sorted(spoken - {utterance.utterance_id for utterance in utterances})
    if silent:
        raise InputError(f"{transcript}: no line for {silent[0]}.flac; replace the transcript")
    return utterances


def _lines(transcript: Path) -> Iterator[tuple[str, str]]:
    if not transcript.is_file():
        raise InputError(f"{transcript}: no such transcript; replace the subset")
    try:
        lines = transcript.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise InputError(f"{transcript}: not UTF-8 text; replace the transcript") from None
    expected = transcript.name.removesuffix(".trans.txt")
    for number, line in enumerate(lines, start=1):
        name, _, text = line.strip().partition(" ")
        if not re.fullmatch(rf"{re.escape(expected)}-\d+", name):
            raise InputError(f"{transcript}: line {number} does not begin with {expected}-<number>")
        yield name, normalise(text, f"{transcript}: line {number}")


def _seconds(path: Path) -> float:
    try:
        with open(path, "rb", buffering=0) as file:
            head = file.read(_FLAC_HEAD)
    except OSError:
        raise InputError(f"{path}: in the transcript, but there is no such file; replace the subset") from None
    # A twentieth of what libsndfile takes, which then says what is wrong with other files.
    fields = int.from_bytes(head[_RATE])
    rate, channels, samples = fields >> 44, (fields >> 41 & 7) + 1, fields & (1 << 36) - 1
    if head[:4] == b"fLaC" and rate == audio.SAMPLE_RATE and channels == 1 and samples:
        return samples / audio.SAMPLE_RATE
    return _seconds_of_other(path)


def _seconds_of_other(path: Path) -> float:
    try:
        info = soundfile.info(path)
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise InputError(f"{path}: not readable as audio ({_line(error)}); replace it") from None
    if info.samplerate != audio.SAMPLE_RATE or info.channels != 1 or not info.frames:
        found = f"{info.frames} samples, {info.channels} channels, {info.samplerate} Hz"
        raise InputError(f"{path}: {found}, not 16 kHz mono; replace it")
    return int(info.frames) / audio.SAMPLE_RATE


def _link(folder: Path, library: Path) -> None:
    link = folder / "audio"
    if link.is_dir() and not link.is_symlink():
        if any(link.iterdir()):
            raise InputError(f"{link}: holds another corpus; remove it")
        link.rmdir()
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / ".audio.part"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(library.resolve(), target_is_directory=True)
    os.replace(temporary, link)


def _fetch(subset: str, root: Path, mirror: str | None) -> None:
    """Download, verify and unpack a subset to `root`/LibriSpeech/`subset`, which appears when all is done."""
    url, digest = _published(subset)
    root.mkdir(parents=True, exist_ok=True)
    archive = root / f"{subset}.tar.gz"
    downloading.fetch(downloading.addresses(url, mirror, MIRRORS), archive, digest)
    _unpack(archive, root, subset)
    archive.unlink()


def _published(subset: str) -> tuple[str, str]:
    """Address and SHA-256 of a subset's archive, as torchaudio knows them."""
    # Importing torchaudio takes seconds; only a download needs it.
    from torchaudio.datasets import librispeech

    known = {url.rpartition("/")[2].removesuffix(".tar.gz"): url for url in librispeech._CHECKSUMS}
    if subset not in known:
        raise InputError(f"{subset}: cannot be downloaded; there are {', '.join(sorted(known))}")
    return known[subset], librispeech._CHECKSUMS[known[subset]]


# Python 3.11.2, Debian 12's, has no filters yet; what they would refuse, :func:`_refuse` does.
_CAREFULLY: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}


def _unpack(archive: Path, root: Path, subset: str) -> None:
    for left in root.glob(f".{subset}.*"):
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(dir=root, prefix=f".{subset}.") as name:
        temporary = Path(name)
        try:
            with tarfile.open(archive, "r:gz") as tar:
                for member in tar:
                    _refuse(member, archive)
                    tar.extract(member, temporary, **_CAREFULLY)
        except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
            raise InputError(f"{archive}: not a whole archive ({_line(error)}); remove it") from None
        unpacked = temporary / "LibriSpeech" / subset
        if not unpacked.is_dir():
            raise InputError(f"{archive}: holds no LibriSpeech/{subset}; remove it and correct the mirror")
        (root / "LibriSpeech").mkdir(exist_ok=True)
        os.rename(unpacked, root / "LibriSpeech" / subset)


def _refuse(member: tarfile.TarInfo, archive: Path) -> None:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir()):
        raise InputError(f"{archive}: {member.name!r} is a link, a device or leads outside; remove the archive")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
