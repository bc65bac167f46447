"""Names as people read them, and the order in which models are shown."""

from __future__ import annotations

from asrtransfer.report import verdict

ATTACKS = {"cw": "C&W", "pgd": "PGD"}
ARMS = {
    "self": "itself",
    "twin": "twin",
    "seed": "another seed",
    "ulp": "one ulp apart",
    "native": "hardware arithmetic",
}
TARGET_KINDS = {"phrase": "Phrases", "near": "Near targets"}


def model_arm(model: str) -> str:
    """``self`` for a model that is no arm, else twin, ulp or native."""
    return model.partition(".")[2].partition("-")[0] or "self"


def model_order(model: str) -> tuple[int, str]:
    """Sorts models by seed, each before its arms."""
    base, _, suffix = model.partition(".")
    return int(base.removeprefix("seed-")), suffix


def many(count: int, noun: str) -> str:
    """A count with its noun."""
    return f"{grouped(count)} {noun}{'' if count == 1 else 's'}"


def grouped(count: int) -> str:
    """A count with narrow spaces between thousands, at which no line breaks."""
    return f"{count:,}".replace(",", "\u202f")


def percent(share: float) -> str:
    """A share as in the verdict, on one line."""
    return verdict.percent(share).replace(" ", "\u202f")
