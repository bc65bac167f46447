"""The configuration: every key with its type, range, default and meaning.

This module is the one source; ``workflow/schemas/config.schema.json`` and the table in ``config/README.md`` are
made from it by ``python -m study.document``.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

ALPHABET = " abcdefghijklmnopqrstuvwxyz'"
Seed = Annotated[int, Field(ge=0, lt=2**31)]
ModelName = Annotated[str, Field(pattern=r"^seed-(0|[1-9]\d{0,8})(\.(twin|(ulp|native)-[1-9]\d{0,2}))?$")]
Phrase = Annotated[str, Field(min_length=1, max_length=200)]
Confidence = Literal["low", "high"]


class ConfigError(ValueError):
    """The configuration is wrong; one line that names the key and what is allowed."""


class Section(BaseModel):
    """A group of keys; unknown ones are refused, and ``1`` is no ``"1"``."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Synthetic(Section):
    """Commands spoken by espeak-ng; byte-identical for a seed."""

    kind: Literal["synthetic"] = "synthetic"
    seed: Seed = Field(1, description="draws sentences, voices, pitch and rate")
    train_minutes: float = Field(20.0, gt=0, le=6000, description="minutes of training speech")
    train_voices: int = Field(24, ge=1, le=60, description="voices of train and dev")
    held_out_voices: int = Field(6, ge=1, le=30, description="voices of test, in no other split")
    dev_utterances: int = Field(60, ge=1, le=10000, description="sentences held out, spoken by training voices")
    test_utterances: int = Field(80, ge=1, le=10000, description="sentences held out, spoken by held-out voices")


class Manifest(Section):
    """Your own recordings, listed in a CSV, TSV or Parquet file."""

    kind: Literal["manifest"]
    path: str = Field(description="file with the columns path, text, speaker, split (train, dev, test)")
    disjoint_speakers: bool = Field(True, description="refuse a speaker who is in two splits")


class LibriSpeech(Section):
    """LibriSpeech, downloaded or read from a folder that holds it."""

    kind: Literal["librispeech"]
    folder: str | None = Field(None, description="folder that contains LibriSpeech/; null downloads it")
    mirror: str | None = Field(None, description="address to download from instead of the corpus's own")
    train: list[str] = Field(["train-clean-100", "train-clean-360", "train-other-500"], min_length=1)
    dev: list[str] = Field(["dev-clean"], min_length=1, description="subsets")
    test: list[str] = Field(["test-clean"], min_length=1, description="subsets")


Corpus = Annotated[Synthetic | Manifest | LibriSpeech, Field(discriminator="kind")]


class Network(Section):
    """The network: DeepSpeech 0.4.1's, in any width."""

    units: int = Field(2048, ge=1, le=8192, description="width of every hidden layer")
    dropout: float = Field(0.2, ge=0, lt=1, description="share of dense activations dropped in training")


class Training(Section):
    """The training recipe; the defaults are DeepSpeech 0.4.1's."""

    epochs: int = Field(13, ge=1, le=10000, description="passes over the training utterances")
    batch: int = Field(24, ge=1, le=4096, description="utterances a step")
    learning_rate: float = Field(1e-4, gt=0, le=1, description="Adam's step size")
    order: Literal["length", "shuffled"] = Field(
        "length", description="ascending by length in every epoch, or batches of similar length in a drawn order"
    )
    order_seed: Seed = Field(0, description="draws the shuffled order, the same for every model")
    schedule: Literal["constant", "cosine"] = Field(
        "constant", description="learning rate over time; cosine warms up for a tenth of the steps, then falls to 0"
    )
    clip: float | None = Field(None, gt=0, description="largest gradient norm; null does not clip")


class Decoder(Section):
    """How log-probabilities become the ten most likely transcriptions."""

    backend: Literal["flashlight", "ctcdecode", "greedy"] = Field("flashlight", description="beam search to use")
    beam: int = Field(100, ge=10, le=10000, description="hypotheses kept from frame to frame")
    language_model: str | None = Field(None, description="KenLM file (ARPA or binary); null decodes without")
    alpha: float = Field(0.75, ge=0, le=100, description="weight of the language model")
    beta: float = Field(1.85, ge=-100, le=100, description="bonus for each word")


