"""Reads the weights of a Whisper in CTranslate2's form, and writes them as a folder of transformers."""

from __future__ import annotations

import json
import os
import shutil
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch

TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
FORMAT = 6
"""The version of the file's form that is read here."""


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """Arrays by name, aliases left out."""
    with path.open("rb") as file:
        if (version := _read(file, "I")) != FORMAT:
            raise ValueError(f"{path}: has form {version}, not {FORMAT}")
        _, _ = _read_name(file), _read(file, "I")
        return dict(_read_array(file) for _ in range(_read(file, "I")))


def _read_array(file: BinaryIO) -> tuple[str, np.ndarray]:
    name = _read_name(file)
    shape = [_read(file, "I") for _ in range(_read(file, "B"))]
    type_, size = TYPES[_read(file, "B")], _read(file, "I")
    return name, np.frombuffer(file.read(size), type_).reshape(shape)


def _read(file: BinaryIO, code: str) -> int:
    (found,) = struct.unpack(f"<{code}", file.read(struct.calcsize(f"<{code}")))
    return int(found)


def _read_name(file: BinaryIO) -> str:
    return file.read(_read(file, "H"))[:-1].decode()


def convert_whisper(source: Path, target: Path) -> None:
    """Write a Whisper's folder for transformers, in float32."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from transformers import GenerationConfig, PreTrainedTokenizerFast, WhisperConfig, WhisperForConditionalGeneration

    weights = {name: torch.from_numpy(one.copy()) for name, one in read_weights(source / "model.bin").items()}
    if quantised := [name for name, one in weights.items() if name.endswith("weight") and not one.is_floating_point()]:
        raise ValueError(f"{source}: {quantised[0]} is quantised")
    tokens, width = weights["decoder/embeddings/weight"].shape
    fast = PreTrainedTokenizerFast(tokenizer_file=str(source / "tokenizer.json"), eos_token="<|endoftext|>")
    end, start = fast.convert_tokens_to_ids(["<|endoftext|>", "<|startoftranscript|>"])
    heads = int(weights["encoder/num_heads"])
    layers = {part: len({name.split("/")[1] for name in weights if name.startswith(f"{part}/layer_")} - {"layer_norm"})
              for part in ("encoder", "decoder")}  # fmt: skip
    config = WhisperConfig(
        vocab_size=tokens, d_model=width, encoder_layers=layers["encoder"], decoder_layers=layers["decoder"],
        encoder_attention_heads=heads, decoder_attention_heads=heads, encoder_ffn_dim=4 * width,
        decoder_ffn_dim=4 * width, num_mel_bins=weights["encoder/conv1/weight"].shape[1], eos_token_id=end,
        pad_token_id=end, bos_token_id=end, decoder_start_token_id=start,
    )  # fmt: skip
    model = WhisperForConditionalGeneration(config)
    told = model.load_state_dict({name: one.float() for name, one in _rename(weights)}, strict=False)
    # The output layer is the input's; keys of attention have no bias, which CTranslate2 writes as zeros.
    assert told.missing_keys == ["proj_out.weight"] and not told.unexpected_keys, told
    about = json.loads((source / "config.json").read_text())
    model.generation_config = GenerationConfig(
        suppress_tokens=about["suppress_ids"], begin_suppress_tokens=about["suppress_ids_begin"],
        decoder_start_token_id=start, eos_token_id=end, pad_token_id=end,
    )  # fmt: skip
    target.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(target)
    fast.save_pretrained(target)
    shutil.copy(source / "tokenizer.json", target)
    (target / "preprocessor_config.json").write_text(json.dumps({"feature_size": 80, "sampling_rate": 16000}))


def _rename(weights: Mapping[str, torch.Tensor]) -> Iterator[tuple[str, torch.Tensor]]:
    """Names and parts as transformers has them; CTranslate2 puts queries, keys and values into one array."""
    plain = {"conv1/": "conv1.", "conv2/": "conv2.", "layer_norm/": "layer_norm.", "gamma": "weight", "beta": "bias"}
    for name, one in weights.items():
        part, _, rest = name.partition("/")
        base = f"model.{part}."
        if not rest.endswith(("weight", "bias", "gamma", "beta", "encodings")):
            continue
        if rest == "embeddings/weight":
            yield f"{base}embed_tokens.weight", one
        elif rest == "position_encodings/encodings":
            yield f"{base}embed_positions.weight", one
        elif not rest.startswith("layer_") or rest.startswith("layer_norm"):
            for old, new in plain.items():
                rest = rest.replace(old, new)
            yield base + rest, one
        else:
            yield from _rename_layer(base, rest.split("/"), one)


def _rename_layer(base: str, parts: list[str], one: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    number, block, layer, kind = parts
    base += f"layers.{number.removeprefix('layer_')}."
    kind = {"gamma": "weight", "beta": "bias"}.get(kind, kind)
    attention = {"self_attention": "self_attn", "attention": "encoder_attn"}.get(block)
    if layer == "layer_norm":
        norm = f"{attention}_layer_norm" if attention else "final_layer_norm"
        yield f"{base}{norm}.{kind}", one
    elif attention is None:
        yield f"{base}fc{int(layer[-1]) + 1}.{kind}", one
    else:
        # In one array, or in two where queries come from the decoder.
        fused = {"self_attention": [["q_proj", "k_proj", "v_proj"], ["out_proj"]]}
        names = fused.get(block, [["q_proj"], ["k_proj", "v_proj"], ["out_proj"]])[int(layer[-1])]
        for name, each in zip(names, one.chunk(len(names)), strict=True):
            if (name, kind) != ("k_proj", "bias"):
                yield f"{base}{attention}.{name}.{kind}", each.contiguous()
