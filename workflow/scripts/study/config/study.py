"""A whole study: its sections, and what must fit together."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, model_validator

from asrtransfer.attacks.section import AttackSection
from asrtransfer.channels.section import ChannelSection
from asrtransfer.extension import blamed
from asrtransfer.recognisers.base import Frames, Recogniser, Surrogate
from asrtransfer.recognisers.section import FamilySection, LoadedSection
from asrtransfer.recognisers.trained import list_shared
from asrtransfer.section import Field, FilePath, Int, Section, read_null, read_plain
from asrtransfer.text.alphabet import CHARACTERS
from study import names
from study.config.corpus import Corpus
from study.config.decoder import Decoder
from study.config.errors import FORMS, MODEL, NAME, RESULTS, SURROGATE
from study.config.extensions import class_of, find
from study.config.neighbours import Neighbours
from study.config.scoring import Scoring
from study.config.selection import Selection
from study.config.statistics import Statistics

ModelName = Annotated[str, Field(pattern=MODEL, max_length=100)]
Models = Annotated[list[ModelName], Field(min_length=1, max_length=1000)]
ModelsOrNull = Annotated[Models | None, BeforeValidator(read_null)]


def _join(value: object) -> object:
    """A list of models as the name of the surrogate that they make."""
    return names.join_surrogate(value) if isinstance(value, list) and all(isinstance(n, str) for n in value) else value


JoinedName = Annotated[str, Field(pattern=SURROGATE, max_length=1000)]
SurrogateName = Annotated[JoinedName, BeforeValidator(_join, json_schema_input_type=JoinedName | Models)]
SurrogatesOrNull = Annotated[
    Annotated[list[SurrogateName], Field(min_length=1, max_length=1000)] | None, BeforeValidator(read_null)
]


class Study(Section):
    """A whole study."""

    results: Annotated[str, Field(max_length=200, pattern=RESULTS)] = Field(
        default="results", description="folder of all outputs"
    )
    corpus: Corpus = Corpus()
    family: str = Field(default="deepspeech", description="family of the models whose names give none")
    families: dict[str, FamilySection] = Field(
        default={}, description="families of recognisers, by name: those that are trained, and those that are loaded"
    )
    models: Models = Field(
        description="models: seed-N, one a seed, and its arms (twin: nothing differs; ulp-K: one initial weight, by "
        "one unit in the last place; native-K: nothing but what the hardware does; data-P: trained on the P-th part of "
        "the data alone; tuned-E: trained on for E epochs; shares-K-of-M: its first K layers are seed M's, which do "
        "not train; shares-last-K-of-M and shares-recurrent-of-M: its last K, the recurrent one); FAMILY.seed-N of "
        "another family; the name of a recogniser that is loaded; or any of these as MODEL@CHANNEL, heard through one "
        "of the channels",
    )
    surrogates: SurrogatesOrNull = Field(
        default=None,
        description="models that are attacked, each alone, or several at once as a list; null: every trained model "
        "that is no arm",
    )
    remotes: ModelsOrNull = Field(default=None, description="models that listen; null: all")
    channels: dict[Annotated[str, Field(pattern=NAME, max_length=40)], ChannelSection] = Field(
        default={}, max_length=100, description="channels, by name: what lies between a sample and a model"
    )
    decoder: Decoder = Decoder()
    scoring: Annotated[Scoring | None, BeforeValidator(read_null)] = None
    selection: Selection = Selection()
    design: Literal["grid", "balanced"] = Field(
        default="grid",
        description="who attacks whom; grid: every surrogate attacks every selected utterance for every target; "
        "balanced: each utterance is attacked once for each attack and confidence, by one surrogate for one of the "
        "phrases and for its own other targets, all dealt out evenly",
    )
    attacks: dict[str, AttackSection] = Field(description="attacks, by name; one that is left out, or null, is not run")
    statistics: Statistics = Statistics()
    neighbours: Neighbours = Neighbours()
    compare: Annotated[
        Annotated[list[FilePath], Field(min_length=2, max_length=12)] | None, BeforeValidator(read_null)
    ] = Field(default=None, description="folders of finished results that the rule `compare` lays side by side")
    device: Literal["cpu", "cuda"] = Field(default="cpu", description="where models run; the other gives other weights")
    threads: Int = Field(
        default=1,
        ge=1,
        le=1024,
        description="CPU threads of a job, and processes that decode; another number gives other weights",
    )
    time_limit: Annotated[Annotated[float, Field(gt=0, le=1e7)] | None, BeforeValidator(read_plain)] = Field(
        default=None,
        description="seconds that one call of code in a file of your own may take (a step of an attack, an utterance "
        "of a whole one, a batch heard); one that takes longer ends the job. null: no limit",
    )

    @model_validator(mode="after")
    def _cross_check(self) -> Study:
        _check_models(self)
        _check_surrogates(self)
        _check_corpus(self)
        _check_families(self)
        _check_attacks(self)
        _check_decoder(self)
        return self

    def parsed(self, name: str) -> names.Model:
        """A model's name, taken apart."""
        return names.parse_model(name, self.family)

    def section_of(self, name: str) -> FamilySection:
        """The section of a model's family."""
        return self.families[self.parsed(name).family]

    def class_of(self, name: str) -> type[Recogniser]:
        """The class that a model is of."""
        family = self.parsed(name).family
        section = self.families[family]
        found: type[Recogniser] = class_of("recogniser", family, section.use).choose(section)
        return found

    @property
    def trained(self) -> list[str]:
        """The models that are trained."""
        models = map(self.parsed, self.models)
        return [model.name for model in models if model.seed is not None and not model.channel]

    @property
    def attacked(self) -> list[str]:
        """The surrogates."""
        return self.surrogates or [name for name in self.trained if self.parsed(name).arm == "none"]

    @property
    def listening(self) -> list[str]:
        """The remotes; a surrogate always hears its own samples, too."""
        return self.remotes or self.models

    @property
    def voting(self) -> list[str]:
        """The models that must hear an utterance right for it to be selected."""
        attacked = {member for surrogate in self.attacked for member in names.split_surrogate(surrogate)}

        def votes(name: str) -> bool:
            if self.parsed(name).channel:
                return False
            section = self.section_of(name)
            if not isinstance(section, LoadedSection):
                return True
            return section.votes if section.votes is not None else name in attacked

        return [name for name in self.models if votes(name)]

    def has_frames(self, name: str) -> bool:
        """Whether a model is a character CTC model."""
        return issubclass(self.class_of(name), Frames)


