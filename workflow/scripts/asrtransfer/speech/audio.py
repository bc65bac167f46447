"""Audio files: 16 kHz mono 16-bit FLAC inside the study, and any file that libsndfile reads at its entrance."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile

from asrtransfer.files.errors import InputError
from asrtransfer.files.whole import replace_file
from asrtransfer.speech import resampling

SAMPLE_RATE = 16_000
"""Hz; the rate of LibriSpeech (Panayotov et al., ICASSP 2015), at which every recogniser is handed audio."""
RATES = (1000, 768_000)
"""Lowest and highest sample rate in Hz that is read: below, no speech remains, and no hardware records above. A header
outside is damaged."""
MOST_CHANNELS = 64
"""Channels that are read at most, those of the largest microphone array in speech corpora (NIST Mark III)."""

Samples = npt.NDArray[np.int16]
"""Mono samples at SAMPLE_RATE, in 16-bit units."""

# The size of the sound chunk of WAV, AIFF and AU in libsndfile's log; the RIFF size is often wrong without consequence.
_CORRECTED_LENGTH = re.compile(r"^ *(data|SSND|Data Size) *: *\d+ \(should be", re.MULTILINE)
# Numbers in a block that is read at once, in all channels: 8 MB.
_BLOCK = 1 << 20
# libsndfile's frame count of a file whose header does not tell the length, such as FLAC from a pipe (SF_COUNT_MAX).
_UNKNOWN = (1 << 63) - 1


class Limit(NamedTuple):
    """The longest audio that is read, which bounds memory.

    Attributes:
        seconds: the limit.
        remedy: what the user can do about longer audio, for the error message.
    """

    seconds: float
    remedy: str


LINKED_LIMIT = Limit(120.0, "replace the file")
"""The limit for files that a corpus links and has not written; the longest utterance of LibriSpeech lasts 35 s."""


class _SequentialFile(soundfile.SoundFile):
    """A sound file that is never sought: a seek between blocks changes the decoded samples of MP3."""

    def seekable(self) -> bool:
        return False


def read(path: Path | str, limit: Limit) -> Samples:
    """Read any file that libsndfile reads as 16 kHz mono.

    Channels are averaged, other rates resampled (the windowed sinc of torchaudio), then samples are rounded and clipped
    without dither. 16 kHz mono 16-bit audio is returned bit for bit. Memory is proportional to the length of the audio,
    whose header is checked before anything is read.

    Args:
        path: the file.
        limit: the longest audio that is read.

    Returns:
        int16 (samples,).

    Raises:
        InputError: for a file that is missing, unreadable, empty, truncated, longer than the limit, outside RATES or
            MOST_CHANNELS, or that contains NaN or infinities.
    """
    path = Path(path)
    try:
        found = path.is_file()
    # Such as a name that is too long for the file system.
    except OSError as error:
        raise InputError(f"{path}: no audio file ({error.strerror}); correct the path") from None
    if not found:
        raise InputError(f"{path}: no such audio file; correct the path")
    try:
        with _SequentialFile(path) as file:
            _check_header(path, file, limit)
            signal = np.concatenate([np.zeros(0), *_read_blocks(path, file, limit)])
            rate: int = file.samplerate
    # soundfile recognises headerless audio by its suffix.
    except TypeError:
        raise InputError(f"{path}: raw audio without a header; convert it to WAV or FLAC") from None
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise InputError(f"{path}: not readable as audio ({error}); replace the file") from None
    if not len(signal):
        raise InputError(f"{path}: holds no samples; remove or replace the file")
    return to_int16(resample(signal, rate) * 32768.0)


def _check_header(path: Path, file: soundfile.SoundFile, limit: Limit) -> None:
    if not RATES[0] <= file.samplerate <= RATES[1]:
        raise InputError(
            f"{path}: its header says {file.samplerate} Hz, outside {RATES[0]}..{RATES[1]} Hz; replace the file"
        )
    if file.channels > MOST_CHANNELS:
        raise InputError(
            f"{path}: its header says {file.channels} channels, more than {MOST_CHANNELS}; replace the file"
        )
    if file.frames != _UNKNOWN:
        check_length(path, file.frames, file.samplerate, limit)
    # For WAV, libsndfile corrects a wrong length silently, except in its log.
    if _CORRECTED_LENGTH.search(file.extra_info):
        _raise_truncated(path)


def check_length(path: Path, frames: int, rate: int, limit: Limit) -> None:
    """Check the length of audio.

    Args:
        path: the file, for the error message.
        frames: its samples per channel.
        rate: its sample rate in Hz.
        limit: the longest audio that is read.

    Raises:
        InputError: if the audio is longer than the limit.
    """
    if frames > limit.seconds * rate:
        raise InputError(
            f"{path}: holds {frames / rate:.6g} s of audio, more than the limit of {limit.seconds:g} s; {limit.remedy}"
        )


def _read_blocks(path: Path, file: soundfile.SoundFile, limit: Limit) -> Iterator[npt.NDArray[np.float64]]:
    """Yield the mean of the channels, block by block."""
    size = _BLOCK // file.channels
    done = 0
    while done < file.frames:
        block = file.read(min(size, file.frames - done), dtype="float64", always_2d=True)
        if not len(block):
            break
        done += len(block)
        check_length(path, done, file.samplerate, limit)
        if not np.isfinite(block).all():
            raise InputError(f"{path}: holds NaN or infinite samples; replace the file")
        yield block.mean(axis=1)
    if done != file.frames != _UNKNOWN:
        _raise_truncated(path)


def _raise_truncated(path: Path) -> None:
    raise InputError(f"{path}: truncated, its header promises more audio than it holds; replace the file")


def resample(signal: npt.NDArray[np.float64], rate: int) -> npt.NDArray[np.float64]:
    """Resample a mono signal to SAMPLE_RATE.

    Everything is float64, so that kernels with another order of summation still round to the same 16-bit samples.

    Args:
        signal: (samples,) float64.
        rate: its sample rate in Hz.

    Returns:
        float64 of length ceil(samples * SAMPLE_RATE / rate).
    """
    return resampling.resample(signal, rate, SAMPLE_RATE)


def to_int16(signal: npt.NDArray[np.float64]) -> Samples:
    """Round samples in 16-bit units half to even, and clip them to -32768..32767."""
    return np.clip(np.rint(signal), -32768, 32767).astype(np.int16)


def add_noise(samples: Samples, deviation: float, generator: np.random.Generator) -> Samples:
    """Add white Gaussian noise.

    Args:
        samples: int16 (samples,).
        deviation: standard deviation, in 16-bit units.
        generator: draws it.
    """
    return to_int16(samples + generator.normal(0.0, deviation, len(samples)))


def encode_flac(samples: Samples) -> bytes:
    """Encode samples as a 16-bit FLAC file, byte-identical for equal samples.

    Args:
        samples: int16 (samples,) at SAMPLE_RATE.

    Raises:
        TypeError: for another dtype or shape.
    """
    if samples.dtype != np.int16 or samples.ndim != 1:
        raise TypeError(f"expected int16 samples of shape (n,), got {samples.dtype} {samples.shape}")
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def decode_flac(data: bytes) -> Samples:
    """Decode the result of `encode_flac`.

    Returns:
        int16 (samples,).

    Raises:
        InputError: for anything but a complete 16 kHz mono 16-bit FLAC file.
    """
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            found = (file.format, file.subtype, file.channels, file.samplerate)
            samples: Samples = file.read(dtype="int16")
            complete = len(samples) == file.frames
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise InputError(f"stored audio is not readable ({error}); make the table again") from None
    if found != ("FLAC", "PCM_16", 1, SAMPLE_RATE) or not complete:
        raise InputError(
            f"stored audio is {found}, not complete 16-bit mono FLAC at {SAMPLE_RATE} Hz; make the table again"
        )
    return samples


def write_flac(path: Path, samples: Samples) -> str:
    """Write `encode_flac(samples)` to a file atomically.

    Args:
        path: the file.
        samples: int16 (samples,) at SAMPLE_RATE.

    Returns:
        The SHA-256 of the file.
    """
    content = encode_flac(samples)
    replace_file(path, content)
    return hashlib.sha256(content).hexdigest()


def read_flac(path: Path, sha256: object) -> Samples:
    """Read a file of a corpus table.

    Args:
        path: the file.
        sha256: its checksum. Anything but a string (an empty cell) stands for a file without a checksum, which the
            corpus links and has not written; LINKED_LIMIT applies to it.

    Returns:
        int16 (samples,) at SAMPLE_RATE.

    Raises:
        InputError: for a file that is missing, unreadable, or has another checksum.
    """
    if not isinstance(sha256, str):
        return _read_linked(path)
    remedy = f"delete {path.parent} and run again"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); {remedy}") from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise InputError(f"{path}: differs from the checksum kept in the corpus table; {remedy}")
    return decode_flac(content)


def _read_linked(path: Path) -> Samples:
    """Return `read(path, LINKED_LIMIT)`, three times as fast if the file is 16 kHz mono 16-bit FLAC."""
    try:
        with soundfile.SoundFile(path) as file:
            plain = (file.format, file.subtype, file.channels, file.samplerate) == ("FLAC", "PCM_16", 1, SAMPLE_RATE)
            if plain and 0 < file.frames <= LINKED_LIMIT.seconds * SAMPLE_RATE:
                samples: Samples = file.read(dtype="int16")
                if len(samples) == file.frames:
                    return samples
    except (soundfile.SoundFileError, RuntimeError):
        pass
    return read(path, LINKED_LIMIT)
