"""The configuration: every key with its type, range, default and meaning.

This module is the one source: ``python -m study.document`` makes ``workflow/schemas/config.schema.json`` and
the table in ``config/README.md`` from it.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.config import JsonDict

ALPHABET = " abcdefghijklmnopqrstuvwxyz'"
RESULTS = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$"
MODEL = r"^seed-(0|[1-9][0-9]{0,8})(\.(twin|(ulp|native)-[1-9][0-9]{0,2}))?$"
FORMS = {
    RESULTS: "a folder inside this one, in letters, digits, '_', '-' and '.', such as results/first",
    MODEL: "seed-N, or one of its arms seed-N.twin, seed-N.ulp-K and seed-N.native-K",
}
"""What a value must look like, in words, by its pattern."""


class ConfigError(ValueError):
    """The configuration is wrong; one line that names the key and what is allowed."""


def _plain(value: object) -> object:
    """Read a number, true, false or null that arrives as text, and leave all else as it is.

    Snakemake hands over as text what ``--config`` sets inside a section, and YAML takes ``1e-4`` for a text.
    """
    if not isinstance(value, str) or len(value) > 40:
        return value
    words = {"true": True, "false": False, "null": None}
    if value.lower() in words:
        return words[value.lower()]
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value


def _null(value: object) -> object:
    return None if value == "null" else value


Int = Annotated[int, BeforeValidator(_plain)]
Float = Annotated[float, BeforeValidator(_plain)]
Bool = Annotated[bool, BeforeValidator(_plain)]
Seed = Annotated[int, Field(ge=0, lt=2**31), BeforeValidator(_plain)]
ModelName = Annotated[str, Field(pattern=MODEL)]
Share = Annotated[float, Field(ge=0, le=1), BeforeValidator(_plain)]
Models = Annotated[list[ModelName], Field(min_length=1, max_length=1000)]
ModelsOrNull = Annotated[Models | None, BeforeValidator(_null)]
Phrase = Annotated[str, Field(min_length=1, max_length=200)]
Path = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00-\x1f]+$")]
PathOrNull = Annotated[Path | None, BeforeValidator(_null)]
Confidence = Literal["low", "high"]

# A unit that is not in the meaning of its key.
SAMPLES: JsonDict = {"unit": "16-bit units"}
MINUTES: JsonDict = {"unit": "minutes"}
FRAMES: JsonDict = {"unit": "20 ms"}


class Section(BaseModel):
    """A group of keys; unknown ones are refused, and so is a value of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Synthetic(Section):
    """Commands spoken by espeak-ng; byte-identical for a seed."""

    seed: Seed = Field(default=1, description="draws sentences, voices, pitch and rate")
    train_minutes: Float = Field(default=20.0, gt=0, le=6000, description="training speech", json_schema_extra=MINUTES)
    train_voices: Int = Field(default=30, ge=1, le=30, description="voices of train and dev")
    held_out_voices: Int = Field(
        default=6, ge=0, le=10, description="voices of test, in no other split; 0: test has those of train"
    )
    dev_utterances: Int = Field(default=60, ge=1, le=5000, description="sentences held out, spoken by training voices")
    test_utterances: Int = Field(
        default=300, ge=1, le=5000, description="sentences held out, spoken by held-out voices"
    )


class Manifest(Section):
    """Your own recordings, listed in a CSV, TSV or Parquet file."""

    path: Path = Field(
        description="table with the columns path (from the table's folder), text, speaker and split "
        "(train, dev, test). A change in the table reruns; one in a recording does not"
    )
    disjoint_speakers: Bool = Field(default=True, description="refuse a speaker who is in two splits")


class LibriSpeech(Section):
    """LibriSpeech, downloaded or read from a folder that holds it."""

    folder: PathOrNull = Field(
        default=None, description="folder that contains LibriSpeech/; null downloads the subsets"
    )
    mirror: PathOrNull = Field(
        default=None, description="http(s) folder to download from; null: the publisher's, or else its mirrors"
    )
    train: list[Path] = Field(
        default=["train-clean-100", "train-clean-360", "train-other-500"],
        min_length=1,
        max_length=10,
        description="subsets",
    )
    dev: list[Path] = Field(default=["dev-clean"], min_length=1, max_length=10, description="subsets")
    test: list[Path] = Field(default=["test-clean"], min_length=1, max_length=10, description="subsets")


