"""The audit's network in NumPy agrees with PyTorch's in every shape, although neither knows the other."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from asrtransfer.audit import front_end, network
from asrtransfer.ctc import confidence
from asrtransfer.ctc.best_path import greedy
from asrtransfer.recognisers.deepspeech.network import Network


@pytest.mark.parametrize(("front", "recurrence"), list(product(front_end.FRONT_ENDS, network.MIDDLES)))
def test_log_probabilities_texts_and_losses_agree(front: str, recurrence: str) -> None:
    made = Network(24, front_end=front, recurrence=recurrence).eval()
    made.initialise(3)
    random = np.random.default_rng(0)
    weights = {name: tensor.numpy() for name, tensor in made.state_dict().items()}
    for samples in (400, 9000, 16321):
        audio = random.normal(0, 1500, samples).astype(np.int16)
        with torch.no_grad():
            told, counts = made(torch.from_numpy(audio.astype(np.float32))[None], torch.tensor([samples]))
        own = network.recognise(weights, audio, made.shape)
        assert own.shape == told[0].shape
        assert np.abs(own - told[0].numpy()).max() < 1e-3
        assert network.read_greedily(own) == greedy(told, counts)[0]
    loss = float(confidence.ctc_loss(told.double(), counts, ["a b"]))
    assert network.compute_loss(own, "a b") == pytest.approx(loss, abs=1e-3)


def test_fewer_cepstra_are_the_first_ones() -> None:
    audio = np.random.default_rng(0).normal(0, 1500, 9000).astype(np.int16)
    whole = front_end.describe(audio, {}, {"front_end": "mfcc", "cepstra": 26})
    assert np.array_equal(front_end.describe(audio, {}, {"front_end": "mfcc", "cepstra": 13}), whole[:, :13])
