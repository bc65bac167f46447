"""Who attacks whom, for what, and who hears: the jobs of a study."""

from __future__ import annotations

from dataclasses import dataclass

from asrtransfer.attacks.section import AttackSection
from study import names
from study.config import ConfigError, Study


@dataclass(frozen=True, order=True)
class Job:
    """One attack job: all selected utterances as one batch."""

    attack: str
    surrogate: str
    target: str
    confidence: str


def list_targets(attack: AttackSection) -> list[str]:
    """Names of an attack's targets: slugs of its phrases, then near targets."""
    return [names.slug(phrase) for phrase in attack.phrases] + [names.name_rank(rank) for rank in attack.ranks]


def list_jobs(study: Study) -> list[Job]:
    """Every attack job, in the configuration's order."""
    return [
        Job(name, surrogate, target, confidence)
        for name, attack in study.attacks.items()
        for surrogate in study.attacked
        for target in list_targets(attack)
        for confidence in attack.confidences
    ]


def jobs_of(study: Study, surrogate: str) -> list[Job]:
    """The attack jobs of a surrogate."""
    return [job for job in list_jobs(study) if job.surrogate == surrogate]


def list_hearings(study: Study) -> list[tuple[str, str]]:
    """Every (surrogate, remote); a surrogate's own models come first, as the positive control."""
    found = []
    for surrogate in study.attacked:
        members = names.split_surrogate(surrogate)
        remotes = [name for name in study.listening if name not in members]
        found += [(surrogate, remote) for remote in (*members, *remotes)]
    return found


def relate(study: Study, surrogate: str, remote: str) -> str:
    """What a remote differs in from a surrogate: the arm of their hearing."""
    return names.relate([study.parsed(name) for name in names.split_surrogate(surrogate)], study.parsed(remote))


def find_stranger(study: Study, surrogate: str) -> str:
    """The model at the far end of a surrogate's transfer curve: the next one of another seed, in a circle.

    Raises:
        ConfigError: if every model of its family has the surrogate's seed.
    """
    own = study.parsed(names.split_surrogate(surrogate)[0])
    place = study.models.index(own.name)
    for name in study.models[place:] + study.models[:place]:
        other = study.parsed(name)
        if other.family == own.family and other.base != own.base:
            return name
    raise ConfigError("models: a transfer curve needs two seeds; add one")


def list_curves(study: Study) -> list[str]:
    """Surrogates with a transfer curve: single models that are trained."""
    return [name for name in study.attacked if name in study.trained]
