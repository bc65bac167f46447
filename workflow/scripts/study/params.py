"""What each rule's jobs are told: all that decides their results, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from asrtransfer.attacks.section import OF_THE_JOBS
from asrtransfer.extension import is_file, module_name
from asrtransfer.recognisers import trained
from asrtransfer.recognisers.section import FamilySection, LoadedSection
from study import designs, names
from study.config import Study
from study.config.scoring import LANGUAGE_MODELS, Scoring

CHANNELS = "asrtransfer.channels.carry"
"""The module that a model has which hears through a channel."""
OF_ARMS = {"tuning": "tuned", "parts": "data"}
"""Keys of a family that concern the trainings of one arm alone."""
# Keys that say how long a job may take, not what comes of it.
_OF_THE_JOB = set(LoadedSection.model_fields)


def name_use(name: str, section: Any) -> str:
    """What a section is of: the name of an attack or a family, or a file."""
    return str(section.use or name)


def describe_attack(study: Study, job: designs.Job) -> dict[str, Any]:
    """What one attack job needs to know, and nothing that concerns another.

    Returns:
        ``use`` of the attack, its ``keys`` at the job's confidence, ``target_kind``, ``phrase`` (None where
        each utterance has its own), ``cap`` and ``seed``.
    """
    attack = study.attacks[job.attack]
    keys = attack.at(job.confidence).model_dump(exclude=OF_THE_JOBS)
    phrases = {names.slug(text): text for text in attack.phrases}
    return {
        "use": name_use(job.attack, attack),
        "keys": keys,
        "target_kind": names.find_kind(job.target),
        "phrase": phrases.get(job.target),
        "cap": attack.cap,
        "seed": attack.seed,
    }


Row = tuple[str, str | None]
"""A selected utterance, and the checksum of its audio, if it has one."""


def describe_tasks(
    study: Study, job: designs.Job, selected: Sequence[Row], own: Mapping[str, str | None]
) -> list[list[str | None]]:
    """The utterances of an attack job.

    Args:
        selected: every selected utterance.
        own: by utterance, its own phrase, of a near target or with words changed; empty for one phrase for all.

    Returns:
        A list an utterance: its name, its checksum, and its own phrase.
    """
    checksums = dict(selected)
    return [[name, checksums[name], own.get(name)] for name in designs.list_utterances(study, job, list(checksums))]


def describe_heard(study: Study, surrogate: str, selected: Sequence[Row]) -> list[list[str | None]]:
    """The utterances of a surrogate.

    Returns:
        A list an utterance: its name and its checksum.
    """
    checksums = dict(selected)
    return [[name, checksums[name]] for name in designs.list_own(study, surrogate, list(checksums))]


def describe_recogniser(study: Study, model: str) -> dict[str, Any]:
    """What loads a model: its family's ``use``, ``keys`` if it is loaded, if it is ``trained``, its ``channel``."""
    parsed = study.parsed(model)
    family, channel, is_trained = parsed.family, parsed.channel, parsed.seed is not None
    section = study.families[family]
    # The file of trained weights tells all that loading them takes.
    keys = {} if is_trained else section.model_dump(exclude=_OF_THE_JOB)
    told = {"use": name_use(family, section), "keys": keys, "trained": is_trained}
    return told | ({"channel": {"module": CHANNELS, "keys": study.channels[channel].model_dump()}} if channel else {})


def describe_training(study: Study, model: str) -> dict[str, Any]:
    """What trains a model: its family and the keys of this, its seed, its arm, and the layers that it shares."""
    parsed = study.parsed(model)
    section = study.families[parsed.family]
    unused = {"use"} | {key for key, arm in OF_ARMS.items() if parsed.arm != arm}
    return {
        "use": name_use(parsed.family, section),
        "family": parsed.family,
        "keys": section.model_dump(exclude=unused),
        "seed": parsed.seed,
        "arm": parsed.arm,
        "which": parsed.which,
        "shared": list_shared_layers(study, model),
    }


def list_donors(study: Study, model: str) -> list[str]:
    """The model whose weights a rung starts from or shares; none for another model."""
    donor = study.parsed(model).donor
    return [donor] if donor else []


