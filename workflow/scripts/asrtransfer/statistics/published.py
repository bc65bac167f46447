"""The published study's figures.

Source: Abdullah et al., "SoK: The Faults in our ASRs", IEEE S&P 2021, appendix "Transferability", Tables V
and VI and the paragraphs beside them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple


@dataclass(frozen=True)
class Published:
    """One table: samples made for each phrase, none of which transferred.

    Attributes:
        name: of the table in the published study.
        samples: by phrase.
        stated_total: the total that the table prints.
        transfers: samples that another model, or one of the same seed, transcribed as the phrase.
        top_ten: samples with the phrase among a remote's ten most likely texts; None where it is not said.
    """

    name: str
    samples: MappingProxyType[str, int]
    stated_total: int
    transfers: int
    top_ten: int | None

    @property
    def total(self) -> int:
        """Sum of the rows, which need not be what the table prints."""
        return sum(self.samples.values())

    @property
    def note(self) -> str:
        """What is to be said of the total."""
        if self.total == self.stated_total:
            return f"published {self.name}: {self.total} samples"
        left_out = [phrase for phrase, count in self.samples.items() if self.total - count == self.stated_total]
        reason = f", the sum without '{left_out[0]}'" if left_out else ""
        return f"published {self.name}: its rows sum to {self.total}, its stated total is {self.stated_total}{reason}"


CW = Published(
    name="Table V",
    samples=MappingProxyType(
        {
            "delete my messages": 1867,
            "browse to evil website": 1086,
            "what is the weather today": 1525,
            "go to evil website": 1652,
            "open the door": 2253,
            "transfer money to my account": 1180,
            "the fault dear is not in our stars": 1312,
            "turn off all the cameras": 1401,
            "text mom i need money": 1400,
            "order me some candy": 1812,
            "take a picture": 1755,
        }
    ),
    stated_total=17243,
    transfers=0,
    top_ten=0,
)
PGD = Published(
    name="Table VI",
    samples=MappingProxyType(
        {
            "delete my messages": 29968,
            "browse to evil website": 30000,
            "what is the weather today": 30000,
            "go to evil website": 30000,
            "open the door": 64293,
            "transfer money to my account": 30000,
            "turn off all the cameras": 30000,
            "order me some candy": 30000,
            "take a picture": 30000,
        }
    ),
    stated_total=239968,
    transfers=0,
    top_ten=None,
)
TABLES = MappingProxyType({"cw": CW, "pgd": PGD})
"""By attack."""


class Near(NamedTuple):
    """Shares of near-target samples, 0..1: that transfer, and whose target is in a remote's top ten.

    The denominators are not given, nor how often the clean audio has the target there already.
    """

    share: float
    top_ten: float


# The text gives one top-ten share a rank and does not say of which confidence; it follows the high one.
NEAR = MappingProxyType(
    {
        (2, "low"): Near(0.065, math.nan),
        (2, "high"): Near(0.40, 0.68),
        (3, "low"): Near(0.030, math.nan),
        (3, "high"): Near(0.31, 0.63),
    }
)
"""By (rank, confidence), with Carlini and Wagner's attack."""
