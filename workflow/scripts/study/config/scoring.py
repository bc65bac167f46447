"""The section ``scoring``: word error rates with a language model."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

from asrtransfer.section import Field, FilePath, FilePathOrNull, Int, Section, read_plain

LANGUAGE_MODELS = ("3-gram.pruned.3e-7", "3-gram.pruned.1e-7", "3-gram", "4-gram")
"""LibriSpeech's own, of openslr.org, resource 11."""


class Scoring(Section):
    """A second word error rate of every model, with a language model, as published ones are. Decides nothing else."""

    language_model: FilePath = Field(
        default="3-gram.pruned.1e-7",
        description=f"LibriSpeech's {', '.join(LANGUAGE_MODELS)}, which is downloaded, or a KenLM file (ARPA or "
        "binary, lower case)",
    )
    lexicon: FilePathOrNull = Field(
        default=None, description="the words of a binary, one a line; null: those that an ARPA file lists"
    )
    mirror: FilePathOrNull = Field(
        default=None, description="http(s) folder to download from; null: the publisher's, or else its mirrors"
    )
    alphas: list[Annotated[float, Field(ge=0, le=100), BeforeValidator(read_plain)]] = Field(
        default=[0.5, 0.75, 1.0, 1.5, 2.0],
        min_length=1,
        max_length=100,
        description="weights of the language model to try on dev with the first of the models",
    )
    betas: list[Annotated[float, Field(ge=-100, le=100), BeforeValidator(read_plain)]] = Field(
        default=[0.0, 1.0, 1.85, 3.0],
        min_length=1,
        max_length=100,
        description="bonuses for each word to try with them",
    )
    utterances: Int = Field(
        default=300, ge=1, le=100000, description="of dev to try them on, at the most; evenly over its lengths"
    )