def list_shared_layers(study: Study, model: str) -> list[str]:
    """The layers that a rung has of its donor; none for another model."""
    shared, class_ = study.parsed(model).shared, study.class_of(model)
    if not shared:
        return []
    return trained.list_shared(class_.layers, class_.find_recurrent(study.section_of(model)), shared)


def code_of_attack(study: Study, attack: str) -> list[str]:
    """The module or file of an attack, whose digest its jobs have."""
    use = name_use(attack, study.attacks[attack])
    return [use if is_file(use) else module_name("attack", use)]


def code_of_models(study: Study, models: list[str], part: str = "") -> list[str]:
    """The modules or files of the families of some models.

    Args:
        part: of the family's package; empty for the package itself.
    """
    modules = [_code_of_model(study, model, part) for model in models]
    channels = [CHANNELS] if any(study.parsed(model).channel for model in models) else []
    return [*dict.fromkeys(modules), *channels]


def _code_of_model(study: Study, model: str, part: str) -> str:
    use = describe_recogniser(study, model)["use"]
    if is_file(use):
        return str(use)
    return f"{module_name('recogniser', use)}.{part}" if part else study.class_of(model).__module__


def list_files(study: Study, models: list[str]) -> list[str]:
    """The files that the recognisers of some models read, of those that are not trained."""
    sections = [study.section_of(model) for model in models if study.parsed(model).seed is None]
    return [path for section in sections for path in section.files()]


def describe_corpus(study: Study) -> dict[str, Any]:
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


def list_shareable(study: Study) -> list[str]:
    """Rules whose results a cache may give to other checkouts: those that their parameters determine.

    Recordings of one's own may change under the same names; those of LibriSpeech do not, but its corpus is a link.
    """
    return {"synthetic": ["corpus", "train"], "librispeech": ["train"], "manifest": []}[study.corpus.kind]


def list_manifests(study: Study) -> list[str]:
    """The table that lists the corpus, if it has one."""
    corpus = study.corpus
    return [corpus.manifest.path] if corpus.kind == "manifest" and corpus.manifest else []


def list_language_models(study: Study) -> list[str]:
    """The file of the decoder's language model, if it has one."""
    return [study.decoder.language_model] if study.decoder.language_model else []


def is_downloaded(study: Study) -> bool:
    """Whether the language model that models are scored with is LibriSpeech's, which is downloaded."""
    return study.scoring is not None and study.scoring.language_model in LANGUAGE_MODELS


def describe_language_model(study: Study) -> dict[str, Any]:
    """Which of LibriSpeech's language models to download, and from where."""
    scoring = study.scoring or Scoring()
    return {"name": scoring.language_model, "mirror": scoring.mirror}


def describe_scorer(study: Study, language_model: str) -> dict[str, Any]:
    """Keyword arguments of the decoder that models are scored with, without its weights."""
    assert study.scoring is not None
    return {
        "language_model": str(language_model),
        "lexicon": study.scoring.lexicon,
        "beam": study.decoder.beam,
    }


def describe_tuning(study: Study) -> dict[str, Any]:
    """What is tried on dev, and the phrases whose words the language model should know."""
    scoring = study.scoring or Scoring()
    phrases = [text for attack in study.attacks.values() for text in attack.phrases]
    return {
        "alphas": scoring.alphas,
        "betas": scoring.betas,
        "utterances": scoring.utterances,
        "phrases": list(dict.fromkeys(phrases)),
    }


def list_scored(study: Study) -> list[str]:
    """The models that are scored with a language model."""
    heard = [name for name in study.models if study.has_frames(name) and not study.parsed(name).channel]
    return heard if study.scoring else []


def count_gpus(study: Study, section: FamilySection | None = None) -> int:
    """GPUs that a job that runs a model asks for: a training of a family for those of its section."""
    if study.device == "cpu":
        return 0
    return 1 if section is None else section.gpus


def describe_decoder(study: Study) -> dict[str, Any]:
    """Keyword arguments of :func:`asrtransfer.ctc.decoding.build`."""
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
