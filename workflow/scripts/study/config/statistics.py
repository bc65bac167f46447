"""The section ``statistics``: how the results are counted."""

from __future__ import annotations

from asrtransfer.section import Field, Float, Int, Section, Seed


class Statistics(Section):
    """How the results are counted."""

    confidence_level: Float = Field(default=0.95, gt=0.5, lt=1, description="of every bound and interval")
    margin: Float = Field(
        default=0.05,
        gt=0,
        lt=0.5,
        description=(
            "share of utterances below which transfer is called absent, and difference of two shares of hearings below "
            "which they are called equal"
        ),
    )
    resamples: Int = Field(default=2000, ge=100, le=1000000, description="of the cluster bootstrap")
    seed: Seed = Field(default=0, description="draws the resamples")