class Corpus(Section):
    """The speech. Each kind has its own section, so that one configuration can be laid over another."""

    kind: Literal["synthetic", "manifest", "librispeech"] = Field(
        default="synthetic", description="which of the sections below is used; the others have no effect"
    )
    synthetic: Synthetic = Synthetic()
    manifest: Annotated[Manifest | None, BeforeValidator(_null)] = None
    librispeech: LibriSpeech = LibriSpeech()


class Network(Section):
    """The network: DeepSpeech 0.4.1's, in any width."""

    units: Int = Field(default=2048, ge=1, le=8192, description="width of every hidden layer")
    dropout: Float = Field(default=0.2, ge=0, lt=1, description="share of dense activations dropped in training")


class SpecAugment(Section):
    """Parts of the mel spectrogram (26 bands) that training hides; the defaults are policy LD of Park et al. (2019)."""

    frequency_masks: Int = Field(default=2, ge=0, le=26, description="masks over bands, an utterance")
    frequency_width: Int = Field(default=9, ge=0, le=26, description="bands that a mask covers at the most")
    time_masks: Int = Field(default=2, ge=0, le=100, description="masks over time, an utterance")
    time_width: Int = Field(
        default=50, ge=0, le=10000, description="frames that a mask covers at the most", json_schema_extra=FRAMES
    )


class Training(Section):
    """The training recipe; the defaults are DeepSpeech 0.4.1's."""

    epochs: Int = Field(default=13, ge=1, le=10000, description="passes over the training utterances")
    batch: Int = Field(default=24, ge=1, le=4096, description="utterances a step")
    learning_rate: Float = Field(default=1e-4, gt=0, le=1, description="Adam's step size")
    order: Literal["length", "shuffled"] = Field(
        default="length",
        description="ascending by length in every epoch, or batches of similar length in a drawn order",
    )
    order_seed: Seed = Field(default=0, description="draws the shuffled order, the same for every model")
    schedule: Literal["constant", "cosine"] = Field(
        default="constant",
        description="learning rate over time; cosine warms up for a tenth of the steps, then falls to 0",
    )
    clip: Annotated[Annotated[float, Field(gt=0, le=1e6)] | None, BeforeValidator(_plain)] = Field(
        default=None, description="largest gradient norm; null does not clip"
    )
    accumulate: Int = Field(
        default=1,
        ge=1,
        le=10000,
        description="batches a step: their gradients are averaged, as those of a larger batch",
    )
    gpus: Int = Field(
        default=1,
        ge=1,
        le=64,
        description="GPUs of one machine that share the `accumulate` batches of a step; the weights stay the same, "
        "bit by bit, for any number of equal ones",
    )
    precision: Literal["fp32", "tf32", "bf16"] = Field(
        default="fp32",
        description="of the products in training: float32; TensorFloat-32 where the accelerator has it; besides that "
        "bfloat16 in the dense layers. Weights, front end and loss stay float32",
    )
    spec_augment: Annotated[SpecAugment | None, BeforeValidator(_null)] = None
    give_up: Annotated[Annotated[float, Field(gt=0, le=1)] | None, BeforeValidator(_plain)] = Field(
        default=0.5,
        description="share of the epochs (five at least) after which training stops with what to try, if the dev WER "
        "is 100 % and the dev loss stands still; null goes on",
    )


