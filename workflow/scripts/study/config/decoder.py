"""The section ``decoder``: how log-probabilities become texts."""

from __future__ import annotations

from typing import Literal

from asrtransfer.ctc.backends import BACKEND, BEAM
from asrtransfer.section import Bool, Field, FilePathOrNull, Float, Int, Section


class Decoder(Section):
    """How log-probabilities become the ten most likely transcriptions."""

    backend: Literal["flashlight", "ctcdecode", "greedy"] = Field(default=BACKEND, description="beam search to use")
    beam: Int = Field(default=BEAM, ge=10, le=10000, description="hypotheses kept from frame to frame")
    certify: Bool = Field(
        default=False,
        description="hear samples without a search, and without its ten texts, where the target is proven to be the "
        "best text, or to be none of the ten; without a language model. No table depends on it",
    )
    language_model: FilePathOrNull = Field(
        default=None, description="KenLM file (ARPA or binary); null decodes without"
    )
    alpha: Float = Field(default=0.75, ge=0, le=100, description="weight of the language model")
    beta: Float = Field(default=1.85, ge=-100, le=100, description="bonus for each word, with a language model")
