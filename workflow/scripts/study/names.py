"""The grammar of names: models, surrogates and targets. Nothing else takes a name apart.

A model is ``seed-3``, an arm of it (``seed-3.twin``, ``seed-3.ulp-1``, ``seed-3.native-2``, ``seed-3.data-1``, and the
rungs ``seed-3.tuned-2`` and ``seed-3.shares-2-of-1``), one of these of another family (``log-mel.seed-3.twin``), a
recogniser that is loaded, by the name that the configuration gives it, or any of these heard through a channel
(``seed-3@telephone``). A surrogate is a set of models, joined by ``+``. A target is the slug of a phrase; ``rank-2``, a
near target; or ``words-1``, the truth with some words changed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal, get_args

Arm = Literal["none", "twin", "ulp", "native", "data", "tuned", "shares"]
Relation = Literal["self", "twin", "ulp", "native", "tuned", "shares", "data", "channel", "seed", "family"]
RELATIONS: tuple[Relation, ...] = get_args(Relation)
"""From the nearest to the farthest."""
RUNGS = ("tuned", "shares")
"""Arms that are made from the weights of another model, their donor."""

NAME = r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*"
"""Of an attack, a family, a recogniser that is loaded, or a channel."""
LOADED = rf"(?!seed-[0-9]){NAME}"
"""Of a recogniser that is loaded; a pattern for Python, not for pydantic."""
_SEED = r"seed-(?:0|[1-9][0-9]{0,8})"
_NUMBER = "[1-9][0-9]{0,2}"
_SHARED = "(?:[1-9]|last-[1-9]|recurrent)"
_TRAINED = rf"{_SEED}(?:\.(?:twin|(?:ulp|native|data|tuned)-{_NUMBER}|shares-{_SHARED}-of-(?:0|[1-9][0-9]{{0,8}})))?"
TRAINED = rf"(?:{NAME}\.)?{_TRAINED}"
_SOURCE = rf"(?:{TRAINED}|{NAME})"
MODEL = rf"{_SOURCE}(?:@{NAME})?"
SURROGATE = rf"{_SOURCE}(?:\+{_SOURCE})*"
TARGET = r"[a-z-]+[0-9]*"
RANKS = list(range(2, 11))
"""Of the near targets that an attack may ask for: the first ten texts but the first."""
WORDS = list(range(1, 6))
"""Words that a target may change."""
TargetKind = Literal["phrase", "near", "words"]


@dataclass(frozen=True)
class Model:
    """A model's name, taken apart.

    Attributes:
        name: the whole.
        family: of recognisers; of one that is loaded its own name.
        base: the model that it is an arm of; its own name if it is none.
        seed: of its training; None if it is loaded.
        arm: what it differs in from its base.
        which: of the models of this arm, from 1; of ``tuned`` the epochs, of ``data`` the part; 0 where there is only
            one.
        donor: the model whose weights it starts from or shares; empty for an arm without.
        shared: the layers that ``shares`` takes from its donor: ``2`` (the first two), ``last-2`` or ``recurrent``.
        channel: through which it hears; empty if nothing lies between.
    """

    name: str
    family: str
    base: str
    seed: int | None
    arm: Arm
    which: int
    donor: str = ""
    shared: str = ""
    channel: str = ""

    @property
    def source(self) -> str:
        """The model that hears at the end of the channel; its own name without one."""
        return self.name.partition("@")[0]

    @property
    def rung(self) -> str:
        """What a model differs in, without seed and donor: ``twin``, ``tuned-2``, ``shares-last-1``, ``twin@phone``."""
        number = self.shared or (str(self.which) if self.which and self.arm == "tuned" else "")
        arm = "self" if self.channel and self.arm == "none" else self.arm
        return (f"{arm}-{number}" if number else arm) + (f"@{self.channel}" if self.channel else "")

    @property
    def common(self) -> str:
        """What a rung has in common with its donor, in words; empty for a model that is none."""
        if self.channel:
            through = f"heard through {self.channel}"
            return f"{self._common}, {through}" if self._common else f"all weights, {through}"
        return self._common

    @property
    def _common(self) -> str:
        if self.arm == "tuned":
            return f"trained on for {self.which} epoch{'' if self.which == 1 else 's'}"
        if self.shared == "recurrent":
            return "recurrent layer"
        count = self.shared.removeprefix("last-")
        side = "first" if count == self.shared else "last"
        return f"{side} {count} layer{'' if count == '1' else 's'}" if count else ""

    @property
    def place(self) -> int:
        """Place among the rungs of an arm: of more layers later, of first ones last; of more epochs earlier."""
        if self.arm == "tuned":
            return -self.which
        if not self.shared.isdecimal():
            return int(self.shared.removeprefix("last-") or 0) if self.shared != "recurrent" else 10
        return 10 + int(self.shared)


@cache
def parse_model(name: str, default: str) -> Model:
    """Take a model's name apart.

    Args:
        name: matches :data:`MODEL`.
        default: the family of models whose names give none.
    """
    source, _, channel = name.partition("@")
    if channel:
        return replace(parse_model(source, default), name=name, channel=channel)
    found = re.fullmatch(
        rf"(?:(?P<family>{NAME})\.)?(?P<seed>{_SEED})"
        rf"(?:\.(?P<arm>[a-z]+)(?:-(?P<shared>{_SHARED})-of-(?P<donor>[0-9]+)|-(?P<which>[0-9]+))?)?",
        name,
    )
    if found is None:
        return Model(name, name, name, None, "none", 0)
    before = f"{found['family']}." if found["family"] else ""
    base = f"{before}{found['seed']}"
    arm: Arm = found["arm"] or "none"  # type: ignore[assignment]
    donor = base if arm == "tuned" else f"{before}seed-{found['donor']}" if found["donor"] else ""
    seed, which = int(found["seed"].removeprefix("seed-")), int(found["which"] or 0)
    return Model(name, found["family"] or default, base, seed, arm, which, donor, found["shared"] or "")


def split_surrogate(surrogate: str) -> list[str]:
    """List the models of a surrogate."""
    return surrogate.split("+")


def join_surrogate(models: list[str]) -> str:
    """Name the surrogate of some models."""
    return "+".join(models)


def relate(members: list[Model], remote: Model) -> Relation:
    """Say what a remote differs in from a surrogate: of several models, from the nearest."""
    return min((_relate(member, remote) for member in members), key=RELATIONS.index)


def listens(members: list[Model], remote: Model) -> bool:
    """Whether a remote hears the samples of a surrogate.

    A rung and its donor hear each other. To its base, which has its seed and other weights from the start, a rung is
    neither an arm nor a stranger; and of strangers there are enough without it. Through a channel a model hears what
    it also hears without, but not strangers.
    """
    if remote.channel:
        source = replace(remote, name=remote.source, channel="")
        return relate(members, source) not in ("seed", "family") and listens(members, source)
    rungs = {model.arm for model in (*members, remote)} & set(RUNGS)
    if not rungs or remote.name in {member.name for member in members}:
        return True
    return any(_shares(member, remote) or _shares(remote, member) for member in members)


def _shares(rung: Model, other: Model) -> bool:
    """Whether a model is the donor of a rung, or has the donor's weights."""
    return rung.arm in RUNGS and rung.donor == other.base and other.arm in ("none", "twin")


