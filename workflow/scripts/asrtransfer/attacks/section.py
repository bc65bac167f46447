"""The keys that every attack has."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator

from asrtransfer.section import Field, FilePathOrNull, Float, Int, Section, Seed, read_plain

Confidence = Literal["low", "high"]
Phrase = Annotated[str, Field(min_length=1, max_length=200)]
Rank = Annotated[int, Field(ge=2, le=10), BeforeValidator(read_plain)]


class AttackSection(Section):
    """Keys that every attack has."""

    use: FilePathOrNull = Field(
        default=None,
        description="which attack: the name of one of this project's, or the path of a Python file of your own; null: "
        "the one that is called as the section is",
    )
    phrases: list[Phrase] = Field(
        default=[], max_length=1000, description="target phrases: a-z, apostrophe, single spaces"
    )
    ranks: list[Rank] = Field(
        default=[],
        max_length=9,
        description="near targets: the surrogate's own k-th most likely transcription of the clean audio",
    )
    confidences: list[Confidence] = Field(
        default=["high"],
        min_length=1,
        max_length=2,
        description="low: the target is the top transcription; high: also K1 > threshold",
    )
    iterations: Int = Field(default=1000, ge=1, le=1000000, description="steps of the attack")
    threshold: Float = Field(
        default=0.9, gt=0, lt=1, description="K1, a probability, that a high-confidence sample exceeds"
    )
    test_every: Int = Field(default=1, ge=1, le=10000, description="iterations between tests for success")
    keep: Int = Field(default=3, ge=1, le=100000, description="samples kept of an utterance, the last that qualify")
    cap: Annotated[Annotated[int, Field(ge=1, le=10**9)] | None, BeforeValidator(read_plain)] = Field(
        default=None,
        description="samples kept of a job (surrogate, target, confidence), filled round-robin; null: all",
    )
    seed: Seed = Field(default=0, description="draws noise, random starts and the order in which the cap is filled")
