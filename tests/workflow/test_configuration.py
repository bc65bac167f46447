"""Any configuration is understood or refused, and a refusal is one line that names the key."""

from __future__ import annotations

import copy
import datetime
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from study import designs, names, params
from study.config import ConfigError, Study, read
from study.config.errors import RESULTS

FOLDER = Path(__file__).resolve().parents[2] / "config"
DEFAULT = yaml.safe_load((FOLDER / "config.yaml").read_text())


def laid_over(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """What Snakemake makes of two files."""
    merged = copy.deepcopy(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = laid_over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


SHIPPED = [laid_over(DEFAULT, yaml.safe_load(path.read_text())) for path in sorted(FOLDER.glob("*.yaml"))]


def deepspeech(**keys: Any) -> dict[str, Any]:
    return {"families": {"deepspeech": keys}}


def refusal(over: dict[str, Any], base: dict[str, Any] = DEFAULT) -> str:
    with pytest.raises(ConfigError) as refused:
        read(laid_over(base, over))
    message = str(refused.value)
    assert_one_line(message)
    return message


def assert_one_line(message: str) -> None:
    """A key, a colon, what is allowed; nothing that a terminal or a log could not print."""
    assert message.isprintable(), message
    assert re.match(r"\S.{0,200}?: \S", message), message
    assert len(message) < 800, message
    message.encode("utf-8")


@pytest.mark.parametrize("given", SHIPPED)
def test_shipped_configurations_are_understood(given: dict[str, Any]) -> None:
    assert designs.list_jobs(read(given))


def test_defaults_are_the_published_recipe() -> None:
    study = read({"models": ["seed-1"], "attacks": {"cw": {"phrases": ["open the door"]}}})
    published = read(SHIPPED[[path.stem for path in sorted(FOLDER.glob("*.yaml"))].index("paper")])
    assert study.families == published.families
    # Skipping a search changes no table, and pays with millions of hearings.
    assert study.decoder.model_copy(update={"certify": True}) == published.decoder
    assert study.selection == published.selection
    assert study.corpus.librispeech == published.corpus.librispeech
    for name in ("learning_rate", "bound", "shrink", "noise", "iterations", "threshold", "confidences"):
        assert getattr(study.attacks["cw"], name) == getattr(published.attacks["cw"], name)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "unknown key": ({"trainning": {}}, "trainning: unknown key"),
    "unknown key in a section": (deepspeech(training={"epoch": 3}), "families.deepspeech.training.epoch: unknown key"),
    "unknown attack": ({"attacks": {"fgsm": {}}}, "attacks.fgsm.use: there is no attack 'fgsm'; use one of cw, mix"),
    "key with a line break": ({"a\nb": 1}, r"'a\\nb': unknown key"),
    "key that is a number": ({7: 1}, "7: unknown key"),
    "text for a number": (deepspeech(training={"epochs": "many"}), "families.deepspeech.training.epochs: .*'many'"),
    "a decimal for a whole number": (
        deepspeech(training={"epochs": 2.5}),
        "families.deepspeech.training.epochs: .*2.5",
    ),
    "yes for a number": ({"threads": True}, "threads: .*True"),
    "not a number": (
        deepspeech(training={"learning_rate": math.nan}),
        "families.deepspeech.training.learning_rate: .*nan",
    ),
    "infinity": (deepspeech(training={"clip": math.inf}), "families.deepspeech.training.clip: .*inf"),
    "below the range": ({"threads": 0}, "threads: .*1.*0"),
    "above the range": (deepspeech(network={"units": 9000}), "families.deepspeech.network.units: .*8192"),
    "more digits than Python prints": ({"threads": 10**5000}, "threads: "),
    "a word that is not among those allowed": ({"device": "tpu"}, "device: .*'cpu' or 'cuda'.*'tpu'"),
    "a number for a section": (deepspeech(network=5), "families.deepspeech.network: a section .*5"),
    "a list for a section": ({"attacks": []}, r"attacks: a section .*\[\]"),
    "nothing for a section": (deepspeech(training=None), "families.deepspeech.training: a section .*None"),
    "a number for a family": ({"families": {"deepspeech": 5}}, "families.deepspeech: a section .*5"),
    "a number for the families": ({"families": 5}, "families: a section .*5"),
    "a section of before": ({"network": {"units": 64}}, "network: unknown key"),
    "a text for a list": ({"models": "seed-1"}, "models: .*list.*'seed-1'"),
    "a mapping in a list": ({"models": [{"seed": 1}]}, r"models\.0: "),
    "no models": ({"models": []}, "models: .*at least 1"),
    "a model without a form": ({"models": ["model_1"]}, r"models\.0: seed-N, .*'model_1'"),
    "a model of a family that is not there": (
        {"models": ["model-1"]},
        "models: model-1 is of the family model-1; add families.model-1",
    ),
    "a seed of a family that is not there": (
        {"models": ["log-mel.seed-1"]},
        "models: log-mel.seed-1 is of the family log-mel; add families.log-mel",
    ),
    "a trained family without a seed": (
        {"models": ["seed-1", "deepspeech"]},
        "models: deepspeech: the family deepspeech is trained; write deepspeech.seed-N",
    ),
    "a default family that is not there": ({"family": "none"}, "families.none.use: there is no recogniser 'none'"),
    "a family that is called as a model": ({"families": {"seed-1": {}}}, "families.'seed-1': a name of .*seed-"),
    "an attack that is a path": ({"attacks": {"../up": {}}}, "attacks.'../up': a name of "),
    "a seed with a leading zero": ({"models": ["seed-01"]}, r"models: seed-01 is no model; write seed-N, "),
    "a seed in other digits": ({"models": ["seed-١"]}, r"models\.0: "),
    "an arm of a model that is not there": (
        {"models": ["seed-1", "seed-2.twin"]},
        "models: seed-2.twin is an arm of seed-2, which is not listed; add seed-2",
    ),
    "a rung of a model that is not there": (
        {"models": ["seed-1", "seed-1.shares-2-of-3"]},
        "models: seed-1.shares-2-of-3 is made from seed-3, which is not listed; add seed-3",
    ),
    "a rung of its own seed": (
        {"models": ["seed-1", "seed-1.shares-2-of-1"]},
        "models: seed-1.shares-2-of-1 shares layers with its own seed; name another",
    ),
    "a rung that shares all layers": (
        {"models": ["seed-1", "seed-2.shares-6-of-1"]},
        "models: seed-2.shares-6-of-1: the family deepspeech has 6 layers, of which one at least must be its own",
    ),
    "a model twice": ({"models": ["seed-1", "seed-1"]}, "models: seed-1 is listed twice"),
    "a surrogate that is no model": ({"surrogates": ["seed-9"]}, "surrogates: seed-9 is not a model; add it"),
    "an ensemble of a stranger": ({"surrogates": [["seed-1", "seed-9"]]}, "surrogates: seed-9 is not a model; add it"),
    "an ensemble with a model twice": (
        {"surrogates": ["seed-1+seed-1"]},
        r"surrogates: seed-1\+seed-1 has seed-1 twice",
    ),
    "an ensemble in two orders": (
        {"surrogates": ["seed-1+seed-2", ["seed-2", "seed-1"]]},
        r"surrogates: seed-2\+seed-1 is listed twice",
    ),
    "an ensemble of nobody": ({"surrogates": [[]]}, r"surrogates\.0: "),
    "a list in an ensemble": ({"surrogates": [[["seed-1"]]]}, r"surrogates\.0: "),
    "a remote that is no model": ({"remotes": ["seed-9"]}, "remotes: seed-9 is not a model; add it"),
    "no surrogates": ({"surrogates": []}, "surrogates: .*at least 1"),
    "no attacks": ({"attacks": {"cw": None, "pgd": None}}, "attacks: none is configured"),
    "an attack without targets": (
        {"attacks": {"pgd": {"phrases": []}}},
        "attacks.pgd.phrases: no target; give phrases, ranks or words",
    ),
    "a phrase in capitals": (
        {"attacks": {"cw": {"phrases": ["Open the door"]}}},
        "attacks.cw.phrases: 'Open the door' has 'O'; allowed are a-z",
    ),
    "a phrase with a digit": ({"attacks": {"cw": {"phrases": ["route 66"]}}}, "attacks.cw.phrases: .*'6'"),
    "a phrase with an accent": ({"attacks": {"cw": {"phrases": ["café"]}}}, "attacks.cw.phrases: .*'é'"),
    "a phrase with a zero byte": ({"attacks": {"cw": {"phrases": ["a\0b"]}}}, r"attacks.cw.phrases: .*x00"),
    "a phrase with a line break": ({"attacks": {"cw": {"phrases": ["a\nb"]}}}, r"attacks.cw.phrases: .*n'"),
    "a phrase of half a character": ({"attacks": {"cw": {"phrases": ["a\ud800"]}}}, "attacks.cw.phrases"),
    "a phrase that is a path": ({"attacks": {"cw": {"phrases": ["../up"]}}}, "attacks.cw.phrases: .*'.'"),
    "an empty phrase": ({"attacks": {"cw": {"phrases": [""]}}}, r"attacks.cw.phrases.0: .*at least 1"),
    "a phrase of spaces": ({"attacks": {"cw": {"phrases": ["  "]}}}, "attacks.cw.phrases: .*spaces"),
    "a phrase of an apostrophe": ({"attacks": {"cw": {"phrases": ["'"]}}}, "attacks.cw.phrases: .*no letter"),
    "a phrase that YAML takes for false": (
        {"attacks": {"cw": {"phrases": [False]}}},
        r'attacks.cw.phrases.0: .*write "yes", "no"',
    ),
    "a phrase that YAML takes for a date": (
        {"attacks": {"cw": {"phrases": [datetime.date(2021, 5, 1)]}}},
        r"attacks.cw.phrases.0: .*string",
    ),
    "two phrases with one name": (
        {"attacks": {"cw": {"phrases": ["it's on", "its on"]}}},
        "attacks.cw.phrases: \"it's on\" and 'its on' share the name its-on; remove or change one",
    ),
    "a phrase twice": ({"attacks": {"cw": {"phrases": ["go", "go"]}}}, "attacks.cw.phrases: .*share the name go"),
    "the first rank": ({"attacks": {"cw": {"ranks": [1]}}}, r"attacks.cw.ranks.0: .*2"),
    "words twice": ({"attacks": {"cw": {"words": [1, 1]}}}, "attacks.cw.words: .*repeats"),
    "a rank twice": ({"attacks": {"cw": {"ranks": [2, 2]}}}, "attacks.cw.ranks: .*repeats"),
    "no confidence": ({"attacks": {"cw": {"confidences": {}}}}, "attacks.cw.confidences: .*at least 1"),
    "a list of confidences": ({"attacks": {"cw": {"confidences": ["low"]}}}, "attacks.cw.confidences: a section"),
    "tests that never come": (
        {"attacks": {"cw": {"iterations": 5, "test_every": 6}}},
        "attacks.cw.test_every: 6 is more than the 5 iterations; lower it",
    ),
    "near targets of the greedy backend": ({"decoder": {"backend": "greedy"}}, "attacks.cw.ranks: the greedy"),
    "a language model of another backend": (
        {"decoder": {"backend": "ctcdecode", "language_model": "lm.arpa"}},
        "decoder.language_model: ctcdecode takes none",
    ),
    "several GPUs of a CPU": (
        deepspeech(training={"accumulate": 4, "gpus": 4}),
        "families.deepspeech.training.gpus: 4 GPUs, and device is cpu; set device: cuda, or training.gpus: 1",
    ),
    "more GPUs than batches": (
        {"device": "cuda", **deepspeech(training={"accumulate": 2, "gpus": 4})},
        r"families\.deepspeech\.training\.gpus: 4 GPUs cannot share 2 batches a step; lower it, or raise training\.acc",
    ),
    "more utterances than there are": (
        {"selection": {"utterances": 201}},
        "selection.utterances: 201 are asked for, and corpus.synthetic.test_utterances is 200",
    ),
    "a manifest without its path": ({"corpus": {"kind": "manifest"}}, "corpus.manifest: missing"),
    "a manifest with an empty path": ({"corpus": {"manifest": {"path": ""}}}, "corpus.manifest.path: "),
    "a manifest with a zero byte": ({"corpus": {"manifest": {"path": "a\0b"}}}, "corpus.manifest.path: "),
    "another kind of corpus": ({"corpus": {"kind": "timit"}}, "corpus.kind: .*'timit'"),
    "results above": ({"results": "../elsewhere"}, "results: a folder inside this one"),
    "results in the middle above": ({"results": "a/../../b"}, "results: a folder inside this one"),
    "results at the root": ({"results": "/tmp/x"}, "results: a folder inside this one"),
    "results that are an option": ({"results": "-rf"}, "results: a folder inside this one"),
    "results that are hidden": ({"results": ".git"}, "results: a folder inside this one"),
    "results here": ({"results": "."}, "results: a folder inside this one"),
    "results with a zero byte": ({"results": "a\0b"}, "results: a folder inside this one"),
    "results with a line break": ({"results": "results\n"}, "results: a folder inside this one"),
    "results with a wildcard": ({"results": "{model}"}, "results: a folder inside this one"),
    "results with a space": ({"results": "my results"}, "results: a folder inside this one"),
    "no results": ({"results": ""}, "results: a folder inside this one"),
    "long results": ({"results": "a" * 300}, "results: .*200"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusal_names_the_key_and_what_is_allowed(case: str) -> None:
    over, message = REFUSED[case]
    assert re.match(message, refusal(over))


@pytest.mark.parametrize("missing", ["models", "attacks"])
def test_a_key_that_must_be_given_is_asked_for(missing: str) -> None:
    given = {key: value for key, value in DEFAULT.items() if key != missing}
    with pytest.raises(ConfigError, match=rf"^{missing}: missing"):
        read(given)


@pytest.mark.parametrize("given", [None, [], "config", 3, {}])
def test_what_is_no_configuration_is_refused(given: Any) -> None:
    with pytest.raises(ConfigError) as refused:
        read(given)
    assert_one_line(str(refused.value))


def test_what_the_command_line_gives_as_text_is_read() -> None:
    """Snakemake hands over everything inside a section as text; YAML takes 1e-4 for one."""
    over = {
        **deepspeech(training={"epochs": "7", "learning_rate": "1e-4", "clip": "null"}),
        "corpus": {"manifest": {"path": "a.csv", "disjoint_speakers": "false"}},
        "attacks": {"cw": {"ranks": ["2"], "cap": "5"}, "pgd": "null"},
        "surrogates": "null",
    }
    study = read(laid_over(DEFAULT, over))
    recipe = study.section_of("seed-1").training
    assert (recipe.epochs, recipe.learning_rate, recipe.clip) == (7, 1e-4, None)
    assert study.corpus.manifest is not None
    assert not study.corpus.manifest.disjoint_speakers
    assert list(study.attacks) == ["cw"]
    assert (study.attacks["cw"].ranks, study.attacks["cw"].cap) == ([2], 5)
    assert study.surrogates is None


def test_words_that_look_like_others_stay_phrases() -> None:
    phrases = ["no", "null", "true", "nan", "infinity"]
    study = read(laid_over(DEFAULT, {"attacks": {"cw": {"phrases": phrases}}}))
    assert study.attacks["cw"].phrases == phrases


def test_a_corpus_can_be_laid_over_another() -> None:
    over = {"corpus": {"kind": "manifest", "manifest": {"path": "own/manifest.csv"}}}
    study = read(laid_over(DEFAULT, over))
    assert params.describe_corpus(study) == {
        "kind": "manifest",
        "settings": {"manifest": "own/manifest.csv", "longest_seconds": 600.0, "disjoint_speakers": True}
        | {"dither": 0.0, "seed": 0},
    }
    assert params.list_manifests(study) == ["own/manifest.csv"]


def test_names_of_phrases() -> None:
    assert names.slug("open the door") == "open-the-door"
    assert names.slug("what's on") == "whats-on"
    assert names.slug("'tis ' it") == "tis-it"


# Property: any change of a shipped configuration.

NASTY = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(10**400), 10**400),
    st.floats(),
    st.text(max_size=30),
    st.sampled_from(("", " ", "..", "/", "~", "\0", "\n", "\x1b[31m", "{x}", "%s", "\ud800", "a" * 5000)),
    st.sampled_from(
        (
            "null",
            "1e999",
            "1_0",
            "٣",
            "seed-1",
            "seed-0",
            "seed-1.twin",
            "seed-01",
            "seed-1+seed-2",
            "seed-999999999999",
        )
    ),
    st.sampled_from(("rank-2", "go", "high", "low")),
    st.dates(),
    st.binary(max_size=4),
    st.just([]),
    st.just({}),
    st.just([[]]),
    st.just({"a": {"b": []}}),
    st.lists(st.one_of(st.text(max_size=5), st.integers(), st.none()), max_size=4),
    st.dictionaries(st.one_of(st.text(max_size=5), st.integers()), st.integers(), max_size=3),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a configuration, sections and items of lists included."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in items:
        yield (*path, key)
        yield from places(below, (*path, key))


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """A shipped configuration with one to four places deleted, renamed, replaced, retyped, doubled or moved."""
    given = copy.deepcopy(draw(st.sampled_from(SHIPPED)))
    for _ in range(draw(st.integers(1, 4))):
        *above, last = draw(st.sampled_from(sorted(places(given), key=repr) or [("models",)]))
        parent = given
        for key in above:
            parent = parent[key]
        if not isinstance(parent, list) and last not in parent:
            continue
        value = parent[last]
        match draw(st.sampled_from(["delete", "rename", "replace", "retype", "wrap", "add", "scale", "double"])):
            case "delete":
                del parent[last]
            case "rename" if isinstance(parent, dict):
                parent[draw(st.one_of(st.text(max_size=8), st.just(f"{last}s"), st.integers()))] = parent.pop(last)
            case "retype":
                parent[last] = draw(st.sampled_from([str(value), [value], {"x": value}, repr(value), None]))
            case "wrap":
                parent[last] = [value, value]
            case "add" if isinstance(value, dict):
                value[draw(st.one_of(st.text(max_size=8), st.none(), st.booleans()))] = copy.deepcopy(draw(NASTY))
            case "add" if isinstance(value, list):
                value.append(copy.deepcopy(draw(NASTY)))
            case "scale" if isinstance(value, int | float) and abs(value) < 1e9:
                parent[last] = value * draw(st.sampled_from([-1, 0, 0.5, 1e9, 1e308, 10**30]))
            case "double" if isinstance(value, list):
                value.extend(value[:2])
            case _:
                parent[last] = copy.deepcopy(draw(NASTY))
    return given


@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutated())
def test_any_change_of_a_shipped_configuration_is_understood_or_refused(given: dict[str, Any]) -> None:
    try:
        study = read(given)
    except ConfigError as error:
        assert_one_line(str(error))
        known = "|".join(Study.model_fields)
        assert re.match(rf"({known})[.:]|.*: unknown key; ", str(error)), str(error)
        return
    jobs = designs.list_jobs(study)
    assert jobs and len(set(jobs)) == len(jobs)
    for job in jobs:
        told = params.describe_attack(study, job)
        assert (told["phrase"] is None) == (told["target_kind"] == "near") == (names.find_rank(job.target) is not None)
        assert re.fullmatch(names.SURROGATE, job.surrogate)
        assert re.fullmatch(names.TARGET, job.target)
    assert re.fullmatch(RESULTS, study.results)
    hearings = designs.list_hearings(study)
    assert len(set(hearings)) == len(hearings)
    assert {designs.relate(study, *pair) for pair in hearings} <= set(names.RELATIONS)
    assert all(re.fullmatch(rf"{names.TRAINED}|{names.LOADED}", study.parsed(name).source) for name in study.models)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.recursive(NASTY, lambda below: st.dictionaries(st.sampled_from(list(DEFAULT)), below, max_size=5)))
def test_anything_at_all_is_understood_or_refused(given: Any) -> None:
    try:
        read(given)
    except ConfigError as error:
        assert_one_line(str(error))
