"""Small models in the forms that others publish, for their loaders to load: random weights, a few words."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from asrtransfer.speech.utterances import Speech, pad

CHARACTERS = "ETAONIHSRDLUMWCFGYPBVK'XJQZ"
"""Of wav2vec 2.0's vocabulary, after the blank, three special ones, and the gap between words."""
ECHO = """
import json, sys, wave
for line in sys.stdin:
    asked = json.loads(line)
    with wave.open(asked["path"]) as file:
        frames, rate = file.getnframes(), file.getframerate()
    assert rate == 16000
    text = "loud" if frames > 16000 else "quiet"
    print(json.dumps({"id": asked["id"], "texts": [text.upper() + "!", "so so"], "scores": [-0.5, -1]}), flush=True)
"""
"""A program that answers lines of JSON."""


def make(use: str, folder: Path, patch: Any, speech: Speech) -> dict[str, Any] | None:
    """Make a small model of a family, and return the keys of its section; None where there is none.

    Args:
        use: the family.
        folder: to write into.
        patch: of pytest, for what a model must be listed in.
        speech: that a model hears right which needs to.
    """
    match use:
        case "transformers":
            return {"model": str(make_ctc(folder))}
        case "whisper":
            make_whisper(folder)
            teach_whisper(folder, [speech.samples(number) for number in range(2)], speech.texts[:2])
            return {"model": str(folder), "beam": 3}
        case "parakeet":
            make_parakeet(folder)
            teach_parakeet(folder, [speech.samples(number) for number in range(2)], speech.texts[:2])
            return {"model": str(folder)}
        case "torchaudio":
            return {"bundle": make_bundle(folder, patch), "folder": str(folder)}
        case "command":
            return {"command": make_program(folder)}
        case "pocketsphinx":
            return make_pocketsphinx(folder, ["a", "bad", "cab", "dad"])
    return None


def make_ctc(folder: Path, **changes: Any) -> Path:
    """Write a wav2vec 2.0 with a head for recognition."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

    shape = {
        "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
        "conv_dim": (16,) * 7, "vocab_size": 32, "pad_token_id": 0, "num_conv_pos_embeddings": 16,
        "num_conv_pos_embedding_groups": 2,
    }  # fmt: skip
    torch.manual_seed(0)
    Wav2Vec2ForCTC(Wav2Vec2Config(**shape | changes)).save_pretrained(folder)
    names = ["<pad>", "<s>", "</s>", "<unk>", "|", *CHARACTERS]
    (folder / "vocab.json").write_text(json.dumps({name: number for number, name in enumerate(names)}))
    (folder / "preprocessor_config.json").write_text(json.dumps({"do_normalize": True, "sampling_rate": 16000}))
    return folder


def make_pocketsphinx(folder: Path, words: Iterable[str]) -> dict[str, str]:
    """Write a dictionary of some words, as the package pronounces them, and a unigram by which all are as likely."""
    from pocketsphinx import get_model_path

    pronounced = [line.split() for line in Path(get_model_path("en-us/cmudict-en-us.dict")).read_text().splitlines()]
    wanted = set(words)
    # A second pronunciation is listed as the word and (2).
    spoken = [line for line in pronounced if line[0].partition("(")[0] in wanted]
    (folder / "words.dict").write_text("".join(f"{' '.join(line)}\n" for line in spoken))
    listed = ["<s>", "</s>", *sorted(wanted & {line[0] for line in spoken})]
    likely = -math.log10(len(listed))
    lines = ["\\data\\", f"ngram 1={len(listed)}", "", "\\1-grams:", *(f"{likely:.4f} {word}" for word in listed)]
    (folder / "words.lm").write_text("\n".join([*lines, "", "\\end\\", ""]))
    return {"dictionary": str(folder / "words.dict"), "language_model": str(folder / "words.lm")}


def make_whisper(folder: Path) -> Path:
    """Write a Whisper whose tokens are bytes."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, WhisperConfig, WhisperForConditionalGeneration

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    special = ["<|endoftext|>", "<|startoftranscript|>", "<|notimestamps|>"]
    vocabulary = {name: number for number, name in enumerate([*letters, *special])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=special[0], additional_special_tokens=special[1:]
    )
    fast.save_pretrained(folder)
    end = vocabulary[special[0]]
    torch.manual_seed(0)
    config = WhisperConfig(
        vocab_size=len(vocabulary), d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=64, decoder_ffn_dim=64, max_target_positions=64,
        eos_token_id=end, pad_token_id=end, bos_token_id=end, decoder_start_token_id=vocabulary[special[1]],
        suppress_tokens=None, begin_suppress_tokens=None, init_std=0.1,
    )  # fmt: skip
    WhisperForConditionalGeneration(config).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": 80, "sampling_rate": 16000}))
    return folder


