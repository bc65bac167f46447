"""The attack of Carlini and Wagner, "Audio Adversarial Examples" (2018), as their public code runs it."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from asrtransfer.attacks.method import Method


class CarliniWagner(Method):
    """Adam on the sign of the gradient, under a bound that shrinks for each utterance that succeeds.

    Source: ``attack.py`` of carlini/audio_adversarial_examples at e0e0486 (2021): the perturbation is
    clip(delta, +-bound) x factor, delta starts at 0 and factor at 1; N(0, 2) noise is added in every pass; Adam with
    learning rate 100 sees the gradient's sign. On success the factor drops to the perturbation's peak over the bound
    if that is smaller, then by 0.8. Two faults of that code are not repeated: the peak is each utterance's own, not
    the batch's, and failure shrinks nothing.

    Args:
        learning_rate: Adam's step, 16-bit units.
        bound: largest perturbation at the start, 16-bit units.
        shrink: what the factor is multiplied with at a success.
        noise: standard deviation of the noise in the loop, 16-bit units.
        gradient: ``sign``, or ``whole``: the gradient itself, its largest component scaled to 1, so that Adam's steps
            do not shrink as an utterance's loss does. That is not published; it reaches its target in fewer
            iterations (``benchmarks/cw_settings.py``).
    """

    BETAS = (0.9, 0.999)
    EPSILON = 1e-8

    def __init__(
        self,
        audio: Tensor,
        lengths: list[int],
        generators: list[torch.Generator],
        *,
        shrinks: bool,
        learning_rate: float = 100.0,
        bound: float = 2000.0,
        shrink: float = 0.8,
        noise: float = 2.0,
        gradient: Literal["sign", "whole"] = "sign",
    ) -> None:
        super().__init__(audio, lengths, generators, shrinks=shrinks)
        self.learning_rate = learning_rate
        self.bound = bound
        self.shrink = shrink
        self.deviation = noise
        self.gradient = gradient
        self.delta = torch.zeros_like(audio)
        self.mean = torch.zeros_like(audio)
        self.square = torch.zeros_like(audio)
        self.factor = torch.ones(len(audio), device=audio.device)
        self.steps = 0

    def perturbation(self) -> Tensor:
        return self.delta.clamp(-self.bound, self.bound).mul_(self.factor[:, None])

    def bounds(self) -> Tensor:
        return self.bound * self.factor

    @property
    def improves(self) -> bool:
        return self.shrinks

    def noise(self) -> Tensor | None:
        return self.normal(self.deviation) if self.deviation else None

    def step(self, gradient: Tensor) -> None:
        # The clip passes no gradient where delta is beyond the bound; there Adam's momentum alone goes on.
        change = self._seen(gradient).mul_(self.delta.abs().le_(self.bound))
        self.steps += 1
        beta1, beta2 = self.BETAS
        self.mean.mul_(beta1).add_(change, alpha=1 - beta1)
        self.square.mul_(beta2).addcmul_(change, change, value=1 - beta2)
        corrected = self.square.div(1 - beta2**self.steps).sqrt_().add_(self.EPSILON)
        self.delta.addcdiv_(self.mean, corrected, value=-self.learning_rate / (1 - beta1**self.steps))

    def _seen(self, gradient: Tensor) -> Tensor:
        if self.gradient == "sign":
            return gradient.sign()
        # Not a norm, whose sum depends on how far the batch pads the utterance.
        return gradient / gradient.abs().amax(dim=1, keepdim=True).clamp(min=torch.finfo(gradient.dtype).tiny)

    def succeeded(self, rows: list[int]) -> None:
        if not self.shrinks or not rows:
            return
        chosen = torch.tensor(rows, device=self.factor.device)
        peaks = self.perturbation()[chosen].abs().amax(dim=1)
        self.factor[chosen] = torch.minimum(self.factor[chosen], peaks / self.bound) * self.shrink

    def keep(self, rows: Tensor) -> None:
        super().keep(rows)
        self.delta, self.mean, self.square = self.delta[rows], self.mean[rows], self.square[rows]
        self.factor = self.factor[rows]


METHOD = CarliniWagner