class Decoder(Section):
    """How log-probabilities become the ten most likely transcriptions."""

    backend: Literal["flashlight", "ctcdecode", "greedy"] = Field(
        default="flashlight", description="beam search to use"
    )
    beam: Int = Field(default=100, ge=10, le=10000, description="hypotheses kept from frame to frame")
    certify: Bool = Field(
        default=False,
        description="hear samples without a search, and without its ten texts, where the target is proven to be the "
        "best text, or to be none of the ten; without a language model. No table depends on it",
    )
    language_model: PathOrNull = Field(default=None, description="KenLM file (ARPA or binary); null decodes without")
    alpha: Float = Field(default=0.75, ge=0, le=100, description="weight of the language model")
    beta: Float = Field(default=1.85, ge=-100, le=100, description="bonus for each word, with a language model")


LANGUAGE_MODELS = ("3-gram.pruned.3e-7", "3-gram.pruned.1e-7", "3-gram", "4-gram")
"""LibriSpeech's own, of openslr.org, resource 11."""


class Scoring(Section):
    """A second word error rate of every model, with a language model, as published ones are. Decides nothing else."""

    language_model: Path = Field(
        default="3-gram.pruned.1e-7",
        description=f"LibriSpeech's {', '.join(LANGUAGE_MODELS)}, which is downloaded, or a KenLM file (ARPA or "
        "binary, lower case)",
    )
    lexicon: PathOrNull = Field(
        default=None, description="the words of a binary, one a line; null: those that an ARPA file lists"
    )
    mirror: PathOrNull = Field(
        default=None, description="http(s) folder to download from; null: the publisher's, or else its mirrors"
    )
    alphas: list[Annotated[float, Field(ge=0, le=100), BeforeValidator(_plain)]] = Field(
        default=[0.5, 0.75, 1.0, 1.5, 2.0],
        min_length=1,
        max_length=100,
        description="weights of the language model to try on dev with the first of the models",
    )
    betas: list[Annotated[float, Field(ge=-100, le=100), BeforeValidator(_plain)]] = Field(
        default=[0.0, 1.0, 1.85, 3.0],
        min_length=1,
        max_length=100,
        description="bonuses for each word to try with them",
    )
    utterances: Int = Field(
        default=300, ge=1, le=100000, description="of dev to try them on, at the most; evenly over its lengths"
    )


class Selection(Section):
    """Which test utterances are attacked: those that every model transcribes exactly right."""

    utterances: Int = Field(
        default=98, ge=1, le=100000, description="how many to attack; fewer right ones are an error"
    )
    seed: Seed = Field(default=0, description="draws which, when more are right")


class Attack(Section):
    """Keys that every attack has."""

    phrases: list[Phrase] = Field(
        default=[], max_length=1000, description="target phrases: a-z, apostrophe, single spaces"
    )
    ranks: list[Annotated[int, Field(ge=2, le=10), BeforeValidator(_plain)]] = Field(
        default=[],
        max_length=9,
        description="near targets: the surrogate's own k-th most likely transcription of the clean audio",
    )
    confidences: list[Confidence] = Field(
        default=["high"],
        min_length=1,
        max_length=2,
        description="low: the target is the top transcription; high: also K1 > threshold",
    )
    iterations: Int = Field(default=1000, ge=1, le=1000000, description="steps of the attack")
    threshold: Float = Field(
        default=0.9, gt=0, lt=1, description="K1, a probability, that a high-confidence sample exceeds"
    )
    test_every: Int = Field(default=1, ge=1, le=10000, description="iterations between tests for success")
    keep: Int = Field(default=3, ge=1, le=100000, description="samples kept of an utterance, the last that qualify")
    cap: Annotated[Annotated[int, Field(ge=1, le=10**9)] | None, BeforeValidator(_plain)] = Field(
        default=None,
        description="samples kept of a job (surrogate, target, confidence), filled round-robin; null: all",
    )
    seed: Seed = Field(default=0, description="draws noise, random starts and the order in which the cap is filled")


