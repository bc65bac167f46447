"""The keys that every attack has."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator

from asrtransfer.section import (
    SAMPLES,
    Bool,
    Field,
    FilePathOrNull,
    Float,
    Int,
    Section,
    Seed,
    read_null,
    read_plain,
)

CONFIDENCE = r"^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$"
"""What the name of a confidence looks like."""
OF_THE_JOBS = {"use", "phrases", "ranks", "words", "confidences", "cap", "judge", "seed"}
"""Keys that say which jobs an attack has; no confidence overrides them."""
OF_STEPS = ("margin", "combine", "views", "momentum", "masking", "spoken_start")
"""Keys of attacks that go step by step."""
Overrides = Annotated[dict[str, Any], BeforeValidator(lambda value: {} if value in (None, "null") else value)]
Confidences = Annotated[
    dict[Annotated[str, Field(pattern=CONFIDENCE, max_length=40)], Overrides], Field(min_length=1, max_length=100)
]
Phrase = Annotated[str, Field(min_length=1, max_length=200)]
Rank = Annotated[int, Field(ge=2, le=10), BeforeValidator(read_plain)]
Changed = Annotated[int, Field(ge=1, le=5), BeforeValidator(read_plain)]


class ViewsSection(Section):
    """How the audio is heard in each iteration, beside as it is; each change is drawn anew."""

    count: Int = Field(
        default=4, ge=2, le=1000, description="passes of an iteration; the first hears the audio as it is"
    )
    noise: Float = Field(
        default=0.0, ge=0, le=32767, description="standard deviation of white noise", json_schema_extra=SAMPLES
    )
    shift: Int = Field(default=0, ge=0, le=16000, description="largest shift, either way (samples)")
    gain: Float = Field(default=0.0, ge=0, le=40, description="largest gain, either way (dB)")
    cutoff: Annotated[Annotated[float, Field(ge=500, lt=8000)] | None, BeforeValidator(read_plain)] = Field(
        default=None, description="lowest cut-off of a low-pass (Hz); null: none"
    )
    room: Annotated[Annotated[float, Field(gt=0.05, le=5)] | None, BeforeValidator(read_plain)] = Field(
        default=None, description="longest time in which a room's sound falls by 60 dB (seconds); null: no room"
    )


class MomentumSection(Section):
    """How the gradients of several iterations and places make one step."""

    decay: Float = Field(
        default=1.0, ge=0, le=1, description="factor on the sum of the earlier gradients, each over its mean magnitude"
    )
    lookahead: Bool = Field(
        default=False, description="whether the gradient is taken where a step along the sum would lead (NI)"
    )
    neighbours: Int = Field(
        default=0, ge=0, le=1000, description="neighbours whose gradients tune the variance (VMI); 0: none"
    )
    radius: Float = Field(
        default=1.5, gt=0, le=10, description="how far neighbours are at the most, as a share of the bound"
    )


class MaskingSection(Section):
    """A penalty, from an utterance's first success on, on what of its perturbation the audio does not mask."""

    weight: Float = Field(
        default=0.05,
        gt=0,
        le=1000,
        description="of the penalty's gradient against that of the loss, each over its mean magnitude, at the start; "
        "it grows after each hit and falls after each miss",
    )


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
    words: list[Changed] = Field(
        default=[],
        max_length=5,
        description="targets that change this number of words of what the utterance says, each to another word of the "
        "test split; places and words are drawn",
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
    margin: Annotated[Annotated[float, Field(ge=0, le=100)] | None, BeforeValidator(read_plain)] = Field(
        default=None,
        description="what an attack step by step lowers: by how much the target's most probable path misses this "
        "margin over every other character, frame by frame (nats); null: the loss of the target, CTC's of a CTC model",
    )
    combine: Literal["mean", "worst", "drawn", "dynamic"] = Field(
        default="mean",
        description="what an attack step by step lowers of an ensemble: the mean of the members' losses, the worst of "
        "them, that of one drawn for each iteration, or a mean whose weights follow their gradients",
    )
    views: Annotated[ViewsSection | None, BeforeValidator(read_null)] = Field(
        default=None,
        description="the mean loss over several views of the audio is lowered, of an attack step by step; null: the "
        "audio as it is",
    )
    momentum: Annotated[MomentumSection | None, BeforeValidator(read_null)] = Field(
        default=None,
        description="an attack step by step goes against a sum of gradients; null: against the gradient",
    )
    masking: Annotated[MaskingSection | None, BeforeValidator(read_null)] = Field(
        default=None,
        description="an attack step by step goes on after an utterance's first success, also against what can be heard "
        "beside the audio, and keeps the least audible samples; null: it does not",
    )
    spoken_start: Annotated[Annotated[float, Field(ge=-40, le=60)] | None, BeforeValidator(read_plain)] = Field(
        default=None,
        description="an attack step by step starts with the phrase, spoken by a voice, at this SNR (dB); null: where "
        "the attack itself starts",
    )
    judge: str | None = Field(
        default=None,
        max_length=100,
        description="a model that must hear the target, too, before a sample counts; it gives no gradient, and is no "
        "remote of the attack's samples; null: none",
    )
    seed: Seed = Field(
        default=0, description="draws noise, views, random starts and the order in which the cap is filled"
    )

    @property
    def passes(self) -> int:
        """Passes of an iteration over a surrogate."""
        views = 1 if self.views is None else self.views.count
        return views * (1 if self.momentum is None else 1 + self.momentum.neighbours)

    def at(self, confidence: str) -> Self:
        """Return the section with the keys that a confidence overrides.

        Args:
            confidence: the name of one of the section's.

        Raises:
            pydantic.ValidationError: if a value that overrides a key is not allowed.
        """
        if confidence not in self._made:
            self._made[confidence] = type(self).model_validate(self.model_dump() | self.confidences[confidence])
        return self._made[confidence]

    @cached_property
    def _made(self) -> dict[str, Self]:
        """What :meth:`at` has returned: a plan asks many thousand times, and sections do not change."""
        return {}
