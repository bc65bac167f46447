"""How many utterances run at once: planned from their length, the width of the model and the device's memory.

Which utterances share a batch changes no result, so that a plan may be as rough as it likes; where one turns out too
bold, :func:`asrtransfer.machine.compute.in_batches` halves the batch.
"""

from __future__ import annotations

import torch

from asrtransfer.recognisers.deepspeech.front_end import HOP

# Numbers a frame that autograd keeps of a pass, counted with its hooks for 64 to 1024 units on the CPU: 2,670 to
# 23,164, which is 1300 + 21.4 a unit.
_KEPT, _KEPT_PER_UNIT = 1300, 21.5
# Beside what is kept, a backward pass holds gradients of the largest layers.
_PEAK = 1.5
# Without gradients: a frame's window, spectrum and context, and some layers' outputs at a time, four of them the LSTM's
# gates.
_HEARD, _HEARD_PER_UNIT = 3500, 8
# An attack's own tensors of an utterance: audio, perturbation, its gradient and sign, Adam's state, noise, mask.
_STATE = 16
_FLOAT = 4

SHARE = 0.7
"""Of an accelerator's memory that batches may fill; PyTorch's blocks and the libraries need some."""
CPU_BYTES = 4e9
"""That the batches of a job on the CPU may fill: as many jobs as there are cores run at once."""
AT_ONCE = {"cpu": 32, "cuda": 256}
"""Utterances at once, whatever the memory; on a CPU more of them are no faster."""


class Plan:
    """What fits a device.

    Args:
        device: where the model is.
        units: its width.
        room: bytes that a batch may fill; by default what the device gives.
        most: utterances at once, whatever the memory; by default those of AT_ONCE.
    """

    def __init__(self, device: torch.device, units: int, room: float | None = None, most: int | None = None) -> None:
        self.units = units
        self.room = room if room is not None else _room(device)
        self.most = most if most is not None else AT_ONCE[device.type]

    def attacks(self, utterances: int, samples: int) -> bool:
        """Whether so many utterances, the longest of so many samples, can be attacked at once."""
        return utterances * attack_bytes(self.units, samples) <= self.room

    def hears(self, utterances: int, samples: int) -> bool:
        """Whether they can be heard at once."""
        return utterances * hearing_bytes(self.units, samples) <= self.room


def attack_bytes(units: int, samples: int) -> float:
    """Memory that attacking an utterance of so many samples takes: 136 MB for ten seconds and 2048 units."""
    frames = samples / HOP
    return _FLOAT * (_PEAK * frames * (_KEPT + _KEPT_PER_UNIT * units) + _STATE * samples)


def hearing_bytes(units: int, samples: int) -> float:
    """Memory that hearing an utterance of so many samples takes."""
    return _FLOAT * (samples / HOP * (_HEARD + _HEARD_PER_UNIT * units) + 2 * samples)


def _room(device: torch.device) -> float:
    if device.type != "cuda":
        return CPU_BYTES
    # All of it, not what is free now: plans are the same in every run.
    return SHARE * torch.cuda.get_device_properties(device).total_memory