class CW(Attack):
    """Carlini and Wagner's attack as their published code runs it."""

    confidences: list[Confidence] = Field(
        default=["low", "high"],
        min_length=1,
        max_length=2,
        description="low: the target is the top transcription, with ever smaller perturbations; "
        "high: also K1 > threshold",
    )
    learning_rate: Float = Field(default=100.0, gt=0, le=32767, description="Adam's step", json_schema_extra=SAMPLES)
    bound: Float = Field(
        default=2000.0,
        gt=0,
        le=65535,
        description="largest perturbation at the start",
        json_schema_extra=SAMPLES,
    )
    shrink: Float = Field(
        default=0.8, gt=0, lt=1, description="factor on an utterance's bound after a success (low only)"
    )
    noise: Float = Field(
        default=2.0,
        ge=0,
        le=1000,
        description="standard deviation of the noise in the loop",
        json_schema_extra=SAMPLES,
    )
    gradient: Literal["sign", "whole"] = Field(
        default="sign",
        description="what Adam is given: its sign, as published, or the gradient itself, which arrives in fewer "
        "iterations (benchmarks/README.md)",
    )


class PGD(Attack):
    """Projected gradient descent in an L-infinity ball, sign steps."""

    bound: Float = Field(default=0.05, gt=0, le=2, description="radius of the ball, as a share of bound_of")
    bound_of: Literal["full-scale", "peak"] = Field(
        default="full-scale", description="of 32768, or of the utterance's own largest sample"
    )
    step: Float = Field(default=0.05, gt=0, le=1, description="size of a step, as a share of the radius")
    start: Literal["zero", "random"] = Field(default="zero", description="first perturbation")


class Attacks(Section):
    """The attacks of the study; one that is left out, or null, is not run."""

    cw: Annotated[CW | None, BeforeValidator(_null)] = None
    pgd: Annotated[PGD | None, BeforeValidator(_null)] = None


class Neighbours(Section):
    """The models of the transfer curve (`make study ARGS=transfer_curve`), between a surrogate and a stranger."""

    epochs: Int = Field(default=3, ge=1, le=1000, description="last epochs of each training whose weights are kept")
    shares: Annotated[list[Share], Field(min_length=1, max_length=100)] = Field(
        default=[0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0],
        description="how far along the line from a surrogate's weights to those of the next model of another seed",
    )


class Statistics(Section):
    """How the results are counted."""

    confidence_level: Float = Field(default=0.95, gt=0.5, lt=1, description="of every bound and interval")
    resamples: Int = Field(default=2000, ge=100, le=1000000, description="of the cluster bootstrap")
    seed: Seed = Field(default=0, description="draws the resamples")


class Study(Section):
    """A whole study."""

    results: Annotated[str, Field(max_length=200, pattern=RESULTS)] = Field(
        default="results", description="folder of all outputs"
    )
    corpus: Corpus = Corpus()
    models: Models = Field(
        description="models to train: one a seed, and its arms (twin: nothing differs; ulp-K: one initial "
        "weight, by one unit in the last place; native-K: nothing but what the hardware does)",
    )
    surrogates: ModelsOrNull = Field(
        default=None,
        description="models that are attacked; null: every model that is no arm",
    )
    remotes: ModelsOrNull = Field(default=None, description="models that listen; null: all")
    network: Network = Network()
    training: Training = Training()
    decoder: Decoder = Decoder()
    scoring: Annotated[Scoring | None, BeforeValidator(_null)] = None
    selection: Selection = Selection()
    attacks: Attacks
    statistics: Statistics = Statistics()
    neighbours: Neighbours = Neighbours()
    device: Literal["cpu", "cuda"] = Field(default="cpu", description="where models run; the other gives other weights")
    threads: Int = Field(
        default=1,
        ge=1,
        le=1024,
        description="CPU threads of a job, and processes that decode; another number gives other weights",
    )

    @model_validator(mode="after")
    def _cross_check(self) -> Study:
        _check_models(self)
        _check_corpus(self)
        _check_gpus(self)
        if not self.configured:
            raise ValueError("attacks: none is configured; give attacks.cw or attacks.pgd")
        for name, attack in self.configured.items():
            _check_attack(f"attacks.{name}", attack)
            if attack.ranks and self.decoder.backend == "greedy":
                raise ValueError(
                    f"attacks.{name}.ranks: the greedy backend names one text; set decoder.backend to another"
                )
        if self.decoder.language_model is not None and self.decoder.backend != "flashlight":
            raise ValueError(
                f"decoder.language_model: {self.decoder.backend} takes none; use decoder.backend: flashlight"
            )
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


