"""What an attack on several surrogates lowers: one loss and one gradient, made of those of the members.

An utterance has reached its target only when every member hears it in the stored audio.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from asrtransfer.attacks.gradients import divide_by_mean
from asrtransfer.machine.random import torch_stream


class Mean:
    """The mean of all members' losses; the base of the other ways.

    Args:
        members: how many.
        name: of the job, among all.
    """

    def __init__(self, members: int, name: str) -> None:
        self.members = members
        self.name = name

    def choose(self, iteration: int) -> Sequence[int]:
        """List the members that hear in an iteration, from 1."""
        return range(self.members)

    def join(self, losses: Tensor, gradients: Tensor, lengths: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Make one loss and one gradient of those of the members that heard.

        Args:
            losses: float32 (members, batch).
            gradients: float32 (members, batch, samples), zero after each utterance's end.
            lengths: of the utterances, in samples.

        Returns:
            Float32 (batch,) and (batch, samples). Those of one member are its own, bit for bit.
        """
        return losses.mean(dim=0), gradients.mean(dim=0)

    def keep(self, rows: Tensor) -> None:
        """Go on with these utterances (int64) alone."""


class Worst(Mean):
    """Of each utterance the loss of the member that is farthest from the target."""

    def join(self, losses: Tensor, gradients: Tensor, lengths: Sequence[int]) -> tuple[Tensor, Tensor]:
        largest, member = losses.max(dim=0)
        return largest, gradients[member, torch.arange(len(member), device=member.device)]


class Drawn(Mean):
    """One member an iteration, drawn at random: the random ensemble of Guo et al. (2023), at the cost of one model.

    The draw depends on job and iteration alone, so that it is the same for every batch.
    """

    def choose(self, iteration: int) -> Sequence[int]:
        stream = torch_stream(f"{self.name}\0member\0{iteration}")
        return [int(torch.randint(self.members, (), generator=stream))]


class Dynamic(Mean):
    """All members, each with a weight that falls as its gradients point the same way again and again.

    Source: the dynamic ensemble of Guo et al. (2023), ``Ensenmbleattack.py`` of sveapp/transferability_ensemble: the
    weights are in proportion to exp(-norm of m), where m sums up a member's gradients, each over its mean magnitude.
    There m itself is descended, too; here the gradients are, so that one member is attacked as it would be alone.
    """

    def __init__(self, members: int, name: str) -> None:
        super().__init__(members, name)
        self.sums: Tensor | None = None

    def join(self, losses: Tensor, gradients: Tensor, lengths: Sequence[int]) -> tuple[Tensor, Tensor]:
        divided = divide_by_mean(gradients, lengths)
        self.sums = divided if self.sums is None else self.sums + divided
        norms = torch.zeros_like(losses)
        for row, length in enumerate(lengths):
            # Of an utterance's own samples: a sum over zeros behind them would depend on how far a batch pads.
            norms[:, row] = self.sums[:, row, :length].norm(dim=1)
        weights = (-norms).softmax(dim=0)
        return (weights * losses).sum(dim=0), (weights[:, :, None] * gradients).sum(dim=0)

    def keep(self, rows: Tensor) -> None:
        if self.sums is not None:
            self.sums = self.sums[:, rows]


COMBINATIONS: dict[str, type[Mean]] = {"mean": Mean, "worst": Worst, "drawn": Drawn, "dynamic": Dynamic}
