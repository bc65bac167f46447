"""Batch sizes, planned from the length of the utterances, the width of the model and the memory of the device.

The composition of a batch changes no result, so a rough plan is sufficient; where a batch does not fit,
:func:`asrtransfer.machine.compute.in_batches` halves it.
"""

from __future__ import annotations

import torch

from asrtransfer.recognisers.deepspeech.front_end import HOP

# Numbers per frame that autograd stores in a forward pass. Its hooks counted 2,670 to 23,164 for 64 to 1024 units on
# the CPU: 1300 + 21.4 per unit.
_KEPT, _KEPT_PER_UNIT = 1300, 21.5
# A backward pass also holds gradients of the largest layers.
_PEAK = 1.5
# Without gradients: window, spectrum and context of a frame, and the outputs of a few layers at a time, four of them
# the gates of the LSTM.
_HEARD, _HEARD_PER_UNIT = 3500, 8
# Tensors of an attack per sample point: audio, perturbation, its gradient and sign, Adam's state, noise, mask.
_STATE = 16
_FLOAT = 4

SHARE = 0.7
"""Share of an accelerator's memory that batches may fill; PyTorch's allocator and the libraries need the rest."""
CPU_BYTES = 4e9
"""Bytes that the batches of a job on the CPU may fill: one job runs per core."""
AT_ONCE = {"cpu": 32, "cuda": 256}
"""Utterances in a batch at most, even if more fit; on a CPU, more are not faster."""


class Plan:
    """The batches that fit a device.

    Args:
        device: the device of the model.
        units: width of the model.
        room: bytes that a batch may fill; by default derived from the device.
        most: utterances in a batch at most, even if more fit; by default from AT_ONCE.

    Attributes:
        units: width of the model.
        room: bytes that a batch may fill.
        most: utterances in a batch at most.
    """

    def __init__(self, device: torch.device, units: int, room: float | None = None, most: int | None = None) -> None:
        self.units = units
        self.room = room if room is not None else _measure_room(device)
        self.most = most if most is not None else AT_ONCE[device.type]

    def attacks(self, utterances: int, samples: int) -> bool:
        """Tell whether one attack batch fits.

        Args:
            utterances: size of the batch.
            samples: length of the longest utterance in samples.
        """
        return utterances * attack_bytes(self.units, samples) <= self.room

    def hears(self, utterances: int, samples: int) -> bool:
        """Tell whether one transcription batch fits; arguments as for `attacks`."""
        return utterances * hearing_bytes(self.units, samples) <= self.room


def attack_bytes(units: int, samples: int) -> float:
    """Estimate the bytes to attack one utterance of `samples` samples: 136 MB for ten seconds and 2048 units."""
    frames = samples / HOP
    return _FLOAT * (_PEAK * frames * (_KEPT + _KEPT_PER_UNIT * units) + _STATE * samples)


def hearing_bytes(units: int, samples: int) -> float:
    """Estimate the bytes to transcribe one utterance of `samples` samples."""
    return _FLOAT * (samples / HOP * (_HEARD + _HEARD_PER_UNIT * units) + 2 * samples)


def _measure_room(device: torch.device) -> float:
    if device.type != "cuda":
        return CPU_BYTES
    # Total memory, not free memory: every run makes the same plan.
    return SHARE * torch.cuda.get_device_properties(device).total_memory
