"""Audio on disk: 16 kHz mono 16-bit FLAC, and whatever people bring on its way there."""

from __future__ import annotations

import hashlib
import io
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from asrtransfer.files.errors import InputError
from asrtransfer.files.whole import replace_file

SAMPLE_RATE = 16_000
"""Hz; DeepSpeech 0.4.1 and LibriSpeech."""

Samples = npt.NDArray[np.int16]
"""Mono samples at SAMPLE_RATE, in 16-bit units."""

# The size of the sound chunk of WAV, AIFF and AU in libsndfile's log; RIFF's own is often wrong, harmlessly.
_CORRECTED_LENGTH = re.compile(r"^ *(data|SSND|Data Size) *: *\d+ \(should be", re.MULTILINE)


def read(path: Path | str) -> Samples:
    """Any file that libsndfile reads, as 16 kHz mono int16 of shape (samples,).

    Channels are averaged, other rates resampled (torchaudio's windowed sinc), then rounded and clipped
    without dither; 16 kHz mono 16-bit audio comes back bit for bit. InputError for a file that is missing,
    unreadable, empty, shorter than its header says, or that holds NaN or infinities.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such audio file; correct the path")
    try:
        with soundfile.SoundFile(path) as file:
            # For WAV, libsndfile corrects a lying length by itself and tells only its log.
            truncated = _CORRECTED_LENGTH.search(file.extra_info) is not None
            frames, rate = file.frames, file.samplerate
            signal = file.read(dtype="float64", always_2d=True)
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise InputError(f"{path}: not readable as audio ({_line(error)}); replace the file") from None
    if truncated or len(signal) != frames:
        raise InputError(f"{path}: truncated, its header promises more audio than it holds; replace the file")
    if not len(signal):
        raise InputError(f"{path}: holds no samples; remove or replace the file")
    if not np.isfinite(signal).all():
        raise InputError(f"{path}: holds NaN or infinite samples; replace the file")
    return to_int16(resample(signal.mean(axis=1), rate) * 32768.0)


def resample(signal: npt.NDArray[np.float64], rate: int) -> npt.NDArray[np.float64]:
    """Mono samples (n,) at `rate` Hz brought to SAMPLE_RATE: ceil(n * SAMPLE_RATE / rate) samples.

    In float64, so that kernels that add up in another order still round to the same 16-bit sample.
    """
    if rate == SAMPLE_RATE:
        return signal
    # Importing torch takes seconds, and most corpora are at 16 kHz already.
    import torch
    import torchaudio.functional

    given = torch.from_numpy(np.ascontiguousarray(signal))
    resampled: npt.NDArray[np.float64] = torchaudio.functional.resample(given, rate, SAMPLE_RATE).numpy()
    return resampled


def to_int16(signal: npt.NDArray[np.float64]) -> Samples:
    """Samples in 16-bit units, rounded half to even and clipped to -32768..32767."""
    return np.clip(np.rint(signal), -32768, 32767).astype(np.int16)


def flac_bytes(samples: Samples) -> bytes:
    """A 16-bit FLAC file of int16 samples (n,) at SAMPLE_RATE; the same bytes for the same samples."""
    if samples.dtype != np.int16 or samples.ndim != 1:
        raise TypeError(f"expected int16 samples of shape (n,), got {samples.dtype} {samples.shape}")
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def from_flac_bytes(data: bytes) -> Samples:
    """The int16 samples (n,) of `flac_bytes`; InputError for anything but 16 kHz mono FLAC."""
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            found = (file.format, file.subtype, file.channels, file.samplerate)
            samples: Samples = file.read(dtype="int16")
            complete = len(samples) == file.frames
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise InputError(f"stored audio is not readable ({_line(error)}); make the table again") from None
    if found != ("FLAC", "PCM_16", 1, SAMPLE_RATE) or not complete:
        raise InputError(
            f"stored audio is {found}, not whole 16-bit mono FLAC at {SAMPLE_RATE} Hz; make the table again"
        )
    return samples


def write_flac(path: Path, samples: Samples) -> str:
    """Write `flac_bytes(samples)` to `path`, whole or not at all; the SHA-256 of what was written."""
    content = flac_bytes(samples)
    replace_file(path, content)
    return hashlib.sha256(content).hexdigest()


def read_flac(path: Path, sha256: object) -> Samples:
    """The samples of a file in a corpus table.

    InputError for a file that is missing or not the one with this SHA-256; what is no string (an empty cell) stands
    for a file without a checksum.
    """
    if not isinstance(sha256, str):
        return _read_plain(path)
    remedy = f"delete {path.parent} and run again"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); {remedy}") from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise InputError(f"{path}: differs from the checksum kept in the corpus table; {remedy}")
    return from_flac_bytes(content)


def _read_plain(path: Path) -> Samples:
    """`read(path)`, three times as fast where the file is as we would have written it."""
    try:
        with soundfile.SoundFile(path) as file:
            if (file.format, file.subtype, file.channels, file.samplerate) == ("FLAC", "PCM_16", 1, SAMPLE_RATE):
                samples: Samples = file.read(dtype="int16")
                if len(samples) == file.frames and len(samples):
                    return samples
    except (soundfile.SoundFileError, RuntimeError):
        pass
    return read(path)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