def _relate(model: Model, remote: Model) -> Relation:
    if remote.channel:
        return "channel"
    if model.name == remote.name:
        return "self"
    if model.family != remote.family:
        return "family"
    for rung, other in ((remote, model), (model, remote)):
        if _shares(rung, other):
            return rung.arm  # type: ignore[return-value]
    if model.base != remote.base:
        return "seed"
    # A twin has its base's weights, so what tells the two apart is the arm that is no twin.
    arms = [one.arm for one in (remote, model) if one.arm not in ("none", "twin")]
    return arms[0] if arms else "twin"  # type: ignore[return-value]


@cache
def slug(phrase: str) -> str:
    """The name of a phrase in paths and tables: words joined by hyphens, apostrophes left out."""
    return re.sub(r" +", "-", phrase.replace("'", "").strip())


def name_rank(rank: int) -> str:
    """The name of a near target: the surrogate's own text of this rank."""
    return f"rank-{rank}"


def name_words(count: int) -> str:
    """The name of the target that is the truth with some words changed."""
    return f"words-{count}"


def find_kind(target: str) -> TargetKind:
    """Say whether a target is one phrase for all utterances, or what is each one's own."""
    found = re.fullmatch(r"(rank|words)-[0-9]+", target)
    if found is None:
        return "phrase"
    return "near" if found[1] == "rank" else "words"


def find_rank(target: str) -> int | None:
    """The rank of a near target; None for another target."""
    found = re.fullmatch(r"rank-([0-9]+)", target)
    return int(found[1]) if found else None
