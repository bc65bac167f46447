"""LibriSpeech (Panayotov et al., ICASSP 2015) in its published layout, from a folder or downloaded.

`LibriSpeech/<subset>/<speaker>/<chapter>/` contains `<speaker>-<chapter>.trans.txt`, with one line per
utterance ("1089-134686-0000 HE HOPED ..."), and one 16 kHz FLAC file per line.
"""

from __future__ import annotations

import gzip
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
"""The mirrors that openslr.org names."""
# The first bytes of a FLAC file: marker, header of the STREAMINFO block, and the bit fields of that block (RFC 9639,
# section 8.2): sample rate 20 bits, channels minus one 3, bits per sample minus one 5, samples 36.
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
    """List the utterances of subsets, and make `folder`/audio a link to their LibriSpeech folder.

    Args:
        folder: the corpus folder.
        source: folder that contains LibriSpeech/; None for `folder`/download.
        download: download missing subsets into `source`, about 0.3 GB (test-clean) to 30 GB (train-other-500) each. An
            interrupted download continues where it stopped.
        train: names of the subsets for training, such as train-clean-100. A subset serves one split.
        dev: names of the subsets for dev.
        test: names of the subsets for test.
        mirror: http(s) folder with the archives; None for the publisher's server, then MIRRORS. Archives must have the
            published SHA-256 in any case.

    Raises:
        InputError: for a subset that is missing, cannot be downloaded or is damaged.
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
                raise InputError(f"{split}: {name!r} is no name of a LibriSpeech subset; give one such as dev-clean")
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
                raise InputError(f"{library / name}: contains no speaker/chapter folders; replace the subset")
            for chapter in chapters:
                try:
                    utterances += _read_chapter(chapter, library, split)
                except InputError as error:
                    faults.append(error)
    if faults:
        count = f" ({len(faults)} chapters are faulty)" if len(faults) > 1 else ""
        raise InputError(f"{faults[0]}{count}")
    return utterances


def _read_chapter(chapter: Path, library: Path, split: str) -> list[Utterance]:
    speaker = chapter.parent.name
    transcript = chapter / f"{speaker}-{chapter.name}.trans.txt"
    utterances = []
    for name, text in _read_lines(transcript):
        path = chapter / f"{name}.flac"
        relative = f"audio/{path.relative_to(library).as_posix()}"
        utterances.append(Utterance(name, split, speaker, relative, _read_seconds(path), text))
    spoken = {path.stem for path in chapter.glob("*.flac")}
    silent = sorted(spoken - {utterance.utterance_id for utterance in utterances})
    if silent:
        raise InputError(f"{transcript}: no line for {silent[0]}.flac; replace the transcript")
    return utterances


def _read_lines(transcript: Path) -> Iterator[tuple[str, str]]:
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
            raise InputError(
                f"{transcript}: line {number} does not begin with {expected}-<number>; replace the transcript"
            )
        yield name, normalise(text, f"{transcript}: line {number}")


def _read_seconds(path: Path) -> float:
    try:
        with open(path, "rb", buffering=0) as file:
            head = file.read(_FLAC_HEAD)
    except OSError:
        raise InputError(f"{path}: in the transcript, but the file is missing; replace the subset") from None
    # Twenty times faster than libsndfile, which reads any other file and describes its fault.
    fields = int.from_bytes(head[_RATE])
    rate, channels, samples = fields >> 44, (fields >> 41 & 7) + 1, fields & (1 << 36) - 1
    if head[:4] == b"fLaC" and rate == audio.SAMPLE_RATE and channels == 1 and samples:
        audio.check_length(path, samples, audio.SAMPLE_RATE, audio.LINKED_LIMIT)
        return samples / audio.SAMPLE_RATE
    return _read_seconds_with_libsndfile(path)


def _read_seconds_with_libsndfile(path: Path) -> float:
    try:
        info = soundfile.info(path)
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise InputError(f"{path}: not readable as audio ({error}); replace it") from None
    if info.samplerate != audio.SAMPLE_RATE or info.channels != 1 or not info.frames:
        found = f"{info.frames} samples, {info.channels} channels, {info.samplerate} Hz"
        raise InputError(f"{path}: {found}, not 16 kHz mono; replace it")
    audio.check_length(path, info.frames, audio.SAMPLE_RATE, audio.LINKED_LIMIT)
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
    """Download, verify and unpack a subset to `root`/LibriSpeech/`subset`, which appears when it is complete."""
    url, digest = _look_up_archive(subset)
    root.mkdir(parents=True, exist_ok=True)
    archive = root / f"{subset}.tar.gz"
    downloading.fetch(downloading.addresses(url, mirror, MIRRORS), archive, digest)
    _unpack(archive, root, subset)
    archive.unlink()


def _look_up_archive(subset: str) -> tuple[str, str]:
    """Look up the address and the SHA-256 of the archive of a subset in torchaudio."""
    # Imported here: it takes seconds, and only a download needs it.
    from torchaudio.datasets import librispeech

    known = {url.rpartition("/")[2].removesuffix(".tar.gz"): url for url in librispeech._CHECKSUMS}
    if subset not in known:
        raise InputError(f"{subset}: cannot be downloaded; choose from {', '.join(sorted(known))}")
    return known[subset], librispeech._CHECKSUMS[known[subset]]


# Python 3.11.2 (Debian 12) has no extraction filters; :func:`_check_member` refuses the same members.
_EXTRACTION: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}


def _unpack(archive: Path, root: Path, subset: str) -> None:
    for left in root.glob(f".{subset}.*"):
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(dir=root, prefix=f".{subset}.") as name:
        temporary = Path(name)
        try:
            with tarfile.open(archive, "r:gz") as tar:
                for member in tar:
                    _check_member(member, archive)
                    tar.extract(member, temporary, **_EXTRACTION)
        # Not every OSError: a full disk is no fault of the archive.
        except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(f"{archive}: the archive is damaged ({error}); remove it") from None
        unpacked = temporary / "LibriSpeech" / subset
        if not unpacked.is_dir():
            raise InputError(f"{archive}: contains no LibriSpeech/{subset}; remove it and correct the mirror")
        (root / "LibriSpeech").mkdir(exist_ok=True)
        # Flushing thousands of files one by one takes longer than all at once.
        os.sync()
        os.rename(unpacked, root / "LibriSpeech" / subset)


def _check_member(member: tarfile.TarInfo, archive: Path) -> None:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir()):
        raise InputError(f"{archive}: {member.name!r} is a link, a device or leads outside; remove the archive")
