"""Projected gradient descent: Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks" (2018)."""

from __future__ import annotations

import torch
from torch import Tensor

from asrtransfer.attacks.method import FULL_SCALE, Method


class ProjectedGradient(Method):
    """Sign steps, projected onto an L-infinity ball around the clean audio and onto valid audio.

    Args:
        bound: radius of the ball as a share of ``bound_of``; the published study's 5 %.
        bound_of: ``full-scale`` (32768) or ``peak`` (the utterance's own largest sample).
        step: size of a step as a share of the radius.
        start: ``zero``, or ``random``: uniform in the ball.
    """

    def __init__(
        self,
        audio: Tensor,
        lengths: list[int],
        generators: list[torch.Generator],
        *,
        shrinks: bool,
        bound: float = 0.05,
        bound_of: str = "full-scale",
        step: float = 0.05,
        start: str = "zero",
    ) -> None:
        super().__init__(audio, lengths, generators, shrinks=shrinks)
        scale = audio.abs().amax(dim=1) if bound_of == "peak" else torch.full_like(audio[:, 0], FULL_SCALE)
        self.radius = bound * scale
        self.stride = step * self.radius
        self.delta = torch.zeros_like(audio)
        if start == "random":
            for row, (length, generator) in enumerate(zip(lengths, generators, strict=True)):
                uniform = 2 * torch.rand(length, generator=generator).to(audio.device) - 1
                self.delta[row, :length] = uniform * self.radius[row]
            self._project()

    def perturbation(self) -> Tensor:
        return self.delta

    def bounds(self) -> Tensor:
        return self.radius

    def step(self, gradient: Tensor) -> None:
        self.delta = self.delta - gradient.sign().mul_(self.stride[:, None])
        self._project()

    def keep(self, rows: Tensor) -> None:
        super().keep(rows)
        self.delta, self.radius, self.stride = self.delta[rows], self.radius[rows], self.stride[rows]

    def _project(self) -> None:
        inside = torch.clamp(self.delta, -self.radius[:, None], self.radius[:, None])
        self.delta = inside.add_(self.audio).clamp_(-FULL_SCALE, FULL_SCALE - 1).sub_(self.audio)


METHOD = ProjectedGradient
