"""Models that others have trained: their own libraries compute the same, and what does not fit is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import tiny_models
import torch

from asrtransfer import recognisers
from asrtransfer.files.errors import InputError
from asrtransfer.recognisers import pretrained
from asrtransfer.recognisers.base import Frames, Surrogate
from asrtransfer.text import alphabet

ROOT = Path(__file__).resolve().parents[2]


def noise(samples: int, seed: int = 1) -> np.ndarray:
    return np.rint(np.random.default_rng(seed).normal(0, 800, samples)).astype(np.int16)


@pytest.fixture(scope="module")
def ctc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.make_ctc(tmp_path_factory.mktemp("ctc"))


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.make_whisper(tmp_path_factory.mktemp("whisper"))


def test_a_ctc_model_gives_its_own_logits_in_our_order(ctc: Path) -> None:
    from transformers import AutoModelForCTC, Wav2Vec2FeatureExtractor

    found = recognisers.load("transformers", {"model": str(ctc)}, "cpu")
    assert isinstance(found, Frames)
    audio = noise(24000)
    own = Wav2Vec2FeatureExtractor(do_normalize=True)(audio / 32768, sampling_rate=16000, return_tensors="pt")
    logits = AutoModelForCTC.from_pretrained(ctc).eval()(own.input_values.float()).logits[0]
    vocabulary = json.loads((ctc / "vocab.json").read_text())
    order = [vocabulary["|" if character == " " else character.upper()] for character in alphabet.CHARACTERS]
    expected = logits[:, [*order, vocabulary["<pad>"]]].log_softmax(dim=1)
    log_probs, counts = found.log_probs(torch.from_numpy(audio.astype(np.float32))[None], torch.tensor([24000]))
    assert int(counts[0]) == len(expected) == found.frames(24000)
    assert torch.allclose(log_probs[0], expected, atol=1e-5)


def test_the_gradient_goes_through_the_normalisation(ctc: Path) -> None:
    """A louder utterance, and one with an offset, are the same to a model that normalises."""
    found = recognisers.load("transformers", {"model": str(ctc)}, "cpu")
    assert isinstance(found, Surrogate)
    audio = torch.from_numpy(noise(24000).astype(np.float32))[None].requires_grad_()
    (gradient,) = torch.autograd.grad(found.aim(audio, torch.tensor([24000]), ["dab"]).loss.sum(), audio)
    size = float(gradient.norm())
    for direction in (torch.ones_like(audio), (audio - audio.mean()).detach()):
        assert abs(float((gradient * direction / direction.norm()).sum())) < 1e-3 * size


def test_whispers_spectra_are_those_of_its_own_library(whisper: Path) -> None:
    from transformers import WhisperFeatureExtractor

    from asrtransfer.recognisers.whisper.network import WhisperNetwork

    for audio in (noise(30000), np.zeros(16000, np.int16), noise(480_000)):
        own = WhisperFeatureExtractor()(audio / 32768, sampling_rate=16000, return_tensors="pt").input_features[0]
        given = torch.from_numpy(audio.astype(np.float32))[None] / 32768
        assert torch.allclose(WhisperNetwork(whisper, "en", "cpu").analyse(given)[0], own, atol=2e-5)


def test_whispers_loss_is_the_sum_over_a_spelling(whisper: Path) -> None:
    from transformers import AutoTokenizer, WhisperForConditionalGeneration

    found = recognisers.load("whisper", {"model": str(whisper)}, "cpu")
    assert isinstance(found, Surrogate)
    audio = torch.from_numpy(noise(16000).astype(np.float32))[None]
    loss = found.aim(audio.expand(2, -1), torch.tensor([16000, 16000]), ["go", "open the door"]).loss
    model, tokenizer = (class_.from_pretrained(whisper) for class_ in (WhisperForConditionalGeneration, AutoTokenizer))
    prompt = tokenizer.convert_tokens_to_ids(["<|startoftranscript|>", "<|notimestamps|>"])
    features = found._network.analyse(audio / 32768)  # type: ignore[attr-defined]
    for value, text in zip(loss.tolist(), (" Go.", " Open the door."), strict=True):
        tokens = [*tokenizer(text, add_special_tokens=False).input_ids, model.config.eos_token_id]
        total = 0.0
        for place, token in enumerate(tokens):
            written = torch.tensor([[*prompt, *tokens[:place]]])
            told = model(input_features=features, decoder_input_ids=written).logits[0, -1].log_softmax(0)
            total -= float(told[token].detach())
        assert value == pytest.approx(total, rel=1e-4)
    assert not found.feasible(480_001, "go")
    assert not found.feasible(16000, "a" * 60)


def damage(folder: Path, how: str) -> None:
    """Break a model's folder in one of the ways that are seen."""
    weights = folder / "model.safetensors"
    match how:
        case "truncated":
            weights.write_bytes(weights.read_bytes()[:-1000])
        case "pickled":
            torch.save(safetensors.torch.load_file(weights), folder / "pytorch_model.bin")
            weights.unlink()
        case "headless":
            kept = {name: one for name, one in safetensors.torch.load_file(weights).items() if "lm_head" not in name}
            safetensors.torch.save_file(kept, weights, {"format": "pt"})
        case "another rate":
            (folder / "preprocessor_config.json").write_text(json.dumps({"sampling_rate": 8000}))
        case name:
            (folder / name).unlink()


