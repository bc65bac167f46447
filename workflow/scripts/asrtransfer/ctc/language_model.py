"""Beam search over the words of a KenLM language model."""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterator
from pathlib import Path

import torch
from flashlight.lib.text.decoder import (
    LM,
    CriterionType,
    DecodeResult,
    LexiconDecoder,
    LexiconDecoderOptions,
    SmearingMode,
    Trie,
)
from flashlight.lib.text.dictionary import Dictionary
from torch import Tensor

from asrtransfer.ctc.base import TOP, Decoder, Hypothesis, frames, log_probabilities
from asrtransfer.ctc.flashlight import FLOOR
from asrtransfer.files.errors import InputError
from asrtransfer.text.alphabet import BLANK, CHARACTERS, SIZE, encode

_SPACE = CHARACTERS.index(" ")
_UNKNOWN = "<unk>"


class LanguageModelDecoder(Decoder):
    """Find the ten best word sequences by ln P(text | audio) + alpha ln P_lm(text) + beta words.

    Score and defaults are those of DeepSpeech 0.4.1 (`DeepSpeech.py`, flags lm_alpha and lm_beta). Texts consist of the
    model's words, separated by single spaces; words with characters outside the alphabet are excluded. Unlike in
    DeepSpeech, the language model also scores the end of the sentence. `Hypothesis.log_probability` remains the
    acoustic score, so it need not decrease along the list.

    Attributes:
        words: the words that texts can contain.

    Args:
        language_model: a KenLM word model, ARPA text (also .gz) or KenLM's binary format.
        lexicon: a file with one word per line; required for a binary model, whose words cannot be listed. An ARPA file
            lists its own words.
        alpha: weight of the language model's natural log-probability.
        beta: bonus per word, in nats.
        beam: see FlashlightDecoder.
        tokens_per_frame: see FlashlightDecoder.

    Raises:
        InputError: for a missing or unreadable file, or a flashlight-text that was built without KenLM.
    """

    by_probability = False

    def __init__(
        self,
        *,
        language_model: str | Path,
        lexicon: str | Path | None = None,
        alpha: float = 0.75,
        beta: float = 1.85,
        beam: int = 100,
        tokens_per_frame: int = 13,
    ) -> None:
        words = _read_words(Path(language_model), None if lexicon is None else Path(lexicon))
        self.words = frozenset(words)
        self._words = Dictionary([*words, _UNKNOWN])
        # flashlight keeps no reference to the model, which must live as long as the decoder.
        self._model = _load_kenlm(Path(language_model), self._words)
        self._trie = self._build_trie(words)
        self._beam = beam
        self._tokens = tokens_per_frame
        self.weigh(alpha, beta)

    def weigh(self, alpha: float, beta: float) -> None:
        """Set new weights without reading the model again; reading takes longer than decoding."""
        self._weight = alpha * math.log(10)  # KenLM scores are base-10 logarithms
        self._bonus = beta
        options = LexiconDecoderOptions(
            beam_size=self._beam,
            beam_size_token=self._tokens,
            beam_threshold=math.inf,
            lm_weight=self._weight,
            word_score=beta,
            unk_score=-math.inf,
            sil_score=0.0,
            log_add=True,
            criterion_type=CriterionType.CTC,
        )
        unknown = self._words.get_index(_UNKNOWN)
        self._search = LexiconDecoder(options, self._trie, self._model, _SPACE, BLANK, unknown, [], False)

    def _build_trie(self, words: list[str]) -> Trie:
        trie = Trie(SIZE, _SPACE)
        start = self._model.start(False)
        for word in words:
            index = self._words.get_index(word)
            _, score = self._model.score(start, index)
            trie.insert([*encode(word), _SPACE], index, score)
        trie.smear(SmearingMode.MAX)
        return trie

    def top(self, log_probs: Tensor, lengths: Tensor) -> list[list[Hypothesis]]:
        """See `Decoder.top`; the combined score orders the list."""
        return [self._decode_row(row) for row in frames(log_probs, lengths)]

    def _decode_row(self, row: Tensor) -> list[Hypothesis]:
        if len(row) == 0:
            return [Hypothesis("", 0.0)]
        # Words end with a space: append one frame in which space is certain, to end the last word.
        end = torch.full((1, SIZE), FLOOR)
        end[0, _SPACE] = 0.0
        emissions = torch.cat([row.clamp(min=FLOOR), end])
        return self._rank(row, self._search.decode(emissions.data_ptr(), len(emissions), SIZE))

    def _rank(self, row: Tensor, results: list[DecodeResult]) -> list[Hypothesis]:
        found: dict[str, float] = {}
        for result in results:
            words = [self._words.get_entry(index) for index in result.words if index >= 0]
            found.setdefault(" ".join(words), self._weight * result.lmScore + self._bonus * len(words))
        acoustic = log_probabilities(row, list(found))
        order = sorted(zip(acoustic, found.values(), found, strict=True), key=lambda one: (-(one[0] + one[1]), one[2]))
        return [Hypothesis(text, probability) for probability, _, text in order[:TOP]]


def _load_kenlm(path: Path, words: Dictionary) -> LM:
    try:
        from flashlight.lib.text.decoder.kenlm import KenLM
    except ImportError as error:
        raise InputError(
            f"language model {path}: this flashlight-text was built without KenLM ({error}); "
            "install the flashlight-text wheel, or use no language model"
        ) from error
    try:
        model: LM = KenLM(str(path), words)
        return model
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"language model {path}: KenLM cannot read it ({reason}); give an ARPA file or a KenLM binary"
        ) from error


def _read_words(language_model: Path, lexicon: Path | None) -> list[str]:
    """Read the words that texts can contain, sorted: from the lexicon if given, else from the ARPA file."""
    for path in (language_model, lexicon):
        if path is not None and not path.is_file():
            raise InputError(f"language model {path}: no such file; correct the path, or use no language model")
    source = _read_unigrams(language_model) if lexicon is None else iter(lexicon.read_text("utf-8").split())
    letters = set(CHARACTERS) - {" "}
    words = sorted({word for word in source if letters.issuperset(word)})
    if not words:
        raise InputError(
            f"language model {lexicon or language_model}: no word consists of a-z and '; "
            "give a lower-case ARPA file, or with a KenLM binary a lexicon with one word per line"
        )
    return words


def _read_unigrams(path: Path) -> Iterator[str]:
    """Yield the words of an ARPA file, plain or gzipped; nothing for any other file."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", errors="replace") as lines:
        inside = False
        for line in lines:
            if line.startswith("\\"):
                if inside:
                    return
                inside = line.startswith("\\1-grams:")
            elif inside and line.strip():
                yield line.split()[1]


DECODER = LanguageModelDecoder
