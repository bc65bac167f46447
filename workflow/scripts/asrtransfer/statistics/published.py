"""What an earlier study published about an attack.

An attack may bring such figures along, as builtin values. Tables then show them beside this study's, and claims hold
this study against them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Near(NamedTuple):
    """Published shares of near-target samples, 0..1; not a number where the source does not state one.

    Attributes:
        share: of samples that transfer.
        top_ten: of samples whose target is in a remote's top ten.
    """

    share: float
    top_ten: float


@dataclass(frozen=True)
class Published:
    """One published table: samples made for each phrase, and the transfers among them.

    Attributes:
        name: of the table in the published study.
        samples: by phrase.
        stated_total: the total that the table prints.
        transfers: samples that another model, or one of the same seed, transcribed as the phrase.
        top_ten: samples with the phrase among a remote's ten most likely texts; None where the source does not say.
        near: by (rank, confidence); confidences from the lowest to the highest.
    """

    name: str
    samples: Mapping[str, int]
    stated_total: int
    transfers: int
    top_ten: int | None
    near: Mapping[tuple[int, str], Near] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Published:
        """Build from builtin values.

        Args:
            plain: the attributes by name; ``near`` as a list of [rank, confidence, share, top ten or None], which may
                be left out.
        """
        near = {(rank, confidence): _near(share, top) for rank, confidence, share, top in plain.get("near", [])}
        return cls(**{**plain, "near": near})

    def as_dict(self) -> dict[str, Any]:
        """Return what :meth:`from_dict` takes, which JSON can hold."""
        near = [
            [rank, confidence, figure.share, None if math.isnan(figure.top_ten) else figure.top_ten]
            for (rank, confidence), figure in self.near.items()
        ]
        return {
            "name": self.name,
            "samples": dict(self.samples),
            "stated_total": self.stated_total,
            "transfers": self.transfers,
            "top_ten": self.top_ten,
            "near": near,
        }

    @property
    def total(self) -> int:
        """Sum of the rows, which may differ from the total that the table prints."""
        return sum(self.samples.values())

    @property
    def note(self) -> str:
        """Remark on the total."""
        if self.total == self.stated_total:
            return f"published {self.name}: {self.total} samples"
        left_out = [phrase for phrase, count in self.samples.items() if self.total - count == self.stated_total]
        reason = f", the sum without '{left_out[0]}'" if left_out else ""
        return f"published {self.name}: its rows sum to {self.total}, its stated total is {self.stated_total}{reason}"

    @property
    def ranks(self) -> list[int]:
        """Ranks of the near targets, ascending."""
        return sorted({rank for rank, _ in self.near})

    @property
    def confidences(self) -> list[str]:
        """Confidences of the near targets, from the lowest to the highest."""
        return list(dict.fromkeys(confidence for _, confidence in self.near))


def _near(share: float, top_ten: float | None) -> Near:
    return Near(share, math.nan if top_ten is None else top_ten)
