"""Log-probabilities of made-up speech, and all that they can spell."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict

import torch
from torch import Tensor

from asrtransfer.ctc.decoding import Hypothesis
from asrtransfer.text.alphabet import BLANK, SIZE, collapse, decode, encode


def random_row(frames: int, seed: int, scale: float, classes: int = SIZE) -> Tensor:
    """Random log-probabilities; of `classes` classes, the last ones and so the blank among them, all mass."""
    logits = scale * torch.randn(frames, SIZE, generator=torch.Generator().manual_seed(seed))
    logits[:, : SIZE - classes] -= 40.0
    return logits.log_softmax(dim=-1)


def spoken_row(text: str, seed: int, sharpness: float) -> Tensor:
    """Log-probabilities like a trained model's: blanks, spikes of one or two frames, a rival in each."""
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
    """The ten most probable texts among all that the last `classes` classes can spell."""
    values = row.double().exp().tolist()
    sums: dict[str, list[float]] = defaultdict(list)
    for path in itertools.product(range(SIZE - classes, SIZE), repeat=len(row)):
        product = math.prod(frame[index] for frame, index in zip(values, path, strict=True))
        sums[decode(collapse(path))].append(product)
    found = [Hypothesis(text, math.log(math.fsum(products))) for text, products in sums.items()]
    return sorted(found, key=lambda hypothesis: -hypothesis.log_probability)[:10]
