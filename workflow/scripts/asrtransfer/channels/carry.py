"""What a channel makes of audio."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from asrtransfer.channels import Audio
from asrtransfer.channels.section import ChannelSection
from asrtransfer.machine.random import numpy_stream
from asrtransfer.speech.audio import SAMPLE_RATE, to_int16
from asrtransfer.speech.resampling import resample

Signal = NDArray[np.float64]

FULL_SCALE = 32768.0
LINE_RATE = 8000
BAND = (300.0, 3400.0)
"""Hz of a telephone line (ITU-T G.712)."""
LEVELS = 256
"""Of 8-bit mu-law (ITU-T G.711)."""
CODECS = {
    "mp3": ({"format": "MP3", "subtype": "MPEG_LAYER_III", "bitrate_mode": "AVERAGE"}, (8, 160)),
    "opus": ({"format": "OGG", "subtype": "OPUS"}, (6, 256)),
}
"""What libsndfile is told, and the kbit/s from its highest compression level, 1, to its lowest, 0, at 16 kHz."""


def carry(channel: Mapping[str, Any], samples: Audio) -> Audio:
    """Send audio through a channel.

    The result depends on the channel and the samples alone.

    Args:
        channel: keys of :class:`asrtransfer.channels.section.ChannelSection`.
        samples: int16 (samples,), 16 kHz.

    Returns:
        int16 of the same shape.
    """
    keys = ChannelSection(**channel)
    signal = samples.astype(np.float64) * 10 ** (keys.gain / 20)
    if keys.reverberation is not None:
        signal = _reverberate(signal, keys.reverberation, keys.seed)
    if keys.snr is not None:
        signal = _add_noise(signal, keys.snr, f"{keys.seed}\0{hashlib.sha256(samples.tobytes()).hexdigest()}")
    if keys.telephone:
        signal = _telephone(signal)
    if keys.codec is not None:
        signal = _compress(to_int16(signal), keys.codec, keys.bitrate)
    return to_int16(signal)


@cache
def draw_room(seconds: float, seed: int) -> Signal:
    """Draw the impulse response of a room: direct sound, then noise that decays exponentially (Polack, 1988).

    Args:
        seconds: in which it falls by 60 dB.
        seed: of the noise.

    Returns:
        float64, at 16 kHz, of energy 1, half of it the direct sound's.
    """
    time = np.arange(1, int(seconds * SAMPLE_RATE) + 1) / SAMPLE_RATE
    tail = numpy_stream(f"room\0{seed}").normal(size=len(time)) * 10 ** (-3 * time / seconds)
    response = np.concatenate(([1.0], tail / np.sqrt(np.square(tail).sum())))
    return response / np.sqrt(2)


def _reverberate(signal: Signal, seconds: float, seed: int) -> Signal:
    response = draw_room(seconds, seed)
    size = len(signal) + len(response) - 1
    product = np.fft.rfft(signal, size) * np.fft.rfft(response, size)
    return np.fft.irfft(product, size)[: len(signal)]


def _add_noise(signal: Signal, snr: float, name: str) -> Signal:
    power = np.square(signal).mean() / 10 ** (snr / 10)
    return signal + numpy_stream(f"channel\0{name}").normal(size=len(signal)) * np.sqrt(power)


def _telephone(signal: Signal) -> Signal:
    # Imported here: torchaudio takes its time, and most channels do without it.
    import torch
    from torchaudio import functional

    line = torch.from_numpy(resample(signal / FULL_SCALE, SAMPLE_RATE, LINE_RATE))
    line = functional.highpass_biquad(line, LINE_RATE, BAND[0])
    line = functional.lowpass_biquad(line, LINE_RATE, BAND[1]).clamp(-1, 1)
    line = functional.mu_law_decoding(functional.mu_law_encoding(line, LEVELS), LEVELS)
    return resample(line.double().numpy() * FULL_SCALE, LINE_RATE, SAMPLE_RATE)[: len(signal)]


def _compress(samples: Audio, codec: str, bitrate: int) -> Signal:
    told, (least, most) = CODECS[codec]
    file = io.BytesIO()
    soundfile.write(file, samples, SAMPLE_RATE, compression_level=(most - bitrate) / (most - least), **told)
    file.seek(0)
    heard, _ = soundfile.read(file, dtype="int16")
    # Codecs work on whole blocks; the end of a short file may be missing.
    return np.pad(heard[: len(samples)], (0, max(0, len(samples) - len(heard)))).astype(np.float64)