def _check_models(study: Study) -> None:
    for key, listed in (("models", study.models), ("remotes", study.remotes or [])):
        for name in listed:
            if listed.count(name) > 1:
                raise ValueError(f"{key}: {name} is listed twice; list it once")
            if name not in study.models:
                raise ValueError(f"{key}: {name} is not a model; add it to models or remove it from {key}")
    for name in study.models:
        model = study.parsed(name)
        if model.seed is None and not re.fullmatch(names.LOADED, model.source):
            raise ValueError(f"models: {name} is no model; write {FORMS[MODEL]}")
        needed = model.source if model.channel else model.donor or model.base
        if needed not in study.models:
            made = "is made from" if model.donor else "is an arm of"
            what = "is a channel of" if model.channel else made
            raise ValueError(f"models: {name} {what} {needed}, which is not listed; add {needed}")
        if model.channel and model.channel not in study.channels:
            raise ValueError(f"models: {name}: there is no channel {model.channel}; add channels.{model.channel}")
        if model.family not in study.families:
            raise ValueError(f"models: {name} is of the family {model.family}; add families.{model.family}")
        if study.class_of(name).trained is not (model.seed is not None):
            form = f"{model.family}.seed-N" if model.seed is None else f"{model.family}, without a seed"
            what = "trained" if model.seed is None else "loaded, not trained"
            raise ValueError(f"models: {name}: the family {model.family} is {what}; write {form}")
        if model.arm == "shares":
            _check_shared(study, model)
        if model.arm == "data" and model.which > (last := study.section_of(name).last_part):
            raise ValueError(
                f"models: {name}: the data of the family {model.family} has {last} parts; raise families."
                f"{model.family}.parts, or name one of them"
            )


def _check_shared(study: Study, model: names.Model) -> None:
    if model.donor == model.base:
        raise ValueError(f"models: {model.name} shares layers with its own seed; name another, or write {model.base}")
    class_ = study.class_of(model.name)
    try:
        list_shared(class_.layers, class_.find_recurrent(study.section_of(model.name)), model.shared)
    except ValueError as error:
        raise ValueError(f"models: {model.name}: the family {model.family} {error}") from None


def _check_surrogates(study: Study) -> None:
    sets: dict[frozenset[str], str] = {}
    for surrogate in study.attacked:
        members = names.split_surrogate(surrogate)
        same = sets.setdefault(frozenset(members), surrogate)
        if same != surrogate or study.attacked.count(surrogate) > 1:
            raise ValueError(f"surrogates: {surrogate} is listed twice; list it once")
        for name in members:
            if name not in study.models:
                raise ValueError(f"surrogates: {name} is not a model; add it to models or remove it from surrogates")
            if members.count(name) > 1:
                raise ValueError(f"surrogates: {surrogate} has {name} twice; list it once")
            if not issubclass(study.class_of(name), Surrogate):
                raise ValueError(f"surrogates: {name} hears and cannot be attacked; remove it from surrogates")
    if not sets:
        raise ValueError("surrogates: none; list the models to attack, or add a trained model")


