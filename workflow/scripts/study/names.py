"""The grammar of names: models, surrogates and targets. Nothing else takes a name apart.

A model is ``seed-3``, an arm of it (``seed-3.twin``, ``seed-3.ulp-1``, ``seed-3.native-2``), one of these of another
family (``log-mel.seed-3.twin``), or a recogniser that is loaded, by the name that the configuration gives it. A
surrogate is a set of models, joined by ``+``. A target is the slug of a phrase, or ``rank-2``, a near target.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Arm = Literal["none", "twin", "ulp", "native"]
Relation = Literal["self", "twin", "seed", "ulp", "native", "family"]

NAME = r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*"
"""Of an attack, a family, or a recogniser that is loaded."""
LOADED = rf"(?!seed-[0-9]){NAME}"
"""Of a recogniser that is loaded; a pattern for Python, not for pydantic."""
_SEED = r"seed-(?:0|[1-9][0-9]{0,8})"
_TRAINED = rf"{_SEED}(?:\.(?:twin|(?:ulp|native)-[1-9][0-9]{{0,2}}))?"
TRAINED = rf"(?:{NAME}\.)?{_TRAINED}"
MODEL = rf"(?:{TRAINED}|{NAME})"
SURROGATE = rf"{MODEL}(?:\+{MODEL})*"
TARGET = r"[a-z-]+[0-9]*"
RANKS = list(range(2, 11))
"""Of the near targets that an attack may ask for: the first ten texts but the first."""


@dataclass(frozen=True)
class Model:
    """A model's name, taken apart.

    Attributes:
        name: the whole.
        family: of recognisers; of one that is loaded its own name.
        base: the model that it is an arm of; its own name if it is none.
        seed: of its training; None if it is loaded.
        arm: what it differs in from its base.
        which: of the models of this arm, from 1; 0 where there is only one.
    """

    name: str
    family: str
    base: str
    seed: int | None
    arm: Arm
    which: int


def parse_model(name: str, default: str) -> Model:
    """Take a model's name apart.

    Args:
        name: matches :data:`MODEL`.
        default: the family of models whose names give none.
    """
    found = re.fullmatch(
        rf"(?:(?P<family>{NAME})\.)?(?P<seed>{_SEED})(?:\.(?P<arm>[a-z]+)(?:-(?P<which>[0-9]+))?)?", name
    )
    if found is None:
        return Model(name, name, name, None, "none", 0)
    family = found["family"]
    base = f"{family}.{found['seed']}" if family else found["seed"]
    arm: Arm = found["arm"] or "none"  # type: ignore[assignment]
    return Model(name, family or default, base, int(found["seed"].removeprefix("seed-")), arm, int(found["which"] or 0))


def split_surrogate(surrogate: str) -> list[str]:
    """List the models of a surrogate."""
    return surrogate.split("+")


def join_surrogate(models: list[str]) -> str:
    """Name the surrogate of some models."""
    return "+".join(models)


def relate(members: list[Model], remote: Model) -> Relation:
    """Say what a remote differs in from a surrogate: of several models, from the nearest."""
    order: list[Relation] = ["self", "twin", "ulp", "native", "seed", "family"]
    return min((_relate(member, remote) for member in members), key=order.index)


def _relate(model: Model, remote: Model) -> Relation:
    if model.name == remote.name:
        return "self"
    if model.family != remote.family:
        return "family"
    if model.base != remote.base:
        return "seed"
    # A twin has its base's weights, so what tells the two apart is the arm that is no twin.
    arms = [one.arm for one in (remote, model) if one.arm not in ("none", "twin")]
    return arms[0] if arms else "twin"  # type: ignore[return-value]


def slug(phrase: str) -> str:
    """The name of a phrase in paths and tables: words joined by hyphens, apostrophes left out."""
    return re.sub(r" +", "-", phrase.replace("'", "").strip())


def name_rank(rank: int) -> str:
    """The name of a near target: the surrogate's own text of this rank."""
    return f"rank-{rank}"


def find_rank(target: str) -> int | None:
    """The rank of a near target; None for the target of a phrase."""
    found = re.fullmatch(r"rank-([0-9]+)", target)
    return int(found[1]) if found else None
