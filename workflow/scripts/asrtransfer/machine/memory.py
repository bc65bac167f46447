"""How much a batch may take: of the device's memory, and utterances at once.

What is computed for an utterance depends on no other in its batch, so a plan may be rough; where one turns out too
bold, :func:`asrtransfer.machine.compute.in_batches` halves the batch. Some processors round a row's matrix products
otherwise in a batch of another size; plans are therefore the same in every run.
"""

from __future__ import annotations

SHARE = 0.7
"""Of an accelerator's memory that batches may fill; PyTorch's blocks and the libraries need some."""
CPU_BYTES = 4e9
"""That the batches of a job on the CPU may fill: as many jobs as there are cores run at once."""
AT_ONCE = {"cpu": 32, "cuda": 256}
"""Utterances at once, however large the memory; on a CPU more of them are no faster."""


class Plan:
    """What fits a device.

    Args:
        device: ``cpu`` or ``cuda``.
        room: bytes that a batch may fill; by default what the device gives.
        most: utterances at once, however large the memory; by default those of :data:`AT_ONCE`.
    """

    def __init__(self, device: str, room: float | None = None, most: int | None = None) -> None:
        self.room = room if room is not None else _room(device)
        self.most = most if most is not None else AT_ONCE[device]

    def holds(self, needed: float) -> bool:
        """Whether there is room for a batch that needs this many bytes."""
        return needed <= self.room


def _room(device: str) -> float:
    if device != "cuda":
        return CPU_BYTES
    import torch

    # All of it, not what is free now: plans are the same in every run.
    return SHARE * torch.cuda.get_device_properties(device).total_memory