def make_parakeet(folder: Path, **changes: Any) -> Path:
    """Write a Parakeet CTC whose word pieces are letters and a few pairs."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import ParakeetCTCConfig, ParakeetEncoderConfig, ParakeetForCTC, ParakeetTokenizer

    pairs = [("\u2581", "a"), ("\u2581", "b"), ("a", "b"), ("d", "a"), ("o", "o"), ("t", "h")]
    letters = ["\u2581", "'", *map(chr, range(ord("a"), ord("z") + 1))]
    names = ["<unk>", *letters, *map("".join, pairs), "<pad>"]
    places = {name: number for number, name in enumerate(names)}
    tokenizer = Tokenizer(models.BPE(vocab=places, merges=pairs, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    fast = ParakeetTokenizer(tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<pad>")
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    encoder = ParakeetEncoderConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, subsampling_conv_channels=8,
        initializer_range=0.1,
    )  # fmt: skip
    shape = {"vocab_size": len(names), "pad_token_id": places["<pad>"], "encoder_config": encoder}
    ParakeetForCTC(ParakeetCTCConfig(**shape | changes)).save_pretrained(folder)
    about = {"feature_size": 80, "sampling_rate": 16000, "hop_length": 160, "n_fft": 512, "preemphasis": 0.97}
    (folder / "preprocessor_config.json").write_text(json.dumps(about))
    return folder


def make_bundle(folder: Path, monkeypatch: Any) -> str:
    """Write the weights of a small bundle of torchaudio, make it one of its pipelines, and return its name."""
    import torchaudio
    from torchaudio.pipelines._wav2vec2.impl import Wav2Vec2ASRBundle

    layers = [(16, 10, 5)] + [(16, 3, 2)] * 4 + [(16, 2, 2)] * 2
    shape = {
        "extractor_mode": "layer_norm", "extractor_conv_layer_config": layers,
        "extractor_conv_bias": False, "encoder_embed_dim": 32, "encoder_projection_dropout": 0.0,
        "encoder_pos_conv_kernel": 16, "encoder_pos_conv_groups": 2, "encoder_num_layers": 2, "encoder_num_heads": 2,
        "encoder_attention_dropout": 0.0, "encoder_ff_interm_features": 64, "encoder_ff_interm_dropout": 0.0,
        "encoder_dropout": 0.0, "encoder_layer_norm_first": True, "encoder_layer_drop": 0.0, "aux_num_out": 29,
    }  # fmt: skip
    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    # As fairseq's models have them, three classes more, which the bundle leaves out.
    torch.save(torchaudio.models.wav2vec2_model(**shape | {"aux_num_out": 32}).state_dict(), folder / "tiny.pth")
    bundle = Wav2Vec2ASRBundle(
        "tiny.pth", shape, _labels=("|", *CHARACTERS), _sample_rate=16000, _normalize_waveform=True,
        _model_type="Wav2Vec2",
    )  # fmt: skip
    monkeypatch.setattr(torchaudio.pipelines, "TINY", bundle, raising=False)
    return "TINY"


def make_program(folder: Path, source: str = ECHO) -> str:
    """Write a program, and return the command that starts it."""
    path = folder / "program.py"
    path.write_text(source)
    return f"{sys.executable} {path}"


def teach_whisper(folder: Path, audio: list[np.ndarray], texts: list[str]) -> None:
    """Train a Whisper until it writes a text for each utterance."""
    from asrtransfer.recognisers.whisper.network import WhisperNetwork

    network = WhisperNetwork(folder, "en", "cpu")
    samples, _ = pad(audio)
    _teach(network._model, folder, lambda: network.aim(samples / 32768, [f" {text.capitalize()}." for text in texts]))


def teach_parakeet(folder: Path, audio: list[np.ndarray], texts: list[str]) -> None:
    """Train a Parakeet until it writes a text for each utterance."""
    from asrtransfer.recognisers.parakeet.network import ParakeetNetwork

    network = ParakeetNetwork(folder, "cpu")
    samples, _ = pad(audio)
    _teach(network._model, folder, lambda: network.aim(samples / 32768, texts, texts), 60)


def _teach(model: Any, folder: Path, aim: Any, steps: int = 25) -> None:
    model.requires_grad_(True)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(steps):
        loss = aim().loss.mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    model.save_pretrained(folder)
