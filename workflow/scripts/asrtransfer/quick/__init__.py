"""The library for a notebook: load a recogniser, attack an utterance, transcribe the sample, or look at many at once.

Nothing here needs Snakemake or a configuration. The parts run the same code as a study; what they do not offer, the
rest of the library does. A name is imported when it is first used, so that importing this package takes no time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asrtransfer.quick.exporting import export
    from asrtransfer.quick.findings import Look
    from asrtransfer.quick.listening import Listening, listen
    from asrtransfer.quick.looks import look
    from asrtransfer.quick.steps import attack, load, read_audio, transcribe, write_audio

__all__ = [
    "Listening",
    "Look",
    "attack",
    "export",
    "listen",
    "load",
    "look",
    "read_audio",
    "transcribe",
    "write_audio",
]

_MODULES = {"Look": "findings", "look": "looks", "Listening": "listening", "listen": "listening", "export": "exporting"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'steps')}"), name)
