"""What gradients of several steps and places make of one step: momentum, looking ahead, variance tuning."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from asrtransfer.attacks.gradients import divide_by_mean
from asrtransfer.attacks.method import Method
from asrtransfer.attacks.section import MomentumSection
from asrtransfer.machine.random import torch_stream

Look = Callable[[Tensor], Tensor]
"""The gradient of each utterance's loss at a perturbation: float32 (batch, samples) to the same."""


class Plain:
    """The gradient where the perturbation is; the base of the other way."""

    def point(self, method: Method) -> Tensor:
        """Where the gradient is taken: float32 (batch, samples), 16-bit units."""
        return method.perturbation()

    def turn(self, method: Method, gradient: Tensor, look: Look) -> Tensor:
        """Make what an attack steps against.

        Args:
            gradient: at :meth:`point`, float32 (batch, samples), zero after each utterance's end.
            look: computes gradients at other perturbations.
        """
        return gradient

    def keep(self, rows: Tensor) -> None:
        """Go on with these utterances (int64) alone."""


class Momentum(Plain):
    """Steps against a sum of gradients in which earlier ones count less and less.

    Sources: MI-FGSM (Dong et al., "Boosting Adversarial Attacks with Momentum", 2018, equation 6): the sum is
    decay x sum + gradient / mean(abs(gradient)). NI (Lin et al., 2020, equations 6 and 7): the gradient is taken ahead,
    where a step along the sum would lead. VMI (Wang and He, "Enhancing the Transferability of Adversarial Attacks
    through Variance Tuning", 2021, equations 7 and 8): to the gradient is added what gradients at neighbours, drawn
    uniformly, had beyond it at the step before.

    Args:
        keys: of the three.
        names: of the utterances, among all of all jobs.
    """

    def __init__(self, keys: MomentumSection, names: Sequence[str]) -> None:
        self.keys = keys
        self._streams = [torch_stream(f"{name}\0neighbour") for name in names]
        self._sum: Tensor | None = None
        self._variance: Tensor | None = None

    def point(self, method: Method) -> Tensor:
        delta = method.perturbation()
        if not self.keys.lookahead or self._sum is None:
            return delta
        return delta - method.stride()[:, None] * self.keys.decay * self._sum

    def turn(self, method: Method, gradient: Tensor, look: Look) -> Tensor:
        tuned = gradient if self._variance is None else gradient + self._variance
        if self.keys.neighbours:
            self._variance = self._look_around(method, look) - gradient
        scaled = divide_by_mean(tuned, method.lengths)
        self._sum = scaled if self._sum is None else self._sum * self.keys.decay + scaled
        return self._sum.clone()

    def _look_around(self, method: Method, look: Look) -> Tensor:
        """The mean gradient at neighbours."""
        point, reach = method.perturbation(), self.keys.radius * method.bounds()
        total = torch.zeros_like(point)
        for _ in range(self.keys.neighbours):
            offset = torch.zeros_like(point)
            for row, (length, stream) in enumerate(zip(method.lengths, self._streams, strict=True)):
                drawn = torch.rand(length, generator=stream).to(point.device)
                offset[row, :length] = (2 * drawn - 1) * reach[row]
            total += look(point + offset)
        return total / self.keys.neighbours

    def keep(self, rows: Tensor) -> None:
        self._streams = [self._streams[row] for row in rows.tolist()]
        self._sum = None if self._sum is None else self._sum[rows]
        self._variance = None if self._variance is None else self._variance[rows]
