"""The section ``selection``: which utterances are attacked."""

from __future__ import annotations

from asrtransfer.section import Field, Int, Section, Seed


class Selection(Section):
    """Which test utterances are attacked: those that every model transcribes exactly right."""

    utterances: Int = Field(
        default=98, ge=1, le=100000, description="how many to attack; fewer right ones are an error"
    )
    seed: Seed = Field(
        default=0, description="draws which, when more are right; in the balanced design also who attacks them"
    )