def _check_corpus(study: Study) -> None:
    corpus = study.corpus
    if corpus.kind == "manifest" and corpus.manifest is None:
        raise ValueError("corpus.manifest: missing, and corpus.kind is manifest; give corpus.manifest.path")
    if corpus.kind == "synthetic" and study.selection.utterances > corpus.synthetic.test_utterances:
        raise ValueError(
            f"selection.utterances: {study.selection.utterances} are asked for, and corpus.synthetic."
            f"test_utterances is {corpus.synthetic.test_utterances}; lower one or raise the other"
        )


def _check_gpus(study: Study) -> None:
    gpus, accumulate = study.training.gpus, study.training.accumulate
    if gpus > 1 and study.device == "cpu":
        raise ValueError(f"training.gpus: {gpus} GPUs, and device is cpu; set device: cuda, or training.gpus: 1")
    if gpus > accumulate:
        raise ValueError(
            f"training.gpus: {gpus} GPUs cannot share {accumulate} batches a step; lower it, or raise "
            "training.accumulate and lower training.batch"
        )


def _check_attack(key: str, attack: Attack) -> None:
    if not attack.phrases and not attack.ranks:
        raise ValueError(f"{key}.phrases: no target; give phrases, ranks or both")
    if attack.test_every > attack.iterations:
        raise ValueError(
            f"{key}.test_every: {attack.test_every} is more than the {attack.iterations} iterations; lower it"
        )
    slugs: dict[str, str] = {}
    for phrase in attack.phrases:
        _check_phrase(f"{key}.phrases", phrase)
        twin = slugs.setdefault(slug(phrase), phrase)
        if twin != phrase or attack.phrases.count(phrase) > 1:
            raise ValueError(
                f"{key}.phrases: {twin!r} and {phrase!r} share the name {slug(phrase)}; remove or change one"
            )
    for values, name in ((attack.ranks, "ranks"), (attack.confidences, "confidences")):
        if len(set(values)) < len(values):
            raise ValueError(f"{key}.{name}: {values} repeats a value; list each once")


def _check_phrase(key: str, phrase: str) -> None:
    strange = sorted(set(phrase) - set(ALPHABET))
    if strange:
        raise ValueError(f"{key}: {phrase!r} has {strange[0]!r}; allowed are a-z, space and apostrophe (lower case)")
    if phrase != " ".join(phrase.split()):
        raise ValueError(f"{key}: {phrase!r} has outer or double spaces; remove them")
    if not slug(phrase):
        raise ValueError(f"{key}: {phrase!r} has no letter")


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
    """One line about the first problem: key, what is allowed, what was given."""
    problem = error.errors(include_url=False)[0]
    key = ".".join(
        str(part) if re.fullmatch(r"[A-Za-z0-9_-]{1,60}", str(part)) else _short(part) for part in problem["loc"]
    )
    message = str(problem["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    given = problem["input"]
    match problem["type"]:
        case "value_error":
            return message
        case "extra_forbidden" | "invalid_key":
            return f"{key}: unknown key; see config/README.md for those there are"
        case "missing":
            return f"{key}: missing; config/README.md says what it is"
        case "string_pattern_mismatch":
            message = FORMS.get(problem["ctx"]["pattern"], "a path has no control characters")
        case "string_type" if isinstance(given, bool):
            message = 'to YAML, yes, no, on and off are no words; write "yes", "no", "on" or "off"'
        case "model_type":
            message = "a section with keys of its own, see config/README.md"
        case _:
            message = message[0].lower() + message[1:]
    return f"{key or 'configuration'}: {message} (given: {_short(given)})"


def _short(value: object) -> str:
    try:
        text = " ".join(repr(value).split())
    except (ValueError, RecursionError):
        text = f"a {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."
