"""Who attacks whom, for what, and who hears: the jobs of a study."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from asrtransfer.attacks.section import AttackSection
from study import dealing, names
from study.config import ConfigError, Study


@dataclass(frozen=True, order=True)
class Job:
    """One attack job: the utterances that a surrogate attacks for a target."""

    attack: str
    surrogate: str
    target: str
    confidence: str


def list_targets(attack: AttackSection) -> list[str]:
    """Names of an attack's targets: slugs of its phrases, near targets, then the truth with words changed."""
    own = [*map(names.name_rank, attack.ranks), *map(names.name_words, attack.words)]
    return [names.slug(phrase) for phrase in attack.phrases] + own


def list_jobs(study: Study) -> list[Job]:
    """Every attack job, in the configuration's order."""
    return _list_jobs(study, study.attacked)


def _list_jobs(study: Study, surrogates: Sequence[str]) -> list[Job]:
    return [
        Job(name, surrogate, target, confidence)
        for name, attack in study.attacks.items()
        for surrogate in surrogates
        for target in list_targets(attack)
        for confidence in attack.confidences
    ]


def list_own(study: Study, surrogate: str, selected: Sequence[str]) -> list[str]:
    """The utterances that a surrogate attacks: all that are selected, or, in the balanced design, those dealt to it.

    Args:
        selected: every selected utterance.
    """
    if study.design == "grid":
        return list(selected)
    dealt = _deal_surrogates(tuple(selected), tuple(study.attacked), study.selection.seed)
    return [name for name in selected if dealt[name] == surrogate]


def list_utterances(study: Study, job: Job, selected: Sequence[str]) -> list[str]:
    """The utterances of an attack job; an utterance's own targets follow its surrogate.

    Args:
        selected: every selected utterance.
    """
    own = list_own(study, job.surrogate, selected)
    if study.design == "grid" or names.find_kind(job.target) != "phrase":
        return own
    slugs = tuple(names.slug(phrase) for phrase in study.attacks[job.attack].phrases)
    phrases = _deal_phrases(tuple(selected), tuple(study.attacked), slugs, study.selection.seed)
    return [name for name in own if phrases[name] == job.target]


@cache
def _deal_surrogates(selected: tuple[str, ...], surrogates: tuple[str, ...], seed: int) -> dict[str, str]:
    return dealing.deal_surrogates(selected, surrogates, seed)


@cache
def _deal_phrases(
    selected: tuple[str, ...], surrogates: tuple[str, ...], phrases: tuple[str, ...], seed: int
) -> dict[str, str]:
    return dealing.deal_phrases(_deal_surrogates(selected, surrogates, seed), phrases, seed)


def count_utterances(study: Study, job: Job) -> int:
    """Utterances that an attack job has at the most."""
    count = study.selection.utterances
    if study.design == "grid":
        return count
    each = math.ceil(count / len(study.attacked))
    if names.find_kind(job.target) != "phrase":
        return each
    return math.ceil(each / len(study.attacks[job.attack].phrases))


def jobs_of(study: Study, surrogate: str) -> list[Job]:
    """The attack jobs of a surrogate."""
    return _list_jobs(study, [surrogate])


def jobs_heard(study: Study, surrogate: str, remote: str) -> list[Job]:
    """The attack jobs of a surrogate whose samples a remote hears: all but those of attacks that it judges."""
    heard = list_heard(study, remote)
    return [job for job in jobs_of(study, surrogate) if job.attack in heard]


def list_heard(study: Study, remote: str) -> list[str]:
    """The attacks whose samples a remote hears: all but those that it judges."""
    return [attack for attack in study.attacks if remote not in list_judges(study, attack)]


def list_judges(study: Study, attack: str) -> list[str]:
    """The models that an attack asks before a sample counts: the judge and its twins; no remotes of its samples."""
    judge = study.attacks[attack].judge
    if judge is None:
        return []
    asked = [study.parsed(judge)]
    return [name for name in study.models if names.relate(asked, study.parsed(name)) in ("self", "twin")]


def list_models(study: Study, attack: str, surrogate: str) -> list[str]:
    """The models that an attack job runs: the surrogate's, then the judge, if there is one."""
    judge = study.attacks[attack].judge
    return [*names.split_surrogate(surrogate), *([] if judge is None else [judge])]


def list_hearings(study: Study) -> list[tuple[str, str]]:
    """Every (surrogate, remote); a surrogate's own models come first, as the positive control."""
    found = []
    # Every surrogate has jobs of the same attacks.
    with_jobs = {job.attack for job in jobs_of(study, study.attacked[0])}
    hear = [name for name in study.listening if with_jobs.intersection(list_heard(study, name))]
    for surrogate in study.attacked:
        members = names.split_surrogate(surrogate)
        parsed = [study.parsed(name) for name in members]
        others = [name for name in hear if name not in members]
        remotes = [name for name in others if names.listens(parsed, study.parsed(name))]
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
        if other.family == own.family and other.base != own.base and other.arm not in names.RUNGS and not other.channel:
            return name
    raise ConfigError("models: a transfer curve needs two seeds; add one")


def list_curves(study: Study) -> list[str]:
    """Surrogates with a transfer curve: single models that are trained."""
    return [name for name in study.attacked if name in study.trained]