class Selection(Section):
    """Which test utterances are attacked: those that every model transcribes exactly right."""

    utterances: int = Field(98, ge=1, le=100000, description="how many to attack; fewer right ones are an error")
    seed: Seed = Field(0, description="draws which, when more are right")


class Attack(Section):
    """Keys that every attack has."""

    phrases: list[Phrase] = Field([], description="target phrases")
    ranks: list[Annotated[int, Field(ge=2, le=10)]] = Field(
        [], description="near targets: the surrogate's own k-th most likely transcription of the clean audio"
    )
    confidences: list[Confidence] = Field(
        ["high"], min_length=1, description="low: the target is the top transcription; high: also K1 > threshold"
    )
    iterations: int = Field(1000, ge=1, le=1000000, description="steps of the attack")
    threshold: float = Field(0.9, gt=0, lt=1, description="K1 that a high-confidence sample exceeds")
    test_every: int = Field(1, ge=1, le=10000, description="iterations between tests for success")
    keep: int = Field(3, ge=1, le=100000, description="samples kept of an utterance, the last that qualify")
    cap: int | None = Field(
        None, ge=1, description="samples kept of a job (surrogate, target, confidence), filled round-robin"
    )
    seed: Seed = Field(0, description="draws noise, random starts and the order in which the cap is filled")


class CW(Attack):
    """Carlini and Wagner's attack as their published code runs it."""

    confidences: list[Confidence] = Field(["low", "high"], min_length=1, description="as for every attack")
    learning_rate: float = Field(100.0, gt=0, le=32767, description="Adam's step, 16-bit units")
    bound: float = Field(2000.0, gt=0, le=65535, description="largest perturbation at the start, 16-bit units")
    shrink: float = Field(0.8, gt=0, lt=1, description="factor on an utterance's bound after a success (low only)")
    noise: float = Field(2.0, ge=0, le=1000, description="standard deviation of the noise in the loop, 16-bit units")


class PGD(Attack):
    """Projected gradient descent in an L-infinity ball, sign steps."""

    bound: float = Field(0.05, gt=0, le=2, description="radius, as a share of `bound_of`")
    bound_of: Literal["full-scale", "peak"] = Field(
        "full-scale", description="of 32768, or of the utterance's own largest sample"
    )
    step: float = Field(0.05, gt=0, le=1, description="size of a step, as a share of the radius")
    start: Literal["zero", "random"] = Field("zero", description="first perturbation")


class Attacks(Section):
    """The attacks of the study; one that is left out is not run."""

    cw: CW | None = None
    pgd: PGD | None = None


class Statistics(Section):
    """How the results are counted."""

    confidence_level: float = Field(0.95, gt=0.5, lt=1, description="of every bound and interval")
    resamples: int = Field(2000, ge=100, le=1000000, description="of the cluster bootstrap")
    seed: Seed = Field(0, description="draws the resamples")


