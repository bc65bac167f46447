"""The grammar of names: what is joined comes apart again, and relations follow from names alone."""

from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrtransfer.text.alphabet import CHARACTERS
from study import names

FAMILIES = st.from_regex(names.NAME, fullmatch=True).filter(lambda name: not name.startswith("seed-"))
SEEDS = st.integers(0, 999_999_999)
ARMS = st.one_of(
    st.just(("none", 0)),
    st.just(("twin", 0)),
    st.tuples(st.sampled_from(["ulp", "native", "data", "tuned"]), st.integers(1, 999)),
    st.tuples(st.just("shares"), st.just(0)),
)
SHARED = st.one_of(st.integers(1, 9).map(str), st.integers(1, 9).map("last-{}".format), st.just("recurrent"))
PHRASES = st.text(CHARACTERS, min_size=1, max_size=60).map(lambda text: " ".join(text.split())).filter(names.slug)


@st.composite
def trained(draw: st.DrawFn) -> names.Model:
    """A model that a study trains, and its name as the grammar writes it."""
    family, seed, (arm, which) = draw(st.none() | FAMILIES), draw(SEEDS), draw(ARMS)
    before = "" if family is None else f"{family}."
    base, shared, donor = f"{before}seed-{seed}", "", ""
    end = {"none": "", "twin": ".twin"}.get(arm, f".{arm}-{which}")
    if arm == "tuned":
        donor = base
    elif arm == "shares":
        shared, number = draw(SHARED), draw(SEEDS)
        donor, end = f"{before}seed-{number}", f".shares-{shared}-of-{number}"
    return names.Model(base + end, family or "deepspeech", base, seed, arm, which, donor, shared)


CHANNELS = st.from_regex(names.NAME, fullmatch=True)
LOADED = FAMILIES.map(lambda name: names.Model(name, name, name, None, "none", 0))
MODELS = st.one_of(trained(), LOADED)


@given(MODELS)
def test_a_model_is_what_its_name_was_made_of(model: names.Model) -> None:
    assert re.fullmatch(names.MODEL, model.name)
    assert names.parse_model(model.name, "deepspeech") == model
    assert (re.fullmatch(names.TRAINED, model.name) is None) is (model.seed is None)
    assert (re.fullmatch(names.LOADED, model.name) is None) is (model.seed is not None)


@given(MODELS, CHANNELS)
def test_a_model_through_a_channel_is_that_model(model: names.Model, channel: str) -> None:
    heard = names.parse_model(f"{model.name}@{channel}", "deepspeech")
    assert re.fullmatch(names.MODEL, heard.name)
    assert re.fullmatch(names.SURROGATE, heard.name) is None
    assert heard == dataclasses.replace(model, name=heard.name, channel=channel)
    assert (heard.source, heard.channel) == (model.name, channel)


@given(MODELS)
def test_a_base_is_its_own_base_and_of_the_same_family(model: names.Model) -> None:
    base = names.parse_model(model.base, "deepspeech")
    assert base == names.Model(model.base, model.family, model.base, model.seed, "none", 0)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Seed-1",
        "seed-1.",
        "seed-1.twin-1",
        "seed-1.ulp",
        "seed-1.ulp-0",
        "seed-1.other",
        "seed-1.tuned",
        "seed-1.shares-2",
        "seed-1.shares-0-of-2",
        "seed-1.shares-last-of-2",
        "seed-1.shares-2-of-seed-2",
        "a..seed-1",
        "a.b.seed-1",
        "a.twin",
        "-a",
        "a-",
        "a--b",
        "a_b",
        "seed-1 ",
        "seed-1+seed-2",
        "seed-1@",
        "seed-1@X",
        "seed-1@a@b",
        "@a",
        "seed-1/x",
        "1",
    ],
)
def test_what_is_no_model(name: str) -> None:
    assert re.fullmatch(names.MODEL, name) is None


@pytest.mark.parametrize("name", ["seed-01", "seed-1234567890", "seed-1-2", "seed-1a"])
def test_what_looks_like_a_seed_is_neither_trained_nor_loaded(name: str) -> None:
    assert names.parse_model(name, "deepspeech").seed is None
    assert re.fullmatch(names.LOADED, name) is None


