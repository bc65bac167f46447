"""The tables of a study, and what they need to know of its configuration."""

from __future__ import annotations

from typing import Any

from study import designs, names
from study.config import Study
from study.config.extensions import find
from study.params import OF_ARMS, name_use

COMMON = (
    "checks",
    "near-targets",
    "arms",
    "transfers",
    "controls",
    "doses",
    "ladder",
    "families",
    "attack-success",
    "failures",
    "confidence-definitions",
    "models",
    "paired",
    "claims",
    "columns",
)

_OF_NO_RESULT = {"results", "compare", "neighbours", "time_limit"}


def list_tables(study: Study) -> list[str]:
    """Every table: one an attack, and those that every study has."""
    return [*(f"phrases-{attack}" for attack in study.attacks), *COMMON]


def describe_design(study: Study) -> dict[str, Any]:
    """What ``asrtransfer.tables.Design.from_dict`` takes."""
    jobs = designs.list_jobs(study)
    return {
        "kind": study.design,
        "jobs": [[job.attack, job.surrogate, job.target, job.confidence] for job in jobs],
        "hearings": [[*pair, designs.relate(study, *pair)] for pair in designs.list_hearings(study)],
        "attacks": {name: _describe_attack(study, name) for name in study.attacks},
        "targets": {target: _describe_target(target) for target in dict.fromkeys(job.target for job in jobs)},
        "models": {name: _describe_model(study, name) for name in study.models},
        "surrogates": {name: names.split_surrogate(name) for name in study.attacked},
        "settings": study.statistics.model_dump(),
    }


def describe_configuration(study: Study) -> dict[str, Any]:
    """Every key that decides the results of the study, as plain values: what a comparison of studies reads.

    Sections that the study does not use, and keys that change no table, are left out: they shall rerun none.
    """
    used = study.model_dump(mode="json", exclude=_OF_NO_RESULT)
    used |= {"surrogates": study.attacked, "remotes": study.listening}
    corpus = study.corpus.kind
    used["corpus"] = {"kind": corpus, corpus: used["corpus"][corpus]}
    families = {study.parsed(name).family for name in study.models}
    # A section is dumped as the class that the field names, which lacks the keys of its own.
    used["families"] = {name: study.families[name].model_dump(mode="json") for name in sorted(families)}
    models = [study.parsed(name) for name in study.models]
    arms = {family: {model.arm for model in models if model.family == family} for family in families}
    for family, section in used["families"].items():
        for key, arm in OF_ARMS.items():
            if arm not in arms[family]:
                section.pop(key, None)
        section.get("training", {}).pop("gpus", None)
        for key in ("speed", "memory"):
            section.pop(key, None)
    heard_through = {study.parsed(name).channel for name in study.models}
    used["channels"] = {name: keys for name, keys in used["channels"].items() if name in heard_through}
    used["attacks"] = {name: section.model_dump(mode="json") for name, section in study.attacks.items()}
    if study.decoder.language_model is None:
        used["decoder"] = {key: value for key, value in used["decoder"].items() if key not in ("alpha", "beta")}
    return used


def _describe_attack(study: Study, name: str) -> dict[str, Any]:
    section = study.attacks[name]
    found = find("attack", name, section.use)
    at = {confidence: section.at(confidence).model_dump(mode="json") for confidence in section.confidences}
    overridden = list(dict.fromkeys(key for values in section.confidences.values() for key in values))
    variant = _is_variant(study, name)
    return {
        "label": f"{found.class_.label} ({name})" if variant else found.class_.label,
        "thresholds": {confidence: values["threshold"] for confidence, values in at.items()},
        "settings": {confidence: {key: values[key] for key in overridden} for confidence, values in at.items()},
        "phrases": {names.slug(text): text for text in section.phrases},
        "judges": designs.list_judges(study, name),
        # What was published is about the attack itself.
        "published": None if variant else found.published,
    }


def _is_variant(study: Study, name: str) -> bool:
    """Whether another section is the attack itself, and this one of the same attack with keys of its own."""
    uses = {one: name_use(one, section) for one, section in study.attacks.items()}
    return uses[name] != name and list(uses.values()).count(uses[name]) > 1


def _describe_target(target: str) -> dict[str, Any]:
    return {"kind": names.find_kind(target), "rank": names.find_rank(target)}


def _describe_model(study: Study, name: str) -> dict[str, Any]:
    model = study.parsed(name)
    described = {"family": model.family, "base": model.base, "seed": model.seed, "arm": model.arm}
    if not model.channel and model.arm not in names.RUNGS:
        return described
    described |= {"rung": model.rung, "common": model.common, "place": model.place}
    if model.channel:
        place = list(study.channels).index(model.channel)
        described |= {"place": place, "channel": model.channel, "source": model.source}
    return described
