"""Whisper's front end, in PyTorch so that a gradient gets through, and its network on top."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asrtransfer.files.errors import InputError
from asrtransfer.recognisers import pretrained
from asrtransfer.recognisers.base import MOST_TEXTS, Aim, Heard
from asrtransfer.recognisers.whisper import LONGEST
from asrtransfer.text.normalisation import merge

WINDOW, HOP = 400, 160
ENGLISH = 51_864
"""Tokens of the models that know English alone; others have more."""


class WhisperNetwork:
    """A model of a folder, with its tokenizer.

    Args:
        folder: of the model.
        language: that a multilingual model is told.
        device: ``cpu`` or ``cuda``.

    Raises:
        InputError: if it is no Whisper, lacks a file, or is damaged.
    """

    def __init__(self, folder: Path, language: str, device: str) -> None:
        library = pretrained.import_extra("transformers", "transformers")
        bands = pretrained.check_sample_rate(folder).get("feature_size", 80)
        class_ = library.WhisperForConditionalGeneration
        # Attention by plain products: its gradient is deterministic.
        self._model = pretrained.load_network(class_, folder, "Whisper model", attn_implementation="eager").to(device)
        self._tokenizer = pretrained.load_tokenizer(library.AutoTokenizer, folder)
        self._generate = library.GenerationMixin.generate
        self._prompt = self._find_prompt(language)
        self._end = int(self._model.config.eos_token_id)
        self._device = device
        audio = library.audio_utils
        filters = audio.mel_filter_bank(1 + WINDOW // 2, bands, 0.0, 8000.0, 16000, norm="slaney", mel_scale="slaney")
        self._filters = torch.from_numpy(filters).float().to(device)
        self._window = torch.hann_window(WINDOW).to(device)

    def _find_prompt(self, language: str) -> list[int]:
        """The tokens before a text: its start, in a multilingual model language and task, and no times."""
        many = self._model.config.vocab_size > ENGLISH
        names = ["<|startoftranscript|>", *([f"<|{language}|>", "<|transcribe|>"] if many else []), "<|notimestamps|>"]
        found = self._tokenizer.convert_tokens_to_ids(names)
        unknown = self._tokenizer.unk_token_id
        for name, token in zip(names, found, strict=True):
            if token is None or (token == unknown and name != self._tokenizer.unk_token):
                raise InputError(f"language: the tokenizer has no {name}; choose another language or model")
        return [int(token) for token in found]

    def analyse(self, audio: Tensor) -> Tensor:
        """Compute log-mel spectra as WhisperFeatureExtractor does: float32 (batch, bands, 3000).

        Args:
            audio: float32 (batch, samples), full scale 1, at most 30 s; the rest is silence.
        """
        padded = torch.nn.functional.pad(audio, (0, LONGEST - audio.shape[1]))
        half = WINDOW // 2
        # Not by padding's own reflection: its gradient is not deterministic on CUDA.
        padded = torch.cat([padded[:, 1 : half + 1].flip(1), padded, padded[:, -half - 1 : -1].flip(1)], dim=1)
        spectra = torch.fft.rfft(padded.unfold(1, WINDOW, HOP)[:, :-1] * self._window)
        mel = (spectra.real.square() + spectra.imag.square()) @ self._filters
        logs = mel.clamp(min=1e-10).log10()
        floor = logs.amax(dim=(1, 2), keepdim=True) - 8
        return ((torch.maximum(logs, floor) + 4) / 4).transpose(1, 2)

    def spell(self, text: str) -> list[int]:
        """Return the tokens of a text as it is spelled, and the end."""
        tokens = self._tokenizer(text, add_special_tokens=False).input_ids
        return [*map(int, tokens), self._end]

    def fits(self, spelled: str) -> bool:
        """Whether the decoder can write a text."""
        return len(self._prompt) + len(self.spell(spelled)) <= self._model.config.max_target_positions

    def aim(self, audio: Tensor, spelled: Sequence[str]) -> Aim:
        """Tell -ln P(spelling | audio) of each row; audio float32 (batch, samples), full scale 1."""
        targets = [self.spell(text) for text in spelled]
        longest = max(map(len, targets))
        written = [self._prompt + one[:-1] + [self._end] * (longest - len(one)) for one in targets]
        logits = self._model(
            input_features=self.analyse(audio), decoder_input_ids=torch.tensor(written, device=self._device)
        ).logits
        told = logits[:, len(self._prompt) - 1 :].float().log_softmax(dim=2)
        wanted = torch.tensor([one + [self._end] * (longest - len(one)) for one in targets], device=self._device)
        counted = torch.tensor([[place < len(one) for place in range(longest)] for one in targets], device=self._device)
        each = told.gather(2, wanted[:, :, None])[:, :, 0]
        likely = told.detach().argmax(dim=2)
        return Aim(-(each * counted).sum(dim=1), lambda: ((likely == wanted) | ~counted).all(dim=1).tolist())

    @torch.no_grad()
    def hear(self, utterance: NDArray[np.int16], beam: int) -> Heard:
        """Hear one utterance by a beam search; equal texts in several spellings are one."""
        audio = torch.from_numpy(utterance[:LONGEST].astype(np.float32))[None].to(self._device) / 32768
        found = self._generate(
            self._model,
            inputs=self.analyse(audio),
            decoder_input_ids=torch.tensor([self._prompt], device=self._device),
            num_beams=beam,
            num_return_sequences=beam,
            length_penalty=0.0,
            do_sample=False,
            return_dict_in_generate=True,
            output_scores=True,
            eos_token_id=self._end,
            pad_token_id=self._end,
            max_length=self._model.config.max_target_positions,
        )
        raw = self._tokenizer.batch_decode(found.sequences, skip_special_tokens=True)
        scores = [0.0] * len(raw) if beam == 1 else found.sequences_scores.double().tolist()
        best = merge(raw, scores, MOST_TEXTS)
        return Heard(list(best), None if beam == 1 else list(best.values()), raw=raw[0])

    def bytes_of_one(self, *, gradient: bool) -> float:
        """Memory that an utterance takes: activations of the encoder's 1500 frames, and the audio of 30 s."""
        config = self._model.config
        width, heads, layers = config.d_model, config.encoder_attention_heads, config.encoder_layers
        kept = layers * (20 * 1500 * width + 2 * heads * 1500**2) if gradient else 6 * 1500 * width + heads * 1500**2
        return 4.0 * (kept + 8 * LONGEST)
