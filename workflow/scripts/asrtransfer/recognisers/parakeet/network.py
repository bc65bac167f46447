"""Parakeet's network with its tokenizer: losses and texts in word pieces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asrtransfer.ctc.label_search import LabelSearch
from asrtransfer.ctc.labels import ctc_loss
from asrtransfer.files.errors import InputError
from asrtransfer.recognisers import pretrained
from asrtransfer.recognisers.base import MOST_TEXTS, Aim, Heard
from asrtransfer.recognisers.parakeet.spectra import Spectra
from asrtransfer.text.alphabet import collapse, frames_needed
from asrtransfer.text.normalisation import merge, normalise

KIND = "parakeet_ctc"


class ParakeetNetwork:
    """A model of a folder, with its tokenizer.

    Args:
        folder: of the model.
        device: ``cpu`` or ``cuda``.

    Raises:
        InputError: if it is no Parakeet CTC model, lacks a file, or is damaged.
    """

    def __init__(self, folder: Path, device: str) -> None:
        library = pretrained.import_extra("transformers", "transformers")
        about = pretrained.check_sample_rate(folder)
        kind = pretrained.read_json(folder, "config.json").get("model_type")
        if kind != KIND:
            raise InputError(f"{folder}: is of the kind {kind}, not {KIND}; choose a Parakeet CTC model")
        # Attention by plain products: its gradient is deterministic.
        settings = {"attn_implementation": "eager"}
        self._model = pretrained.load_network(library.ParakeetForCTC, folder, "Parakeet CTC model", **settings)
        self._model.to(device)
        self._tokenizer = pretrained.load_tokenizer(library.ParakeetTokenizer, folder)
        self._spectra = Spectra(about, library.audio_utils.mel_filter_bank, device)
        bands = self._model.config.encoder_config.num_mel_bins
        if self._spectra.bands != bands:
            raise InputError(f"{folder}: hears {bands} bands, and preprocessor_config.json says {self._spectra.bands}")
        self._blank = int(self._model.config.pad_token_id)
        self._search = LabelSearch(int(self._model.config.vocab_size), self._blank)
        self._device = device

    def frames(self, samples: int) -> int:
        """Count the frames of the network's output for an utterance of this many samples."""
        count = torch.tensor([self._spectra.frames(samples)])
        return int(self._model._get_subsampling_output_length(count)[0])

    def log_probs(self, audio: Tensor) -> Tensor:
        """Compute log-probabilities of word pieces: float32 (batch, frames, pieces).

        Args:
            audio: float32 (batch, samples), full scale 1, all rows of this length.
        """
        logits: Tensor = self._model(input_features=self._spectra.analyse(audio)).logits
        return logits.float().log_softmax(dim=2)

    def spell(self, spelled: str) -> list[int]:
        """Return the word pieces that the tokenizer makes of a text.

        Raises:
            InputError: if it knows none for a character.
        """
        found = [int(token) for token in self._tokenizer(spelled, add_special_tokens=False).input_ids]
        if self._tokenizer.unk_token_id in found:
            raise InputError(f"{spelled!r}: the tokenizer has no pieces for it; choose another spelling or phrase")
        return found

    def fits(self, samples: int, spelled: str) -> bool:
        """Whether CTC can emit a text: a frame for each piece, and a blank between equal neighbours."""
        return frames_needed(self.spell(spelled)) <= self.frames(samples)

    def aim(self, audio: Tensor, spelled: Sequence[str], texts: Sequence[str]) -> Aim:
        """Tell -ln P(spelling | audio) of each row.

        Args:
            audio: float32 (batch, samples), full scale 1.
            spelled: the spelling that is aimed at, one a row.
            texts: the same in this project's alphabet.
        """
        log_probs = self.log_probs(audio)
        found = log_probs.detach()
        counts = torch.full((len(found),), found.shape[1])
        loss = ctc_loss(log_probs, counts, [tuple(self.spell(text)) for text in spelled], self._blank)
        return Aim(loss, lambda: [normalise(said) == text for said, text in zip(self.read(found), texts, strict=True)])

    def read(self, log_probs: Tensor) -> list[str]:
        """Write the text of each row's most probable path, as the model spells it."""
        return [self._write(collapse(path, self._blank)) for path in log_probs.argmax(dim=2).tolist()]

    def _write(self, tokens: Sequence[int]) -> str:
        # The tokens are collapsed already: equal neighbours are two.
        found: str = self._tokenizer.decode(list(tokens), skip_special_tokens=True, group_tokens=False)
        return found

    @torch.no_grad()
    def hear(self, utterance: NDArray[np.int16]) -> Heard:
        """Hear one utterance by a beam search over word pieces; equal texts in several spellings are one."""
        audio = torch.from_numpy(utterance.astype(np.float32))[None].to(self._device) / 32768
        found = self._search.find(self.log_probs(audio)[0].cpu())
        raw = [self._write(tokens) for tokens in found]
        best = merge(raw, list(found.values()), MOST_TEXTS)
        return Heard(list(best), list(best.values()), raw=raw[0])

    def bytes_of_one(self, samples: int, *, gradient: bool) -> float:
        """Memory that an utterance takes: activations of the first convolution, the largest, and of the layers.

        For a gradient a layer keeps 25 numbers a frame and unit of its width, and one a pair of frames and head.
        """
        config = self._model.config.encoder_config
        frames, spectra = self.frames(samples), self._spectra.frames(samples)
        width, pairs = frames * config.hidden_size, config.num_attention_heads * frames**2
        first = spectra * self._spectra.bands * config.subsampling_conv_channels
        kept = config.num_hidden_layers * (25 * width + pairs) if gradient else 0
        return 4.0 * (first + kept + 12 * width + 6 * pairs + 20 * samples)