def _check_corpus(study: Study) -> None:
    corpus = study.corpus
    if corpus.kind == "manifest" and corpus.manifest is None:
        raise ValueError("corpus.manifest: missing, and corpus.kind is manifest; give corpus.manifest.path")
    if corpus.kind == "synthetic" and study.selection.utterances > corpus.synthetic.test_utterances:
        raise ValueError(
            f"selection.utterances: {study.selection.utterances} are asked for, and corpus.synthetic."
            f"test_utterances is {corpus.synthetic.test_utterances}; lower one or raise the other"
        )


def _check_families(study: Study) -> None:
    for name, section in study.families.items():
        # Code of a user's section runs here first, so that what it raises is a line of the configuration's.
        with blamed(find("recogniser", name, section.use).file):
            problem = section.check(study.device)
            section.files()
        if problem:
            raise ValueError(f"families.{name}.{problem}")


def _check_attacks(study: Study) -> None:
    if not study.attacks:
        raise ValueError("attacks: none is configured; give attacks.cw, attacks.pgd or one of your own")
    for name, attack in study.attacks.items():
        _check_attack(f"attacks.{name}", attack)
        _check_margin(study, f"attacks.{name}.margin", attack)
        _check_judge(study, f"attacks.{name}.judge", attack.judge)
        if attack.ranks and study.decoder.backend == "greedy":
            raise ValueError(f"attacks.{name}.ranks: the greedy backend names one text; set decoder.backend to another")
        silent = [one for one in map(names.split_surrogate, study.attacked) if one[0] not in study.voting]
        if attack.ranks and silent:
            raise ValueError(
                f"attacks.{name}.ranks: {silent[0][0]} has no vote, and near targets are ranked where a surrogate "
                "hears right; remove ranks, or let it vote (votes: true)"
            )


def _check_margin(study: Study, key: str, attack: AttackSection) -> None:
    if all(attack.at(confidence).margin is None for confidence in attack.confidences):
        return
    for surrogate in study.attacked:
        for member in names.split_surrogate(surrogate):
            if not study.has_frames(member):
                raise ValueError(f"{key}: the surrogate {member} has no frames of characters; set it to null")


def _check_judge(study: Study, key: str, judge: str | None) -> None:
    if judge is None:
        return
    if judge not in study.models or study.parsed(judge).channel:
        raise ValueError(f"{key}: {judge} is none of the models, or hears through a channel; name one without")
    members = [study.parsed(member) for surrogate in study.attacked for member in names.split_surrogate(surrogate)]
    if names.relate(members, study.parsed(judge)) in ("self", "twin"):
        raise ValueError(f"{key}: {judge} is attacked, or its twin; name a model that is none of the surrogates")


def _check_decoder(study: Study) -> None:
    if study.decoder.language_model is not None and study.decoder.backend != "flashlight":
        raise ValueError(f"decoder.language_model: {study.decoder.backend} takes none; use decoder.backend: flashlight")
    if study.scoring is not None and not study.has_frames(study.models[0]):
        raise ValueError(
            "scoring: the first of the models has no frames of characters; list one first that has, or remove scoring"
        )


def _check_attack(key: str, attack: AttackSection) -> None:
    if not attack.phrases and not attack.ranks and not attack.words:
        raise ValueError(f"{key}.phrases: no target; give phrases, ranks or words")
    for confidence in attack.confidences:
        _check_tests(key, attack.at(confidence))
    slugs: dict[str, str] = {}
    for phrase in attack.phrases:
        _check_phrase(f"{key}.phrases", phrase)
        same = slugs.setdefault(names.slug(phrase), phrase)
        if same != phrase or attack.phrases.count(phrase) > 1:
            raise ValueError(
                f"{key}.phrases: {same!r} and {phrase!r} share the name {names.slug(phrase)}; remove or change one"
            )
    for name, listed in (("ranks", attack.ranks), ("words", attack.words)):
        if len(set(listed)) < len(listed):
            raise ValueError(f"{key}.{name}: {listed} repeats a value; list each once")


def _check_tests(key: str, attack: AttackSection) -> None:
    if attack.test_every > attack.iterations:
        raise ValueError(
            f"{key}.test_every: {attack.test_every} is more than the {attack.iterations} iterations; lower it"
        )


def _check_phrase(key: str, phrase: str) -> None:
    strange = sorted(set(phrase) - set(CHARACTERS))
    if strange:
        raise ValueError(f"{key}: {phrase!r} has {strange[0]!r}; allowed are a-z, space and apostrophe (lower case)")
    if phrase != " ".join(phrase.split()):
        raise ValueError(f"{key}: {phrase!r} has outer or double spaces; remove them")
    if not names.slug(phrase):
        raise ValueError(f"{key}: {phrase!r} has no letter")
