"""The keys that every attack has."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator

from asrtransfer.section import Field, FilePathOrNull, Int, Section, Seed, read_plain

CONFIDENCE = r"^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$"
"""What the name of a confidence looks like."""
OF_THE_JOBS = {"use", "phrases", "ranks", "confidences", "cap", "seed"}
"""Keys that say which jobs an attack has; no confidence overrides them."""
Overrides = Annotated[dict[str, Any], BeforeValidator(lambda value: {} if value in (None, "null") else value)]
Confidences = Annotated[
    dict[Annotated[str, Field(pattern=CONFIDENCE, max_length=40)], Overrides], Field(min_length=1, max_length=100)
]
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
    confidences: Confidences = Field(
        default={"high": {}},
        description="what samples must reach, from the lowest to the highest: by name, keys of this attack with other "
        "values",
    )
    iterations: Int = Field(default=1000, ge=1, le=1000000, description="steps of the attack")
    threshold: Annotated[Annotated[float, Field(gt=0, lt=1)] | None, BeforeValidator(read_plain)] = Field(
        default=0.9,
        description="K1, a probability, that a sample exceeds; null: the target need only be the top transcription",
    )
    test_every: Int = Field(default=1, ge=1, le=10000, description="iterations between tests for success")
    keep: Int = Field(default=3, ge=1, le=100000, description="samples kept of an utterance, the last that qualify")
    cap: Annotated[Annotated[int, Field(ge=1, le=10**9)] | None, BeforeValidator(read_plain)] = Field(
        default=None,
        description="samples kept of a job (surrogate, target, confidence), filled round-robin; null: all",
    )
    combine: Literal["mean", "worst", "drawn", "dynamic"] = Field(
        default="mean",
        description="what an attack step by step lowers of an ensemble: the mean of the members' losses, the worst of "
        "them, that of one drawn for each iteration, or a mean whose weights follow their gradients",
    )
    seed: Seed = Field(default=0, description="draws noise, random starts and the order in which the cap is filled")

    def at(self, confidence: str) -> Self:
        """Return the section with the keys that a confidence overrides.

        Args:
            confidence: the name of one of the section's.

        Raises:
            pydantic.ValidationError: if a value that overrides a key is not allowed.
        """
        return type(self).model_validate(self.model_dump() | self.confidences[confidence])