class Study(Section):
    """A whole study."""

    results: str = Field("results", pattern=r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$", description="folder of all outputs")
    corpus: Corpus = Field(default_factory=lambda: Synthetic())  # type: ignore[call-arg]
    models: list[ModelName] = Field(
        min_length=1, description="seed-N, and its arms seed-N.twin, seed-N.ulp-K, seed-N.native-K"
    )
    surrogates: list[ModelName] | None = Field(
        None, min_length=1, description="models that are attacked; null: every model that is not an arm"
    )
    remotes: list[ModelName] | None = Field(None, min_length=1, description="models that listen; null: all")
    network: Network = Network()  # type: ignore[call-arg]
    training: Training = Training()  # type: ignore[call-arg]
    decoder: Decoder = Decoder()  # type: ignore[call-arg]
    selection: Selection = Selection()  # type: ignore[call-arg]
    attacks: Attacks
    statistics: Statistics = Statistics()  # type: ignore[call-arg]
    device: Literal["cpu", "cuda"] = Field("cpu", description="where models run; the other gives other weights")
    threads: int = Field(1, ge=1, le=1024, description="CPU threads of a job; other counts give other weights")

    @model_validator(mode="after")
    def _cross_check(self) -> Study:
        _check_models(self)
        for name in Attacks.model_fields:
            attack = getattr(self.attacks, name)
            if attack is not None:
                _check_attack(f"attacks.{name}", attack)
        if self.attacks.cw is None and self.attacks.pgd is None:
            raise ValueError("attacks: none is configured; give attacks.cw or attacks.pgd")
        if self.decoder.language_model is not None and self.decoder.backend == "greedy":
            raise ValueError("decoder.language_model: the greedy backend has none; use flashlight")
        return self

    @property
    def attacked(self) -> list[str]:
        """The surrogates."""
        return self.surrogates or [name for name in self.models if "." not in name]

    @property
    def listening(self) -> list[str]:
        """The remotes; a surrogate always hears its own samples besides."""
        return self.remotes or self.models

    @property
    def configured(self) -> dict[str, Attack]:
        """The attacks that are run, by name."""
        attacks = {name: getattr(self.attacks, name) for name in Attacks.model_fields}
        return {name: attack for name, attack in attacks.items() if attack is not None}


def _check_models(study: Study) -> None:
    for key in ("models", "surrogates", "remotes"):
        names = getattr(study, key) or []
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"{key}: {name} is listed twice; list it once")
            if name not in study.models:
                raise ValueError(f"{key}: {name} is not a model; add it to models or remove it from {key}")
    for name in study.models:
        base = name.split(".")[0]
        if base not in study.models:
            raise ValueError(f"models: {name} is an arm of {base}, which is not listed; add {base}")
    if study.surrogates is None and not study.attacked:
        raise ValueError("surrogates: every model is an arm; name the surrogates")


def _check_attack(key: str, attack: Attack) -> None:
    if not attack.phrases and not attack.ranks:
        raise ValueError(f"{key}.phrases: no target; give phrases, ranks or both")
    slugs: dict[str, str] = {}
    for phrase in attack.phrases:
        strange = sorted(set(phrase) - set(ALPHABET))
        if strange:
            raise ValueError(
                f"{key}.phrases: {phrase!r} has {strange[0]!r}; allowed are a-z, space and apostrophe (lower case)"
            )
        if phrase != " ".join(phrase.split()):
            raise ValueError(f"{key}.phrases: {phrase!r} has outer or double spaces; remove them")
        if not slug(phrase):
            raise ValueError(f"{key}.phrases: {phrase!r} has no letter")
        twin = slugs.setdefault(slug(phrase), phrase)
        if twin != phrase or attack.phrases.count(phrase) > 1:
            raise ValueError(
                f"{key}.phrases: {twin!r} and {phrase!r} share the name {slug(phrase)}; remove or change one"
            )
    for values, name in ((attack.ranks, "ranks"), (attack.confidences, "confidences")):
        if len(set(values)) < len(values):
            raise ValueError(f"{key}.{name}: {values} repeats a value; list each once")


def slug(phrase: str) -> str:
    """The name of a phrase in paths and tables: words joined by hyphens, apostrophes left out."""
    return re.sub(r" +", "-", phrase.replace("'", "").strip())


def read(config: dict[str, Any]) -> Study:
    """Make sense of a configuration as Snakemake hands it over.

    Raises:
        ConfigError: one line that names the key and says what is allowed.
    """
    try:
        return Study.model_validate(config)
    except ValidationError as error:
        raise ConfigError(_explain(error)) from None


def _explain(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    message = str(problem["msg"]).removeprefix("Value error, ")
    # Tags of discriminated unions are no keys.
    place = [str(part) for part in problem["loc"] if part not in ("synthetic", "manifest", "librispeech")]
    if not place:
        return message
    if problem["type"] == "extra_forbidden":
        return f"{'.'.join(place)}: unknown key; see config/README.md for those there are"
    given = "" if isinstance(problem["input"], dict) else f" (given: {_short(problem['input'])})"
    return f"{'.'.join(place)}: {message[0].lower()}{message[1:]}{given}"


def _short(value: object) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."
