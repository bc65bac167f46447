"""The balanced design: even counts, in any order of the utterances, and few that move when one comes or goes."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from study import config, designs, params
from study.dealing import deal_phrases, deal_surrogates

UTTERANCES = st.integers(0, 80).map(lambda count: [f"test-{number}" for number in range(count)])
COUNTS = st.integers(1, 7)
SEEDS = st.integers(0, 2**31 - 1)


def numbered(noun: str, count: int) -> list[str]:
    return [f"{noun}-{number}" for number in range(1, count + 1)]


def spread(values: list[str], names: list[str]) -> int:
    """How far apart the counts of names are."""
    counts = Counter(values)
    every = [counts[name] for name in names]
    return max(every) - min(every)


@given(UTTERANCES, COUNTS, COUNTS, SEEDS)
def test_counts_differ_by_at_most_one(utterances: list[str], surrogates: int, phrases: int, seed: int) -> None:
    whom, what = numbered("seed", surrogates), numbered("phrase", phrases)
    dealt = deal_surrogates(utterances, whom, seed)
    targets = deal_phrases(dealt, what, seed)
    assert dealt.keys() == targets.keys() == set(utterances)
    assert spread(list(dealt.values()), whom) <= 1
    assert spread(list(targets.values()), what) <= 1
    for surrogate in whom:
        assert spread([targets[name] for name in utterances if dealt[name] == surrogate], what) <= 1


@given(UTTERANCES, COUNTS, COUNTS, SEEDS, st.randoms(use_true_random=False))
def test_the_order_of_the_utterances_says_nothing(
    utterances: list[str], surrogates: int, phrases: int, seed: int, random: object
) -> None:
    whom, what = numbered("seed", surrogates), numbered("phrase", phrases)
    other = list(utterances)
    random.shuffle(other)  # type: ignore[attr-defined]
    one, two = deal_surrogates(utterances, whom, seed), deal_surrogates(other, whom, seed)
    assert one == two
    assert deal_phrases(one, what, seed) == deal_phrases(two, what, seed)


def test_few_move_when_an_utterance_drops_out() -> None:
    """Of 60 dealt to nine places by fifty seeds: two or three on average, where a new deal would move fifty."""
    utterances = numbered("test", 60)
    whom, what = numbered("seed", 3), numbered("phrase", 3)
    moved = []
    for seed in range(50):
        places = []
        for some in (utterances, utterances[1:]):
            dealt = deal_surrogates(some, whom, seed)
            targets = deal_phrases(dealt, what, seed)
            places.append({name: (dealt[name], targets[name]) for name in some})
        moved.append(sum(places[0][name] != places[1][name] for name in utterances[1:]))
    assert sum(moved) / len(moved) < 4
    assert max(moved) <= 12


def test_another_seed_deals_otherwise() -> None:
    utterances = numbered("test", 60)
    one, two = (deal_surrogates(utterances, ["seed-1", "seed-2"], seed) for seed in (0, 1))
    assert sum(one[name] != two[name] for name in utterances) > 10


STUDY = {
    "models": ["seed-1", "seed-2", "seed-3"],
    "design": "balanced",
    "selection": {"utterances": 20},
    "attacks": {
        "cw": {"phrases": ["go", "stop", "turn around"], "ranks": [2, 3]},
        "pgd": {"phrases": ["stop", "go"]},
    },
}


def test_each_utterance_is_attacked_once_for_each_attack_and_confidence() -> None:
    study = config.read(STUDY)
    selected = numbered("test", 20)
    tried: Counter[tuple[str, str, str, str]] = Counter()
    surrogate_of: dict[str, set[str]] = {name: set() for name in selected}
    for job in designs.list_jobs(study):
        own = designs.list_utterances(study, job, selected)
        assert len(own) <= designs.count_utterances(study, job)
        target = job.target if job.target.startswith("rank-") else "phrase"
        for name in own:
            tried[job.attack, job.confidence, target, name] += 1
            surrogate_of[name].add(job.surrogate)
    kinds = [("cw", "low"), ("cw", "high"), ("pgd", "high")]
    phrases = {(*kind, "phrase", name) for kind in kinds for name in selected}
    near = {
        ("cw", level, rank, name) for level in ("low", "high") for rank in ("rank-2", "rank-3") for name in selected
    }
    assert tried == dict.fromkeys(phrases | near, 1)
    assert all(len(found) == 1 for found in surrogate_of.values())


def test_a_grid_attacks_every_utterance_in_every_job() -> None:
    study = config.read(STUDY | {"design": "grid"})
    selected = numbered("test", 20)
    assert all(designs.list_utterances(study, job, selected) == selected for job in designs.list_jobs(study))
    assert {designs.count_utterances(study, job) for job in designs.list_jobs(study)} == {20}


def test_an_utterance_more_concerns_few_jobs() -> None:
    """Jobs keep their utterances, which are their parameters, where they can; all jobs of a grid have the newcomer."""
    changed = {}
    for kind in ("balanced", "grid"):
        study = config.read(STUDY | {"design": kind})
        jobs = designs.list_jobs(study)
        told = [
            [params.describe_tasks(study, job, [(name, None) for name in numbered("test", count)], {}) for job in jobs]
            for count in (60, 61)
        ]
        changed[kind] = sum(before != after for before, after in zip(*told, strict=True)) / len(jobs)
    assert changed["balanced"] <= 0.6
    assert changed["grid"] == 1


def test_a_job_knows_the_audio_and_the_near_target_of_its_utterances_by_value() -> None:
    study = config.read(STUDY | {"design": "grid"})
    near = next(job for job in designs.list_jobs(study) if job.target == "rank-2")
    assert params.describe_tasks(study, near, [("a", "f00d"), ("b", None)], {"a": "go"}) == [
        ["a", "f00d", "go"],
        ["b", None, None],
    ]
