"""A fabricated study with rungs between a stranger and a twin."""

from __future__ import annotations

from dataclasses import dataclass, field

from fabricated import ARMS, MODELS, Heard, Study, deaf
from fabricated_report import AudibleStudy

RUNGS = {
    "seed-2.shares-1-of-1": "shares",
    "seed-2.shares-4-of-1": "shares",
    "seed-2.shares-last-2-of-1": "shares",
    "seed-1.tuned-9": "tuned",
    "seed-1.tuned-1": "tuned",
    "seed-1@phone": "channel",
    "seed-1@room": "channel",
}


def rise(heard: Heard) -> list[str]:
    """From the first four layers on everything transfers; of what shares less, one utterance."""
    near = heard.remote in ("seed-2.shares-4-of-1", "seed-1@phone") or heard.arm == "tuned"
    lucky = heard.remote == "seed-2.shares-1-of-1" and heard.utterance == 3
    if heard.kind == "adversarial" and (near or lucky):
        return [heard.phrase, heard.truth]
    return deaf(heard)


@dataclass
class Rungs(Study):
    """Seed 1 is attacked, and its rungs listen."""

    utterances: int = 20
    jobs: list[tuple[str, str, str]] = field(
        default_factory=lambda: [("cw", "open-the-door", "low"), ("cw", "rank-2", "low")]
    )
    iterations: tuple[int, ...] = (100,)
    arms: dict[tuple[str, str], str] = field(
        default_factory=lambda: {
            **{pair: arm for pair, arm in ARMS.items() if pair[0] == "seed-1"},
            **{("seed-1", name): arm for name, arm in RUNGS.items()},
        }
    )
    models: list[str] = field(default_factory=lambda: [*MODELS, *RUNGS])
    surrogates: dict[str, list[str]] = field(default_factory=lambda: {"seed-1": ["seed-1"]})


@dataclass
class AudibleRungs(Rungs, AudibleStudy):
    """The same study with sounds, all tables and a report."""
