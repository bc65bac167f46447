"""Band-limited resampling by the windowed sinc of torchaudio, in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Signal = NDArray[np.float64]

# The defaults of torchaudio.functional.resample: zero crossings of the sinc on each side, and its cutoff frequency as a
# share of the lower Nyquist frequency.
_ZEROS, _ROLLOFF = 6, 0.99
# Bytes of unfolded signal in one call of torchaudio, which unfolds its whole input: 51 s at 48 kHz, and
# several minutes at 8, 22.05 and 44.1 kHz.
_CALL_BYTES = 1 << 28
# Numbers in the dense kernel of torchaudio. Other ratios of rates get sparse kernels: 44101 Hz would need 5.6 GB.
_DENSE_KERNEL = 1 << 24
# Numbers in a block of sparse kernels.
_SPARSE_BLOCK = 1 << 22


def resample(signal: Signal, rate: int, target_rate: int) -> Signal:
    """Resample a signal.

    A signal that fits one call of torchaudio gets the result of that call, bit for bit. Longer signals are processed in
    blocks, whose results differ by rounding of float64 (1e-16 of full scale).

    Args:
        signal: (samples,) float64.
        rate: its sample rate in Hz.
        target_rate: Hz.

    Returns:
        float64 of length ceil(samples * target_rate / rate).
    """
    if rate == target_rate:
        return signal
    divisor = math.gcd(rate, target_rate)
    period, phases = rate // divisor, target_rate // divisor
    width = math.ceil(_ZEROS * period / (min(period, phases) * _ROLLOFF))
    taps = period + 2 * width
    if phases * taps > _DENSE_KERNEL:
        return np.concatenate(list(_resample_sparsely(signal, period, phases, width)))
    periods = max(_CALL_BYTES // (taps * signal.itemsize), 1)
    if len(signal) <= periods * period:
        return _call_torchaudio(signal, period, phases)
    return np.concatenate(list(_resample_blocks(signal, period, phases, width, periods)))


def _call_torchaudio(signal: Signal, period: int, phases: int) -> Signal:
    # Imported here: torch takes seconds to import, and most corpora need no resampling.
    import torch
    import torchaudio.functional

    given = torch.from_numpy(np.ascontiguousarray(signal))
    resampled: Signal = torchaudio.functional.resample(given, period, phases).numpy()
    return resampled


def _resample_blocks(signal: Signal, period: int, phases: int, width: int, periods: int) -> Iterator[Signal]:
    """Resample blocks of `periods` periods, with enough context on both sides to give the values of one call."""
    context = math.ceil(width / period) * period
    block = periods * period
    for start in range(0, len(signal), block):
        first = max(0, start - context)
        skipped = (start - first) // period * phases
        resampled = _call_torchaudio(signal[first : start + block + context], period, phases)
        yield resampled[skipped : skipped + periods * phases]


def _resample_sparsely(signal: Signal, period: int, phases: int, width: int) -> Iterator[Signal]:
    """Evaluate the kernel of torchaudio only where it is not zero, for a block of output samples at a time."""
    count = math.ceil(len(signal) * phases / period)
    padded = np.pad(signal, width)
    offsets = np.arange(1 - width, width + 1)
    # Zero crossings per input sample.
    density = min(period, phases) * _ROLLOFF / period
    block = max(_SPARSE_BLOCK // len(offsets), 1)
    for start in range(0, count, block):
        centres, rests = np.divmod(np.arange(start, min(start + block, count)) * period, phases)
        distances = ((offsets - (rests / phases)[:, None]) * density).clip(-_ZEROS, _ZEROS)
        kernels = np.sinc(distances) * np.cos(distances * (np.pi / 2 / _ZEROS)) ** 2 * density
        yield (padded[centres[:, None] + (offsets + width)] * kernels).sum(axis=1)
