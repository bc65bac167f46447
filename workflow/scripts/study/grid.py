"""The jobs of a study: which attack, on which surrogate, for which target, heard by whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from study.config import LANGUAGE_MODELS, Attack, ConfigError, Scoring, Study, slug

RANKS = list(range(2, 11))
"""Of the near targets that an attack may ask for: the first ten texts but the first."""
MODEL = r"seed-\d+(?:\.(?:twin|ulp-\d+|native-\d+))?"


@dataclass(frozen=True, order=True)
class Job:
    """One attack job: all selected utterances as one batch."""

    attack: str
    surrogate: str
    target: str
    confidence: str


def targets(attack: Attack) -> list[str]:
    """Names of an attack's targets: slugs of its phrases, then ``rank-k``."""
    return [slug(phrase) for phrase in attack.phrases] + [f"rank-{rank}" for rank in attack.ranks]


def phrase(attack: Attack, target: str) -> str | None:
    """The phrase behind a target; None for a near target, whose phrase differs by utterance."""
    return {slug(text): text for text in attack.phrases}.get(target)


def jobs(study: Study) -> list[Job]:
    """Every attack job, in the configuration's order."""
    return [
        Job(name, surrogate, target, confidence)
        for name, attack in study.configured.items()
        for surrogate in study.attacked
        for target in targets(attack)
        for confidence in attack.confidences
    ]


def hearings(study: Study) -> list[tuple[str, str]]:
    """Every (surrogate, remote); the surrogate itself comes first, as the positive control."""
    return [
        (surrogate, remote)
        for surrogate in study.attacked
        for remote in [surrogate, *(name for name in study.listening if name != surrogate)]
    ]


def base(model: str) -> str:
    """The model that an arm is an arm of; a model that is none is its own."""
    return model.split(".")[0]


def arm(surrogate: str, remote: str) -> str:
    """What a remote differs from the surrogate in: self, seed, twin, ulp or native."""
    if surrogate == remote:
        return "self"
    if base(surrogate) != base(remote):
        return "seed"
    # A twin has its base's weights, so what tells the two apart is the arm that is no twin.
    kinds = [name.split(".")[1].split("-")[0] for name in (remote, surrogate) if "." in name]
    return next((kind for kind in kinds if kind != "twin"), "twin")


def initial(model: str) -> dict[str, Any]:
    """How a model starts: ``seed``, ``arm`` (none, twin, ulp or native) and ``which`` of the arm's."""
    seed, _, suffix = model.removeprefix("seed-").partition(".")
    kind, _, which = suffix.partition("-")
    return {"seed": int(seed), "arm": kind or "none", "which": int(which or 0)}


def corpus(study: Study) -> dict[str, Any]:
    """What makes the corpus: its ``kind``, and ``settings``: keyword arguments of its ``prepare``."""
    settings = study.corpus
    match settings.kind:
        case "synthetic":
            arguments = settings.synthetic.model_dump()
        case "manifest":
            assert settings.manifest is not None
            arguments = settings.manifest.model_dump(exclude={"path"}) | {"manifest": settings.manifest.path}
        case "librispeech":
            folder = settings.librispeech.folder
            arguments = settings.librispeech.model_dump(exclude={"folder"})
            arguments |= {"source": folder, "download": folder is None}
    return {"kind": settings.kind, "settings": arguments}


def shareable(study: Study) -> list[str]:
    """Rules whose results a cache may give to other checkouts: those that their parameters determine.

    Recordings of one's own may change under the same names; those of LibriSpeech do not, but its corpus is a link.
    """
    return {"synthetic": ["corpus", "train"], "librispeech": ["train"], "manifest": []}[study.corpus.kind]


def manifest(study: Study) -> list[str]:
    """The table that lists the corpus, if there is one."""
    corpus = study.corpus
    return [corpus.manifest.path] if corpus.kind == "manifest" and corpus.manifest else []


def language_model(study: Study) -> list[str]:
    """The language model's file, if there is one."""
    return [study.decoder.language_model] if study.decoder.language_model else []


def downloaded(study: Study) -> bool:
    """Whether the language model that models are scored with is LibriSpeech's, which is downloaded."""
    return study.scoring is not None and study.scoring.language_model in LANGUAGE_MODELS


def language_model_source(study: Study) -> dict[str, Any]:
    """Which of LibriSpeech's language models to download, and from where."""
    scoring = study.scoring or Scoring()
    return {"name": scoring.language_model, "mirror": scoring.mirror}


def scorer(study: Study, language_model: str) -> dict[str, Any]:
    """Keyword arguments of the decoder that models are scored with, but for the weights."""
    assert study.scoring is not None
    return {
        "language_model": str(language_model),
        "lexicon": study.scoring.lexicon,
        "beam": study.decoder.beam,
    }


def tuning(study: Study) -> dict[str, Any]:
    """What is tried on dev, and the phrases whose words the language model should know."""
    scoring = study.scoring or Scoring()
    phrases = [text for attack in study.configured.values() for text in attack.phrases]
    return {
        "alphas": scoring.alphas,
        "betas": scoring.betas,
        "utterances": scoring.utterances,
        "phrases": list(dict.fromkeys(phrases)),
    }


def gpus(study: Study, rule: str) -> int:
    """GPUs that a job of a rule that runs a model asks for."""
    if study.device == "cpu":
        return 0
    return study.training.gpus if rule == "train" else 1


def decoder(study: Study) -> dict[str, Any]:
    """Keyword arguments of ``asrtransfer.ctc.decoding.build``."""
    settings = study.decoder
    if settings.language_model is not None:
        return {
            "backend": "language-model",
            "language_model": settings.language_model,
            "alpha": settings.alpha,
            "beta": settings.beta,
            "beam": settings.beam,
        }
    return {"backend": settings.backend} | ({} if settings.backend == "greedy" else {"beam": settings.beam})


# Keys that say which jobs there are, not how one works.
_GRID_KEYS = {"phrases", "ranks", "confidences"}
_GOAL_KEYS = {"iterations", "test_every", "keep"}


def attack_params(study: Study, name: str, target: str, confidence: str) -> dict[str, Any]:
    """What one attack job needs to know, and nothing that concerns another.

    Returns:
        ``phrase`` (None for a near target) and ``rank`` (None for a phrase), ``goal`` (keyword arguments of
        ``attacks.loop.Goal``), ``settings`` (those of the attack), ``cap`` and ``seed``.
    """
    attack = study.configured[name]
    keys = attack.model_dump(exclude=_GRID_KEYS)
    goal = {key: keys.pop(key) for key in sorted(_GOAL_KEYS)}
    threshold = keys.pop("threshold")
    text = phrase(attack, target)
    return {
        "phrase": text,
        "rank": int(target.removeprefix("rank-")) if text is None else None,
        "goal": {**goal, "threshold": threshold if confidence == "high" else None},
        "cap": keys.pop("cap"),
        "seed": keys.pop("seed"),
        "settings": keys,
    }


def stranger(study: Study, surrogate: str) -> str:
    """The model at the far end of a surrogate's transfer curve: the next one of another seed, in a circle.

    Raises:
        ConfigError: if every model has the surrogate's seed.
    """
    place = study.models.index(surrogate)
    for model in study.models[place:] + study.models[:place]:
        if base(model) != base(surrogate):
            return model
    raise ConfigError("models: a transfer curve needs two seeds; add one")
