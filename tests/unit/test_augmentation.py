"""SpecAugment masks the configured number of bands and frames, and nothing if it is off."""

from __future__ import annotations

import torch

from asrtransfer.recognisers.deepspeech.augmentation import hide
from asrtransfer.recognisers.deepspeech.front_end import FrontEnd, Spectrum
from asrtransfer.recognisers.deepspeech.section import SpecAugment

COUNTS = torch.tensor([40, 25])


def hidden(settings: SpecAugment, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(9)
    bands, energy = torch.randn(2, 40, 26, generator=random), torch.randn(2, 40, generator=random)
    found = hide(settings, Spectrum(bands, energy, COUNTS), torch.Generator().manual_seed(seed))
    return bands, energy, found.bands, found.energy


def test_masks_hold_the_mean_of_the_frames_that_count() -> None:
    bands, energy, masked, masked_energy = hidden(SpecAugment(frequency_masks=0, time_masks=1, time_width=20), seed=3)
    changed = (masked != bands).all(dim=2)
    assert 0 < int(changed[0].sum()) <= 20
    assert torch.equal(changed, masked_energy != energy)
    mean = bands[1, :25].mean(dim=0)
    assert changed[1, :25].any()
    assert not changed[1, 25:].any()
    assert torch.allclose(masked[1][changed[1]], mean.expand(int(changed[1].sum()), -1), atol=1e-6)


def test_bands_are_hidden_at_all_times_and_leave_the_energy() -> None:
    bands, energy, masked, masked_energy = hidden(SpecAugment(frequency_masks=1, frequency_width=9, time_masks=0), 1)
    changed = (masked != bands).all(dim=1)
    assert 0 < int(changed[0].sum()) <= 9
    assert torch.equal((masked != bands).any(dim=1), changed)
    assert torch.equal(energy, masked_energy)


def test_the_generator_alone_draws() -> None:
    first, again, other = (hidden(SpecAugment(), seed)[2] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_no_masks_change_nothing() -> None:
    audio = 1000 * torch.randn(2, 8000, generator=torch.Generator().manual_seed(1))
    lengths = torch.tensor([8000, 5000])
    settings = SpecAugment(frequency_masks=0, time_masks=0)
    draws = torch.Generator()
    front_end = FrontEnd()
    plain = front_end.analyse(audio, lengths)
    same = front_end.stack(hide(settings, plain, draws))
    masked = front_end.stack(hide(SpecAugment(), plain, draws))
    assert torch.equal(front_end.stack(plain), same)
    assert not torch.equal(same, masked)
    assert masked.isfinite().all()
