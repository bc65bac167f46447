"""Projected gradient descent: Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks" (2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from asrtransfer.attacks.method import FULL_SCALE, Method
from asrtransfer.attacks.section import AttackSection
from asrtransfer.section import Field, Float

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class PGD(AttackSection):
    """Projected gradient descent in an L-infinity ball, sign steps."""

    bound: Float = Field(default=0.05, gt=0, le=2, description="radius of the ball, as a share of bound_of")
    bound_of: Literal["full-scale", "peak"] = Field(
        default="full-scale", description="of 32768, or of the utterance's own largest sample"
    )
    step: Float = Field(default=0.05, gt=0, le=1, description="size of a step, as a share of the radius")
    start: Literal["zero", "random"] = Field(default="zero", description="first perturbation; random: uniform")


class ProjectedGradient(Method):
    """Sign steps, projected onto an L-infinity ball around the clean audio and onto valid audio."""

    label = "PGD"
    section = PGD

    def __init__(self, audio: Tensor, lengths: list[int], generators: list[torch.Generator], keys: PGD) -> None:
        super().__init__(audio, lengths, generators, keys)
        full = audio.new_full((len(audio),), FULL_SCALE)
        self.radius = keys.bound * (audio.abs().amax(dim=1) if keys.bound_of == "peak" else full)
        self.pace = keys.step * self.radius
        self.delta = audio.new_zeros(audio.shape)
        if keys.start == "random":
            for row, (length, generator) in enumerate(zip(lengths, generators, strict=True)):
                drawn = audio.new_empty(length, device="cpu").uniform_(generator=generator)
                self.delta[row, :length] = (2 * drawn.to(audio.device) - 1) * self.radius[row]
            self._project()

    def perturbation(self) -> Tensor:
        return self.delta

    def bounds(self) -> Tensor:
        return self.radius

    def begin(self, perturbation: Tensor) -> None:
        self.delta = perturbation
        self._project()

    def stride(self) -> Tensor:
        return self.pace

    def step(self, gradient: Tensor) -> None:
        self.delta = self.delta - gradient.sign().mul_(self.pace[:, None])
        self._project()

    def keep(self, rows: Tensor) -> None:
        super().keep(rows)
        self.delta, self.radius, self.pace = self.delta[rows], self.radius[rows], self.pace[rows]

    def _project(self) -> None:
        inside = self.delta.clamp(-self.radius[:, None], self.radius[:, None])
        self.delta = inside.add_(self.audio).clamp_(-FULL_SCALE, FULL_SCALE - 1).sub_(self.audio)


ATTACK = ProjectedGradient
