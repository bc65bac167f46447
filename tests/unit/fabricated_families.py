"""A fabricated study of two families of two seeds each, and a recogniser that only hears."""

from __future__ import annotations

from dataclasses import dataclass, field

from fabricated import DESCRIBED, Heard, Study, deaf
from fabricated_report import AudibleStudy

MODELS = ["seed-1", "seed-2", "log-mel.seed-1", "log-mel.seed-2", "mine"]
ATTACKED = MODELS[:-1]
DESCRIBED.update(
    {
        f"log-mel.seed-{seed}": {"family": "log-mel", "base": f"log-mel.seed-{seed}", "seed": seed, "arm": "none"}
        for seed in (1, 2)
    }
)


def find_family(model: str) -> str:
    return str(DESCRIBED[model]["family"])


def relate(surrogate: str, remote: str) -> str:
    if surrogate == remote:
        return "self"
    return "seed" if find_family(surrogate) == find_family(remote) else "family"


def partly(heard: Heard) -> list[str]:
    """Within log-mel every second utterance transfers, and noise does in one; nowhere else anything."""
    within = heard.arm == "seed" and find_family(heard.remote) == "log-mel"
    if within and heard.kind == "adversarial" and heard.utterance % 2 == 0:
        return [heard.phrase, heard.truth]
    if within and heard.kind == "noise" and heard.utterance == 1:
        return [heard.phrase, heard.truth]
    return deaf(heard)


@dataclass
class Families(Study):
    """Every seed is attacked, and all listen."""

    utterances: int = 10
    jobs: list[tuple[str, str, str]] = field(default_factory=lambda: [("cw", "open-the-door", "low")])
    iterations: tuple[int, ...] = (100,)
    arms: dict[tuple[str, str], str] = field(
        default_factory=lambda: {(one, remote): relate(one, remote) for one in ATTACKED for remote in MODELS}
    )
    models: list[str] = field(default_factory=lambda: list(MODELS))
    surrogates: dict[str, list[str]] = field(default_factory=lambda: {name: [name] for name in ATTACKED})


@dataclass
class AudibleFamilies(Families, AudibleStudy):
    """The same study with sounds, all tables and a report."""
