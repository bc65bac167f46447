"""Speech by the formant voices of espeak-ng, byte-identical for a text and a voice.

espeak-ng keeps state between calls (oscillator phases, a random generator seeded by the clock), so the result of a call
depends on earlier calls. Here a freshly loaded library with seeded random generators speaks each utterance, which takes
about 4 ms. An utterance then depends only on its text and voice, in any order of calls, and voices with breath noise
are as reproducible as the others.
"""

from __future__ import annotations

import _ctypes
import ctypes
import shutil
import tempfile
from pathlib import Path
from typing import Self

import espeakng_loader
import numpy as np

from asrtransfer.speech import audio

_MARGIN_SECONDS = 0.15


def trim_silence(signal: np.ndarray, rate: int) -> np.ndarray:
    """Cut off silence at both ends, and put 0.15 s of it there."""
    loud = np.flatnonzero(np.abs(signal) > 0.01 * np.abs(signal).max())
    margin = np.zeros(round(_MARGIN_SECONDS * rate))
    return np.concatenate([margin, signal[loud[0] : loud[-1] + 1], margin])


# Names and values from espeak-ng's speak_lib.h.
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_ESPEAK_CHARS_UTF8 = 1
_ESPEAK_RATE, _ESPEAK_VOLUME, _ESPEAK_PITCH = 1, 2, 3
_POSITION_CHARACTER = 1
_SYNTH_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Engine:
    """espeak-ng without state between calls.

    Attributes:
        rate: sample rate in Hz, known after the first call.
    """

    rate: int

    def __enter__(self) -> Self:
        # A private copy, because any other handle on the installed library would keep it loaded with its state.
        self._folder = tempfile.TemporaryDirectory()
        self._library = Path(self._folder.name) / "espeak-ng"
        shutil.copyfile(espeakng_loader.get_library_path(), self._library)
        self._c = ctypes.CDLL(None)
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def say(self, text: str, voice: str, *, rate: int, pitch: int, volume: int) -> audio.Samples:
        """Speak a text.

        Args:
            text: a sentence.
            voice: name of the espeak voice.
            rate: words per minute.
            pitch: 0..100.
            volume: 0..100.

        Returns:
            int16 (samples,) at `self.rate` Hz.
        """
        library = ctypes.CDLL(str(self._library))
        try:
            parameters = {_ESPEAK_RATE: rate, _ESPEAK_PITCH: pitch, _ESPEAK_VOLUME: volume}
            return self._synthesise(library, text, voice, parameters)
        finally:
            library.espeak_Terminate()
            _ctypes.dlclose(library._handle)

    def _synthesise(self, library: ctypes.CDLL, text: str, voice: str, parameters: dict[int, int]) -> audio.Samples:
        chunks: list[bytes] = []

        @_SYNTH_CALLBACK
        def collect(samples, count, _events):  # type: ignore[no-untyped-def]
            if samples and count > 0:
                chunks.append(ctypes.string_at(samples, count * 2))
            return 0

        data = espeakng_loader.get_data_path().encode()
        self.rate = library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, 0, data, 0)
        if self.rate <= 0:
            raise RuntimeError(f"espeak-ng does not start with the data in {data.decode()}")
        library.espeak_SetSynthCallback(collect)
        # The generator of espeak-ng is seeded by the clock; the Klatt synthesiser uses that of the C library.
        library.espeak_ng_SetRandSeed(ctypes.c_long(1))
        self._c.srand(ctypes.c_uint(1))
        if library.espeak_SetVoiceByName(voice.encode()):
            raise RuntimeError(f"espeak-ng has no voice {voice}")
        for parameter, value in parameters.items():
            library.espeak_SetParameter(parameter, value, 0)
        content = text.encode()
        size = ctypes.c_size_t(len(content) + 1)
        if library.espeak_Synth(content, size, 0, _POSITION_CHARACTER, 0, _ESPEAK_CHARS_UTF8, None, None):
            raise RuntimeError(f"espeak-ng refuses {text!r}")
        return np.frombuffer(b"".join(chunks), np.int16)
