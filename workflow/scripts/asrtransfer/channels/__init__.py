"""What lies between a sample and the recogniser that hears it: air, lines and codecs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Audio = NDArray[np.int16]
Channel = Callable[[Audio], Audio]
"""Makes of audio, int16 (samples,) at 16 kHz, what arrives."""