@given(st.lists(MODELS, min_size=1, max_size=5))
def test_a_surrogate_is_its_models(models: list[names.Model]) -> None:
    members = [model.name for model in models]
    surrogate = names.join_surrogate(members)
    assert re.fullmatch(names.SURROGATE, surrogate)
    assert names.split_surrogate(surrogate) == members


@given(st.integers(2, 10))
def test_a_near_target_is_its_rank(rank: int) -> None:
    target = names.name_rank(rank)
    assert re.fullmatch(names.TARGET, target)
    assert names.find_rank(target) == rank
    assert rank in names.RANKS


@pytest.mark.parametrize("count", names.WORDS)
def test_changed_words_are_a_target_of_their_own_kind(count: int) -> None:
    target = names.name_words(count)
    assert re.fullmatch(names.TARGET, target)
    assert names.find_kind(target) == "words"
    assert names.find_rank(target) is None


@given(PHRASES)
def test_a_slug_is_a_target_that_is_no_rank(phrase: str) -> None:
    slug = names.slug(phrase)
    assert re.fullmatch(names.TARGET, slug)
    assert names.find_rank(slug) is None
    assert names.find_kind(slug) == "phrase"
    assert slug.split("-") == [word for word in phrase.replace("'", "").split(" ") if word]


@given(MODELS)
def test_a_model_is_itself(model: names.Model) -> None:
    assert names.relate([model], model) == "self"


@given(MODELS, MODELS)
def test_a_relation_is_the_same_both_ways_and_as_models_differ(first: names.Model, second: names.Model) -> None:
    relation = names.relate([first], second)
    assert (relation == "self") is (first.name == second.name)
    assert (relation == "family") is (first.family != second.family)
    if not {first.arm, second.arm} & set(names.RUNGS):
        assert (relation == "seed") is (first.family == second.family and first.base != second.base)
    if {first.arm, second.arm} <= {"none", "twin"} or first.arm == second.arm:
        assert names.relate([second], first) == relation


@given(st.lists(MODELS, min_size=1, max_size=4), MODELS)
def test_several_models_are_as_near_as_the_nearest(members: list[names.Model], remote: names.Model) -> None:
    each = [names.relate([member], remote) for member in members]
    assert names.relate(members, remote) == min(each, key=names.RELATIONS.index)
    assert names.relate(members[::-1], remote) == names.relate(members, remote)


@pytest.mark.parametrize(
    ("surrogate", "remote", "relation"),
    [
        ("seed-1", "seed-1.twin", "twin"),
        ("seed-1.twin", "seed-1", "twin"),
        ("seed-1", "seed-1.ulp-2", "ulp"),
        ("seed-1.ulp-1", "seed-1", "ulp"),
        ("seed-1.ulp-1", "seed-1.ulp-2", "ulp"),
        ("seed-1.ulp-1", "seed-1.twin", "ulp"),
        ("seed-1.twin", "seed-1.native-1", "native"),
        ("seed-1", "seed-2", "seed"),
        ("seed-1", "seed-2.twin", "seed"),
        ("seed-1", "log-mel.seed-1", "family"),
        ("log-mel.seed-1", "log-mel.seed-1.twin", "twin"),
        ("log-mel.seed-1", "log-mel.seed-2", "seed"),
        ("seed-1", "whisper-tiny-en", "family"),
        ("whisper-tiny-en", "whisper-base-en", "family"),
        ("seed-1+seed-2", "seed-2", "self"),
        ("seed-1+seed-2", "seed-2.twin", "twin"),
        ("seed-1+seed-2", "seed-3", "seed"),
        ("seed-1+log-mel.seed-1", "log-mel.seed-2", "seed"),
        ("seed-1+seed-2", "log-mel.seed-1", "family"),
        ("seed-1", "seed-1.data-2", "data"),
        ("seed-1.data-1", "seed-1.data-2", "data"),
        ("seed-2", "seed-1.data-2", "seed"),
        ("seed-1", "seed-1.tuned-2", "tuned"),
        ("seed-1.tuned-2", "seed-1.twin", "tuned"),
        ("seed-1", "seed-3.shares-2-of-1", "shares"),
        ("seed-3.shares-recurrent-of-1", "seed-1", "shares"),
        ("a.seed-1", "a.seed-3.shares-last-2-of-1", "shares"),
        ("seed-2+seed-1", "seed-3.shares-2-of-1", "shares"),
        ("seed-2", "seed-3.shares-2-of-1", "seed"),
        ("seed-1", "seed-1@phone", "channel"),
        ("seed-1", "seed-1.twin@phone", "channel"),
    ],
)
def test_relations(surrogate: str, remote: str, relation: str) -> None:
    members = [names.parse_model(name, "deepspeech") for name in names.split_surrogate(surrogate)]
    assert names.relate(members, names.parse_model(remote, "deepspeech")) == relation


