"""Parakeet CTC: the package transformers computes the same, in word pieces, and what does not fit is refused."""

from __future__ import annotations

import json
import shutil
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import tiny_models
import torch

from asrtransfer import recognisers
from asrtransfer.attacks.run import run_attack
from asrtransfer.attacks.task import Task
from asrtransfer.files.errors import InputError
from asrtransfer.recognisers.parakeet import Parakeet
from asrtransfer.text.normalisation import normalise


def noise(samples: int, seed: int = 1) -> np.ndarray:
    return np.rint(np.random.default_rng(seed).normal(0, 800, samples)).astype(np.int16)


def row(audio: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(audio.astype(np.float32))[None]


def load(folder: Path, **keys: Any) -> Parakeet:
    found = recognisers.load("parakeet", {"model": str(folder), **keys}, "cpu")
    assert isinstance(found, Parakeet)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.make_parakeet(tmp_path_factory.mktemp("parakeet"), ctc_loss_reduction="sum")


@pytest.fixture(scope="module")
def library(folder: Path) -> tuple[Any, Any, Any]:
    """The same model as the package runs it: extractor, network, tokenizer."""
    from transformers import ParakeetFeatureExtractor, ParakeetForCTC, ParakeetTokenizer

    classes = (ParakeetFeatureExtractor, ParakeetForCTC, ParakeetTokenizer)
    extractor, network, tokenizer = (class_.from_pretrained(folder) for class_ in classes)
    return extractor, network.eval(), tokenizer


def extract(library: tuple[Any, Any, Any], audio: np.ndarray) -> Any:
    return library[0]((audio / 32768).astype(np.float32), sampling_rate=16000, return_tensors="pt")


@pytest.mark.parametrize("samples", [1000, 16000, 24001, 30079])
def test_the_spectra_are_those_of_its_own_library(folder: Path, library: tuple[Any, Any, Any], samples: int) -> None:
    audio = noise(samples)
    own = extract(library, audio)
    count = int(own.attention_mask.sum())
    found = load(folder)._network._spectra.analyse(row(audio) / 32768)
    assert found.shape[1] == count
    assert torch.allclose(found[0], own.input_features[0, :count], atol=1e-5)


@pytest.mark.parametrize("samples", [1000, 24001, 30079])
def test_its_log_probabilities_are_those_of_its_own_library(
    folder: Path, library: tuple[Any, Any, Any], samples: int
) -> None:
    """The package masks a last frame, which is left out here."""
    audio = noise(samples)
    logits = library[1](**extract(library, audio)).logits[0]
    network = load(folder)._network
    found = network.log_probs(row(audio) / 32768)[0]
    assert len(found) == network.frames(samples)
    assert torch.allclose(found, logits.log_softmax(dim=1)[: len(found)], atol=1e-4)


def test_its_loss_is_that_of_its_own_library(
    folder: Path, library: tuple[Any, Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # PyTorch refuses to tell the library of flags that differ by operator, as a job in this process may have set them.
    monkeypatch.setattr(torch.backends.cudnn, "flags", lambda **_: nullcontext())
    audio, texts = noise(24000), ["dab", "open the door", ""]
    found = load(folder).aim(row(audio).expand(3, -1), torch.tensor([24000] * 3), texts).loss
    for value, text in zip(found.tolist(), texts, strict=True):
        labels = torch.tensor([library[2](text).input_ids], dtype=torch.long)
        assert value == pytest.approx(library[1](**extract(library, audio), labels=labels).loss.item(), rel=1e-5)


def test_greedy_texts_are_those_of_its_own_library(folder: Path, library: tuple[Any, Any, Any]) -> None:
    found = load(folder)
    for seed in range(8):
        audio = noise(40000, seed)
        (text,) = library[2].batch_decode(library[1].generate(**extract(library, audio)), skip_special_tokens=True)
        assert found._network.read(found._network.log_probs(row(audio) / 32768)) == [text]
        aim = found.aim(row(audio).expand(2, -1), torch.tensor([40000] * 2), [normalise(text), "dab"])
        assert aim.says() == [True, False]


def test_equal_pieces_side_by_side_stay_two(folder: Path) -> None:
    """The tokenizer of the package merges equal neighbours unless told otherwise."""
    network = load(folder)._network
    pieces = network.spell("ll")
    assert any(left == right for left, right in pairwise(pieces))
    path = [piece for one in pieces for piece in (one, network._blank)]
    logits = torch.nn.functional.one_hot(torch.tensor([path]), network._model.config.vocab_size)
    assert network.read(logits) == ["ll"]


@pytest.mark.parametrize("audio", [np.zeros(16000, np.int16), np.r_[noise(8000), np.zeros(8000, np.int16)]])
def test_the_gradient_is_finite_in_digital_silence(
    folder: Path, library: tuple[Any, Any, Any], audio: np.ndarray
) -> None:
    given = row(audio).requires_grad_()
    (gradient,) = torch.autograd.grad(load(folder).aim(given, torch.tensor([16000]), ["go"]).loss.sum(), given)
    assert bool(gradient.isfinite().all())
    assert bool(gradient.any()) == bool(audio.any())


def test_scores_are_exact_and_texts_in_several_spellings_are_one(folder: Path) -> None:
    found = load(folder)
    audio = noise(30000)
    (heard,) = found.hear([audio])
    assert len(heard.texts) == 10 and heard.scores is not None
    losses = found.aim(row(audio).expand(10, -1), torch.tensor([30000] * 10), heard.texts).loss.tolist()
    # The tokenizer's own pieces are one of a text's spellings, of which the best is heard.
    assert all(-score < loss + 1e-3 for score, loss in zip(heard.scores, losses, strict=True))
    assert sum(abs(score + loss) < 1e-3 for score, loss in zip(heard.scores, losses, strict=True)) >= 5


def test_a_text_fits_if_its_pieces_do(folder: Path) -> None:
    """Half a second has seven frames, and a blank parts equal pieces."""
    found = load(folder)
    assert found._network.frames(8000) == 7
    assert found.feasible(8000, "oothoota")
    assert not found.feasible(8000, "wwww")
    fits, does_not = found.aim(row(noise(8000)).expand(2, -1), torch.tensor([8000] * 2), ["oothoota", "wwww"]).loss
    assert bool(fits.isfinite()) and not bool(does_not.isfinite())


def test_a_spelling_without_pieces_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=r"'Dab\.': the tokenizer has no pieces for it; choose another spelling"):
        load(folder, spelling="sentence").feasible(16000, "dab")


def test_it_can_be_attacked(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    tiny_models.teach_parakeet(copy, [noise(16000, seed) for seed in (1, 2)], ["go", "dab"])
    found = load(copy)
    assert found.hear([noise(16000)])[0].texts[0] == "go"
    keys = {"phrases": ["dab"], "iterations": 150, "test_every": 10, "threshold": None, "keep": 1}
    (outcome,) = run_attack([found], [Task("u", noise(16000), "dab")], "pgd", keys, seed="parakeet")
    assert outcome.status == "sample"
    assert found.hear([outcome.samples[-1].audio])[0].texts[0] == "dab"


def damage(folder: Path, how: str) -> None:
    weights, settings = folder / "model.safetensors", folder / "config.json"
    match how:
        case "truncated":
            weights.write_bytes(weights.read_bytes()[:-1000])
        case "headless":
            kept = {name: one for name, one in safetensors.torch.load_file(weights).items() if "ctc_head" not in name}
            safetensors.torch.save_file(kept, weights, {"format": "pt"})
        case "another rate":
            (folder / "preprocessor_config.json").write_text(json.dumps({"sampling_rate": 8000}))
        case "other bands":
            (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": 128}))
        case "another kind":
            settings.write_text(json.dumps(json.loads(settings.read_text()) | {"model_type": "parakeet_tdt"}))
        case name:
            (folder / name).unlink()


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("truncated", "no Parakeet CTC model can be loaded from it"),
        ("headless", "the weights lack ctc_head"),
        ("another rate", "wants audio at 8000 Hz"),
        ("other bands", "hears 80 bands, and preprocessor_config.json says 128"),
        ("another kind", "is of the kind parakeet_tdt, not parakeet_ctc"),
        ("tokenizer.json", "no tokenizer can be loaded from it"),
        ("preprocessor_config.json", "no preprocessor_config.json"),
    ],
)
def test_a_damaged_folder_is_one_line(folder: Path, tmp_path: Path, how: str, message: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    damage(copy, how)
    with pytest.raises(InputError) as error:
        load(copy)
    assert message in str(error.value)
    assert str(copy) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_pickled_folder_is_refused_before_any_job(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    torch.save(safetensors.torch.load_file(copy / "model.safetensors"), copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()
    section = Parakeet.section(model=str(copy))
    assert "pytorch_model.bin could run code" in str(section.check("cpu"))
    assert Parakeet.section(model=str(folder)).check("cpu") is None


def test_half_precision_is_computed_in_single(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "half"
    shutil.copytree(folder, copy)
    weights = safetensors.torch.load_file(copy / "model.safetensors")
    halves = {name: one.half() if one.is_floating_point() else one for name, one in weights.items()}
    safetensors.torch.save_file(halves, copy / "model.safetensors", {"format": "pt"})
    half, whole = load(copy), load(folder)
    found, expected = (one._network.log_probs(row(noise(16000)) / 32768) for one in (half, whole))
    assert found.dtype == torch.float32
    assert torch.allclose(found, expected, atol=0.05)
    assert half.identity != whole.identity


def test_characters_of_a_waveform_are_another_family(folder: Path) -> None:
    with pytest.raises(InputError, match="a model of the kind parakeet_ctc hears no waveforms; choose another, or use"):
        recognisers.load("transformers", {"model": str(folder)}, "cpu")
