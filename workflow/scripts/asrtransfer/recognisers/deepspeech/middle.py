"""What stands in the middle of the network: the published LSTM, or as many weights without memory of other frames, or
with a window of them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from asrtransfer.recognisers.deepspeech.sizes import ACTIVATION_CEILING

DILATIONS = (1, 2, 4, 8, 16, 32, 1)
"""Of windows of three frames, one behind the other: they reach 64 frames, 1.3 s, to either side."""


class Memory(nn.LSTM):
    """DeepSpeech's forward LSTM: a frame knows all before it. 8 H^2 weights."""

    def __init__(self, units: int) -> None:
        super().__init__(units, units, batch_first=True)

    def forward(self, hidden: Tensor, counts: Tensor) -> Tensor:
        """Map float32 (batch, frames, H) to the same."""
        # Within an autocast, PyTorch runs cuDNN's LSTM in float16 (pytorch/pytorch#42385), whose range ends at 65504.
        with torch.autocast(hidden.device.type, enabled=False):
            found: Tensor = super().forward(hidden.float())[0]  # type: ignore[has-type]
        return found


class Wide(nn.Module):
    """Two dense layers, four times as wide between them: each frame for itself. 8 H^2 weights."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.out = nn.Linear(units, 4 * units)
        self.back = nn.Linear(4 * units, units)

    def forward(self, hidden: Tensor, counts: Tensor) -> Tensor:
        """Map float32 (batch, frames, H) to the same."""
        found: Tensor = self.back(self.out(hidden).clamp(0, ACTIVATION_CEILING)).clamp(0, ACTIVATION_CEILING)
        return found


class Window(nn.Module):
    """Dilated convolutions, each a window a unit and then a dense layer, added to what came in. About 8 H^2 weights."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.windows = nn.ModuleList(
            nn.Conv1d(units, units, 3, dilation=one, padding=one, groups=units) for one in DILATIONS
        )
        self.mixes = nn.ModuleList(nn.Linear(units, units) for _ in DILATIONS)
        self.last = nn.Linear(units, units)

    def forward(self, hidden: Tensor, counts: Tensor) -> Tensor:
        """Map float32 (batch, frames, H) to the same; what stands after an utterance's end is not looked at."""
        frames = torch.arange(hidden.shape[1], device=hidden.device)
        inside = (frames < counts[:, None])[:, :, None]
        for window, mix in zip(self.windows, self.mixes, strict=True):
            seen = window((hidden * inside).transpose(1, 2)).transpose(1, 2)
            hidden = hidden + mix(seen).clamp(0, ACTIVATION_CEILING)
        found: Tensor = self.last(hidden).clamp(0, ACTIVATION_CEILING)
        return found


MIDDLES: dict[str, type[Memory] | type[Wide] | type[Window]] = {"lstm": Memory, "none": Wide, "window": Window}
"""By the value of ``network.recurrence``."""