@pytest.mark.parametrize(
    ("surrogate", "remote", "listens"),
    [
        ("seed-1", "seed-2.ulp-1", True),
        ("seed-1", "seed-1.tuned-2", True),
        ("seed-1.tuned-2", "seed-1", True),
        ("seed-2", "seed-1.tuned-2", False),
        ("seed-1.ulp-1", "seed-1.tuned-2", False),
        ("seed-1", "seed-3.shares-2-of-1", True),
        ("seed-3", "seed-3.shares-2-of-1", False),
        ("seed-2", "seed-3.shares-2-of-1", False),
        ("seed-2+seed-1", "seed-3.shares-2-of-1", True),
        ("seed-3.shares-2-of-1", "seed-3.shares-2-of-1", True),
        ("seed-3.shares-2-of-1", "seed-3.shares-3-of-1", False),
        ("seed-1", "seed-1@phone", True),
        ("seed-1", "seed-1.twin@phone", True),
        ("seed-1", "seed-1.ulp-1@phone", True),
        ("seed-1", "seed-3.shares-2-of-1@phone", True),
        ("seed-2+seed-1", "seed-1@phone", True),
        ("seed-1", "seed-2@phone", False),
        ("seed-3", "seed-3.shares-2-of-1@phone", False),
        ("seed-1", "log-mel.seed-1@phone", False),
    ],
)
def test_a_rung_listens_to_its_donor(surrogate: str, remote: str, listens: bool) -> None:
    members = [names.parse_model(name, "deepspeech") for name in names.split_surrogate(surrogate)]
    assert names.listens(members, names.parse_model(remote, "deepspeech")) is listens


@pytest.mark.parametrize(
    ("name", "rung"),
    [
        ("seed-1", "none"),
        ("seed-1.twin", "twin"),
        ("seed-1.ulp-2", "ulp"),
        ("seed-1.tuned-2", "tuned-2"),
        ("seed-3.shares-2-of-1", "shares-2"),
        ("seed-3.shares-last-2-of-1", "shares-last-2"),
        ("seed-3.shares-recurrent-of-1", "shares-recurrent"),
        ("seed-1@phone", "self@phone"),
        ("seed-3.shares-2-of-1@phone", "shares-2@phone"),
    ],
)
def test_a_rung_is_an_arm_without_its_seed(name: str, rung: str) -> None:
    assert names.parse_model(name, "deepspeech").rung == rung


def test_rungs_are_put_into_words_and_order() -> None:
    listed = ["tuned-9", "tuned-1", "shares-last-1-of-2", "shares-recurrent-of-2", "shares-1-of-2", "shares-5-of-2"]
    models = [names.parse_model(f"seed-1.{name}", "deepspeech") for name in listed]
    assert [model.common for model in models] == [
        "trained on for 9 epochs", "trained on for 1 epoch", "last 1 layer", "recurrent layer", "first 1 layer",
        "first 5 layers",
    ]  # fmt: skip
    places = [model.place for model in models]
    assert places[:2] == sorted(places[:2])
    assert places[2:] == sorted(places[2:])
    assert names.parse_model("seed-1.ulp-1", "deepspeech").common == ""
    heard = ["seed-1.twin@phone", "seed-1@phone", "seed-1.tuned-1@phone"]
    assert [names.parse_model(name, "deepspeech").common for name in heard] == [
        "all weights, heard through phone", "all weights, heard through phone",
        "trained on for 1 epoch, heard through phone",
    ]  # fmt: skip