@pytest.mark.parametrize(
    ("kind", "how", "message"),
    [
        ("ctc", "truncated", "no CTC model can be loaded from it"),
        ("ctc", "headless", "the weights lack lm_head"),
        ("ctc", "another rate", "wants audio at 8000 Hz"),
        ("ctc", "vocab.json", "no vocab.json; add it"),
        ("ctc", "preprocessor_config.json", "no preprocessor_config.json"),
        ("whisper", "truncated", "no Whisper model can be loaded from it"),
        ("whisper", "tokenizer.json", "no tokenizer can be loaded from it"),
    ],
)
def test_a_damaged_folder_is_one_line(
    ctc: Path, whisper: Path, tmp_path: Path, kind: str, how: str, message: str
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree({"ctc": ctc, "whisper": whisper}[kind], folder)
    damage(folder, how)
    with pytest.raises(InputError) as error:
        recognisers.load({"ctc": "transformers"}.get(kind, kind), {"model": str(folder)}, "cpu")
    assert message in str(error.value)
    assert str(folder) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("pickled", "pytorch_model.bin could run code"),
        ("config.json", "no config.json"),
        ("model.safetensors", "no weights"),
    ],
)
def test_what_a_folder_lacks_is_said_before_any_job(ctc: Path, tmp_path: Path, how: str, message: str) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(ctc, folder)
    damage(folder, how)
    assert message in str(pretrained.check_folder(folder))
    assert pretrained.check_folder(ctc) is None
    assert "no such folder" in str(pretrained.check_folder(tmp_path / "nowhere"))


def test_half_precision_is_computed_in_single(ctc: Path, tmp_path: Path) -> None:
    folder = tmp_path / "half"
    shutil.copytree(ctc, folder)
    weights = safetensors.torch.load_file(folder / "model.safetensors")
    halves = {name: one.half() if one.is_floating_point() else one for name, one in weights.items()}
    safetensors.torch.save_file(halves, folder / "model.safetensors", {"format": "pt"})
    half, whole = (recognisers.load("transformers", {"model": str(one)}, "cpu") for one in (folder, ctc))
    assert isinstance(half, Frames) and isinstance(whole, Frames)
    audio, lengths = torch.from_numpy(noise(16000).astype(np.float32))[None], torch.tensor([16000])
    log_probs = half.log_probs(audio, lengths)[0]
    assert log_probs.dtype == torch.float32
    assert torch.allclose(log_probs, whole.log_probs(audio, lengths)[0], atol=0.05)
    assert half.identity != whole.identity


def test_a_hub_out_of_reach_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def fail(*_: Any, **__: Any) -> str:
        raise OSError("no route to host\nmore of it")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    keys = {"model": "owner/name", "download": True, "revision": "a" * 40}
    with pytest.raises(InputError, match=r"owner/name: cannot be fetched from the hub \(no route to host\)"):
        recognisers.load("transformers", keys, "cpu")
    section = pretrained.HubSection(model="owner/name", download=True)
    assert str(section.check("cpu")).startswith("revision: none")


def test_a_package_that_is_missing_says_what_to_type(monkeypatch: pytest.MonkeyPatch, ctc: Path) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(InputError, match="transformers is not installed; run make install EXTRAS=transformers"):
        recognisers.load("transformers", {"model": str(ctc)}, "cpu")


@pytest.mark.parametrize(
    ("keys", "message"),
    [({"bundle": "NOBODY"}, "torchaudio has no CTC bundle NOBODY"), ({}, "no such file; it holds the weights")],
)
def test_what_is_no_bundle_is_refused(tmp_path: Path, keys: dict[str, str], message: str) -> None:
    (tmp_path / "other.pth").touch()
    with pytest.raises(InputError, match=message):
        recognisers.load("torchaudio", {"folder": str(tmp_path), **keys}, "cpu")


def test_a_pickled_bundle_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (Path(tmp_path / "sprung").touch, ())

    name = tiny_models.make_bundle(tmp_path, monkeypatch)
    torch.save({"trap": Trap()}, tmp_path / "tiny.pth")
    with pytest.raises(InputError, match="cannot be read"):
        recognisers.load("torchaudio", {"bundle": name, "folder": str(tmp_path)}, "cpu")
    assert not (tmp_path / "sprung").exists()


def test_jobs_of_deepspeech_import_none_of_it() -> None:
    packages = ["faster_whisper", "huggingface_hub", "num2words", "pocketsphinx", "transformers"]
    code = f"""
import sys
from asrtransfer import extension, recognisers
from asrtransfer.attacks import run
from asrtransfer.hearing import transfer
from asrtransfer.recognisers.deepspeech import trainer
for name in extension.names("recogniser"):
    extension.find("recogniser", name).class_.section
print(sorted(set({packages}) & set(sys.modules)))
"""
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "workflow/scripts", capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"
