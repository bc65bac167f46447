"""The front end compared with an independent implementation and with finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from asrtransfer.recognisers.deepspeech.front_end import FrontEnd, frame_counts
from asrtransfer.recognisers.deepspeech.sizes import CONTEXT, INPUTS

python_speech_features = pytest.importorskip("python_speech_features")


def signal(length: int, seed: int = 0) -> np.ndarray:
    return np.clip(np.random.default_rng(seed).normal(0, 3000, length), -32768, 32767).astype(np.int16)


def published(samples: np.ndarray) -> np.ndarray:
    """Compute the cepstra as DeepSpeech 0.4.1 does."""
    return python_speech_features.mfcc(
        samples, 16000, winlen=0.032, winstep=0.02, numcep=26, nfilt=26, nfft=512, lowfreq=0, highfreq=8000,
        preemph=0.97, ceplifter=22, appendEnergy=True, winfunc=np.hamming,
    )  # fmt: skip


@pytest.mark.parametrize("length", [1, 400, 512, 513, 1000, 16000, 16001, 20799])
def test_cepstra_are_the_published_ones_and_ignore_what_follows_the_utterance(length: int) -> None:
    samples = signal(length)
    expected = published(samples)
    audio = torch.full((1, length + 777), 99.0)
    audio[0, :length] = torch.from_numpy(samples)
    front_end = FrontEnd()
    cepstra = front_end.cepstra(front_end.analyse(audio, torch.tensor([length])))
    frames = int(frame_counts(torch.tensor(length)))
    assert frames == len(expected)
    # float32 compared with float64; values reach 100.
    assert np.abs(cepstra[0, :frames].numpy() - expected).max() < 1e-3


def test_context_is_nine_frames_on_each_side_and_zero_outside() -> None:
    audio = torch.from_numpy(signal(16000)).float()[None]
    front_end = FrontEnd()
    stacked, counts = front_end(audio, torch.tensor([16000]))
    cepstra = front_end.cepstra(front_end.analyse(audio, torch.tensor([16000])))[0]
    assert stacked.shape == (1, 50, INPUTS)
    assert counts.tolist() == [50]
    padded = torch.cat((torch.zeros(CONTEXT, 26), cepstra, torch.zeros(CONTEXT, 26)))
    for frame in (0, 5, 25, 49):
        assert torch.equal(stacked[0, frame], padded[frame : frame + 19].reshape(-1))


def test_a_batch_gives_what_each_utterance_gives_alone() -> None:
    lengths = torch.tensor([16000, 9000, 300])
    audio = torch.zeros(3, 16000)
    for row, length in zip(audio, lengths.tolist(), strict=True):
        row[:length] = torch.from_numpy(signal(length, seed=length))
    together, counts = FrontEnd()(audio, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone, count = FrontEnd()(audio[row : row + 1, :length], lengths[row : row + 1])
        assert int(count) == int(counts[row])
        assert torch.allclose(together[row, : int(count)], alone[0], atol=1e-4)


def test_the_gradient_agrees_with_finite_differences() -> None:
    front_end = FrontEnd().double()
    audio = torch.from_numpy(signal(1500)).double()[None].requires_grad_()
    lengths = torch.tensor([1400])
    assert torch.autograd.gradcheck(
        lambda x: front_end(x, lengths)[0].square().mean(), audio, eps=1e-3, atol=1e-6, rtol=1e-4, fast_mode=True
    )
    (gradient,) = torch.autograd.grad(front_end(audio, lengths)[0].sum(), audio)
    assert not gradient[0, 1400:].any()
