"""The attack of Carlini and Wagner, "Audio Adversarial Examples" (2018), as their public code runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from asrtransfer.attacks.method import Method
from asrtransfer.attacks.section import AttackSection, Confidences
from asrtransfer.section import SAMPLES, Field, Float

if TYPE_CHECKING:
    import torch
    from torch import Tensor

# The smallest float32 with a full mantissa.
TINY = 2.0**-126


class CW(AttackSection):
    """Carlini and Wagner's attack as their published code runs it."""

    confidences: Confidences = Field(
        default={"low": {"threshold": None}, "high": {}},
        description="what samples must reach, from the lowest to the highest: by name, keys of this attack with other "
        "values",
    )
    learning_rate: Float = Field(default=100.0, gt=0, le=32767, description="Adam's step", json_schema_extra=SAMPLES)
    bound: Float = Field(
        default=2000.0, gt=0, le=65535, description="largest perturbation at the start", json_schema_extra=SAMPLES
    )
    shrink: Float = Field(
        default=0.8,
        gt=0,
        le=1,
        description="factor on an utterance's bound after a success; 1: the bound stays, and an utterance is finished "
        "when it has its samples",
    )
    noise: Float = Field(
        default=2.0, ge=0, le=1000, description="standard deviation of the noise in the loop", json_schema_extra=SAMPLES
    )
    gradient: Literal["sign", "whole"] = Field(
        default="sign",
        description="what Adam is given: its sign, as published, or the gradient itself, which arrives in fewer "
        "iterations (benchmarks/README.md)",
    )


class CarliniWagner(Method):
    """Adam on the sign of the gradient, under a bound that shrinks for each utterance that succeeds.

    Source: ``attack.py`` of carlini/audio_adversarial_examples at e0e0486 (2021): the perturbation is
    clip(delta, +-bound) x factor, delta starts at 0 and factor at 1; N(0, 2) noise is added in every pass; Adam with
    learning rate 100 sees the gradient's sign. On success the factor drops to the perturbation's peak over the bound
    if that is smaller, then by 0.8. Two faults of that code are not repeated: the peak is each utterance's own, not
    the batch's, and failure shrinks nothing.

    With ``gradient: whole`` Adam sees the gradient itself, its largest component scaled to 1, so that Adam's steps do
    not shrink as an utterance's loss does. That is not published; it reaches its target in fewer iterations
    (``benchmarks/cw_settings.py``).
    """

    label = "C&W"
    section = CW
    BETAS = (0.9, 0.999)
    EPSILON = 1e-8

    def __init__(self, audio: Tensor, lengths: list[int], generators: list[torch.Generator], keys: CW) -> None:
        super().__init__(audio, lengths, generators, keys)
        self.delta = audio.new_zeros(audio.shape)
        self.mean = audio.new_zeros(audio.shape)
        self.square = audio.new_zeros(audio.shape)
        self.factor = audio.new_ones(len(audio))
        self.steps = 0

    def perturbation(self) -> Tensor:
        return self.delta.clamp(-self.keys.bound, self.keys.bound).mul_(self.factor[:, None])

    def bounds(self) -> Tensor:
        return self.keys.bound * self.factor

    def begin(self, perturbation: Tensor) -> None:
        # Beyond the bound the clip would pass no gradient.
        self.delta = perturbation.clamp(-self.keys.bound, self.keys.bound)

    def stride(self) -> Tensor:
        return self.factor * self.keys.learning_rate

    @property
    def improves(self) -> bool:
        return bool(self.keys.shrink < 1)

    def noise(self) -> Tensor | None:
        return self.normal(self.keys.noise) if self.keys.noise else None

    def step(self, gradient: Tensor) -> None:
        # The clip passes no gradient where delta is beyond the bound; there Adam's momentum alone goes on.
        change = self._seen(gradient).mul_(self.delta.abs().le_(self.keys.bound))
        self.steps += 1
        beta1, beta2 = self.BETAS
        self.mean.mul_(beta1).add_(change, alpha=1 - beta1)
        self.square.mul_(beta2).addcmul_(change, change, value=1 - beta2)
        corrected = self.square.div(1 - beta2**self.steps).sqrt_().add_(self.EPSILON)
        self.delta.addcdiv_(self.mean, corrected, value=-self.keys.learning_rate / (1 - beta1**self.steps))

    def _seen(self, gradient: Tensor) -> Tensor:
        if self.keys.gradient == "sign":
            return gradient.sign()
        # Not a norm, whose sum depends on how far the batch pads the utterance.
        return gradient / gradient.abs().amax(dim=1, keepdim=True).clamp(min=TINY)

    def succeeded(self, rows: list[int]) -> None:
        if not self.improves or not rows:
            return
        peaks = self.perturbation()[rows].abs().amax(dim=1)
        self.factor[rows] = self.factor[rows].minimum(peaks / self.keys.bound) * self.keys.shrink

    def keep(self, rows: Tensor) -> None:
        super().keep(rows)
        self.delta, self.mean, self.square = self.delta[rows], self.mean[rows], self.square[rows]
        self.factor = self.factor[rows]


ATTACK = CarliniWagner
