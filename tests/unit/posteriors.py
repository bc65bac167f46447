"""Log-probabilities of generated speech, and exhaustive lists of their texts."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict

import torch
from torch import Tensor

from asrtransfer.ctc.base import Hypothesis
from asrtransfer.text.alphabet import BLANK, SIZE, collapse, decode, encode


def random_row(frames: int, seed: int, scale: float, classes: int = SIZE) -> Tensor:
    """Draw random log-probabilities; the last `classes` classes, including the blank, have all the mass."""
    logits = scale * torch.randn(frames, SIZE, generator=torch.Generator().manual_seed(seed))
    logits[:, : SIZE - classes] -= 40.0
    return logits.log_softmax(dim=-1)


def spoken_row(text: str, seed: int, sharpness: float) -> Tensor:
    """Draw log-probabilities like those of a trained model: blanks, peaks of one or two frames, and a rival in each."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(3 * len(text) + 2, SIZE, generator=generator)
    logits[:, BLANK] += 4 * sharpness
    for place, index in enumerate(encode(text)):
        spike, rival = 3 * place + 1, int(torch.randint(BLANK, (1,), generator=generator))
        certainty = sharpness * (2 + 4 * float(torch.rand(1, generator=generator)))
        logits[spike, BLANK] -= 4 * sharpness
        logits[spike, index] += certainty
        logits[spike, rival] += certainty * float(torch.rand(1, generator=generator))
        logits[spike + 1, index] += certainty
    return logits.log_softmax(dim=-1)


def one(row: Tensor) -> tuple[Tensor, Tensor]:
    return row[None], torch.tensor([len(row)])


def exhaustive_top(row: Tensor, classes: int = SIZE) -> list[Hypothesis]:
    """List the ten most probable of all texts in the last `classes` classes."""
    values = row.double().exp().tolist()
    sums: dict[str, list[float]] = defaultdict(list)
    for path in itertools.product(range(SIZE - classes, SIZE), repeat=len(row)):
        product = math.prod(frame[index] for frame, index in zip(values, path, strict=True))
        sums[decode(collapse(path))].append(product)
    found = [Hypothesis(text, math.log(math.fsum(products))) for text, products in sums.items()]
    return sorted(found, key=lambda hypothesis: -hypothesis.log_probability)[:10]
