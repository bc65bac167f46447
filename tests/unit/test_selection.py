"""Selection: what every model gets right, drawn by a seed, and a clear refusal otherwise."""

from __future__ import annotations

import pandas as pd
import pytest

from asrtransfer.files.errors import InputError
from asrtransfer.hearing.selection import change_words, near_targets, select

NAMES = [f"u{number}" for number in range(8)]
UTTERANCES = pd.DataFrame(
    {
        "utterance_id": NAMES,
        "speaker": "s",
        "path": "p",
        "seconds": [2.0, 1.0, 3.0, 1.5, 2.5, 1.2, 1.1, 4.0],
        "text": [f"text {name}" for name in NAMES],
    }
)


def heard(wrong: set[str]) -> pd.DataFrame:
    texts = [["wrong" if name in wrong else f"text {name}", "second", "third"] for name in NAMES]
    return pd.DataFrame({"utterance_id": NAMES, "text": UTTERANCES["text"], "texts": texts})


def test_only_what_every_model_gets_right_is_selected_in_order_of_length() -> None:
    chosen = select(UTTERANCES, {"a": heard({"u0"}), "b": heard({"u1", "u0"})}, 6, seed=0)
    assert chosen["utterance_id"].tolist() == ["u6", "u5", "u3", "u4", "u2", "u7"]


def test_the_draw_follows_the_seed_and_loses_little() -> None:
    four = {seed: set(select(UTTERANCES, {"a": heard(set())}, 4, seed)["utterance_id"]) for seed in range(4)}
    assert len({tuple(sorted(names)) for names in four.values()}) > 1
    gone = next(iter(four[0]))
    again = set(select(UTTERANCES, {"a": heard({gone})}, 4, 0)["utterance_id"])
    assert len(four[0] & again) == 3


@pytest.mark.parametrize("wrong", [set(NAMES), set(NAMES[:5])])
def test_too_few_right_ones_name_the_model_and_the_remedy(wrong: set[str]) -> None:
    with pytest.raises(InputError) as error:
        select(UTTERANCES, {"seed-1": heard(set()), "seed-2": heard(wrong)}, 4, seed=0)
    message = str(error.value)
    assert f"right on {8 - len(wrong)} of 8" in message
    assert f"seed-2 {8 - len(wrong)}" in message
    assert "without seed-2 they would share 8" in message
    assert "selection.utterances" in message
    assert "\n" not in message


def test_near_targets_are_the_surrogates_own_and_may_be_missing() -> None:
    chosen = select(UTTERANCES, {"a": heard(set())}, 2, seed=0)
    targets = near_targets(chosen, heard(set()), [2, 4])
    assert targets["rank"].tolist() == [2, 4, 2, 4]
    assert targets["phrase"].isna().tolist() == [False, True, False, True]
    assert targets["phrase"].tolist()[0] == "second"


def test_so_many_words_change_to_others_of_the_pool() -> None:
    chosen = pd.DataFrame({"utterance_id": ["a", "b"], "text": ["one two three", "one"]})
    pool = ["one", "two", "three", "four"]
    changed = change_words(chosen, pool, 2, seed=0)["phrase"].tolist()
    assert [new == old for new, old in zip(changed[0].split(), ["one", "two", "three"], strict=True)].count(False) == 2
    assert set(changed[0].split()) <= set(pool)
    assert pd.isna(changed[1])
    assert change_words(chosen.iloc[:1], pool[::-1], 2, seed=0)["phrase"].tolist() == changed[:1]
    drawn = {change_words(chosen, pool, 1, seed)["phrase"].iloc[0] for seed in range(20)}
    assert len(drawn) > 3
