"""Synthetic speech: byte-identical for a seed, with splits that share no sentences."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas
import pytest

from asrtransfer import corpora
from asrtransfer.corpora import Utterance, synthetic
from asrtransfer.files.errors import InputError
from asrtransfer.speech import audio

SETTINGS = {
    "train_minutes": 0.5,
    "dev_utterances": 4,
    "test_utterances": 4,
    "train_voices": 10,
    "held_out_voices": 4,
}
PHRASES = (
    "open the door",
    "take a picture",
    "delete my messages",
    "browse to evil website",
    "what is the weather today",
    "go to evil website",
    "transfer money to my account",
    "turn off all the cameras",
    "order me some candy",
    "text mom i need money",
    "the fault dear is not in our stars",
)
SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"


def digest(folder: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            total.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return total.hexdigest()


def make(folder: Path, seed: int = 1, **changes: float) -> list[Utterance]:
    utterances = synthetic.prepare(folder, seed=seed, **{**SETTINGS, **changes})
    corpora.write(utterances, folder)
    return utterances


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Utterance]]:
    folder = tmp_path_factory.mktemp("corpus")
    return folder, make(folder)


def test_fresh_processes_make_the_same_bytes(corpus: tuple[Path, list[Utterance]], tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from asrtransfer import corpora; from asrtransfer.corpora import synthetic\n"
        "folder = Path(sys.argv[1])\n"
        f"corpora.write(synthetic.prepare(folder, seed=1, **{SETTINGS!r}), folder)"
    )
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS), "OMP_NUM_THREADS": "1"}
    for name in ("first", "second"):
        subprocess.run([sys.executable, "-c", program, str(tmp_path / name)], check=True, env=environment)
    assert digest(tmp_path / "first") == digest(tmp_path / "second") == digest(corpus[0])


def test_another_seed_makes_another_corpus(corpus: tuple[Path, list[Utterance]], tmp_path: Path) -> None:
    assert {u.text for u in make(tmp_path, seed=2)} != {u.text for u in corpus[1]}


def test_an_utterance_does_not_depend_on_those_before_it(corpus: tuple[Path, list[Utterance]], tmp_path: Path) -> None:
    folder, utterances = corpus
    make(tmp_path, train_minutes=0.1, dev_utterances=2)
    kept = list((tmp_path / "audio").iterdir())
    assert len(kept) < len(utterances)
    for path in kept:
        assert path.read_bytes() == (folder / "audio" / path.name).read_bytes(), path.name


def test_splits_share_no_sentence_and_test_no_voice(corpus: tuple[Path, list[Utterance]]) -> None:
    texts = {split: {u.text for u in corpus[1] if u.split == split} for split in corpora.SPLITS}
    speakers = {split: {u.speaker for u in corpus[1] if u.split == split} for split in corpora.SPLITS}
    assert not texts["train"] & texts["dev"] and not (texts["train"] | texts["dev"]) & texts["test"]
    assert speakers["dev"] <= speakers["train"]
    assert not speakers["test"] & speakers["train"]


def test_without_held_out_voices_test_is_spoken_by_those_of_training(tmp_path: Path) -> None:
    utterances = make(tmp_path, train_minutes=0.1, held_out_voices=0)
    speakers = {split: {u.speaker for u in utterances if u.split == split} for split in corpora.SPLITS}
    assert speakers["test"] <= speakers["train"] | speakers["dev"]


def test_pools_hold_each_sentence_once() -> None:
    pools = synthetic.list_sentences(1)
    every = [sentence for pool in pools.values() for sentence in pool]
    assert len(every) == len(set(every)) > 10_000
    assert all(len(pool) > 1000 for pool in pools.values())
    assert {len(sentence.split()) for sentence in every} <= {4, 5, 6, 7, 8}


def test_utterances_of_several_sentences_share_none(corpus: tuple[Path, list[Utterance]], tmp_path: Path) -> None:
    utterances = make(tmp_path, sentences=3)
    pools = synthetic.list_sentences(1)
    for split in corpora.SPLITS:
        texts = [utterance.text for utterance in utterances if utterance.split == split]
        assert [" and ".join(pools[split][3 * n : 3 * n + 3]) for n in range(len(texts))] == texts
    assert not [(phrase, u.text) for phrase in PHRASES for u in utterances if phrase in u.text]
    mean, single = (np.mean([u.seconds for u in some if u.split == "test"]) for some in (utterances, corpus[1]))
    assert 2.5 * single < mean < 4 * single


@pytest.mark.parametrize(("vocabulary", "length"), [(2, 4), (10, 3), (30, 5), (60, 1)])
def test_drawn_sentences_have_so_long_and_so_different_words(vocabulary: int, length: int) -> None:
    pools = synthetic.draw_sentences(1, vocabulary, length)
    every = [sentence for pool in pools.values() for sentence in pool]
    assert len(every) == len(set(every)) <= vocabulary**length
    assert {len(sentence.split()) for sentence in every} == {length}
    counts = Counter(word for sentence in every for word in sentence.split())
    assert len(counts) == vocabulary
    # All words are as frequent as any other.
    assert max(counts.values()) < 1.6 * min(counts.values()) + 3
    assert not [(phrase, s) for phrase in PHRASES for s in every if phrase in s]
    assert len(pools["train"]) > 5 * len(pools["test"])


def test_a_smaller_vocabulary_is_a_part_of_a_larger_one() -> None:
    words = [
        {word for pool in synthetic.draw_sentences(1, size, 2).values() for text in pool for word in text.split()}
        for size in (5, 20, 60)
    ]
    assert words[0] < words[1] < words[2] == set(synthetic.list_words())
    assert synthetic.draw_sentences(2, 5, 2) != synthetic.draw_sentences(1, 5, 2)
    with pytest.raises(InputError, match="vocabulary: 61 is more than the 60 words"):
        synthetic.draw_sentences(1, 61, 2)


def test_grammar_has_all_letters_but_no_attacked_phrase() -> None:
    every = [sentence for pool in synthetic.list_sentences(1).values() for sentence in pool]
    assert set("".join(every)) == set(" abcdefghijklmnopqrstuvwxyz")
    assert set("".join(PHRASES)) <= set("".join(every))
    assert not [(phrase, s) for phrase in PHRASES for s in every if phrase in s]


def test_held_out_voices_combine_what_training_heard() -> None:
    training, held_out = synthetic.voice_names()
    assert not set(training) & set(held_out)
    for part in (0, 2):
        heard = {name.partition("+")[part] for name in training[:10]}
        assert {name.partition("+")[part] for name in held_out} <= heard


def test_audio_is_speech_of_the_stated_length(corpus: tuple[Path, list[Utterance]]) -> None:
    folder, utterances = corpus
    for utterance in utterances:
        samples = audio.read(folder / utterance.path, audio.LINKED_LIMIT)
        assert len(samples) / audio.SAMPLE_RATE == utterance.seconds
        assert 1.0 < utterance.seconds < 2.8
        assert 3000 < np.abs(samples.astype(int)).max() < 32767
        edge = int(0.1 * audio.SAMPLE_RATE)
        for silence in (samples[:edge], samples[-edge:]):
            assert 0 < np.abs(silence).max() < 200, utterance.utterance_id
    minutes = sum(u.seconds for u in utterances if u.split == "train") / 60
    assert SETTINGS["train_minutes"] <= minutes < SETTINGS["train_minutes"] + 0.05


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("train_voices", 41),
        ("held_out_voices", 11),
        ("test_utterances", 100_000),
        ("dev_utterances", 0),
        ("train_minutes", 0),
    ],
)
def test_impossible_wishes_are_named(tmp_path: Path, key: str, value: int) -> None:
    with pytest.raises(InputError, match=f"{key}: {value} "):
        synthetic.prepare(tmp_path, seed=1, **{**SETTINGS, key: value})


def test_a_link_to_original_audio_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "originals").mkdir()
    (tmp_path / "audio").symlink_to(tmp_path / "originals")
    make(tmp_path, train_minutes=0.01, dev_utterances=1, test_utterances=1)
    assert not list((tmp_path / "originals").iterdir())


# The tables of every corpus.


def utterance(name: str, split: str, **changes: object) -> Utterance:
    return replace(Utterance(name, split, f"speaker-{split}", f"audio/{name}.flac", 1.0, "a text"), **changes)


@pytest.fixture
def three() -> list[Utterance]:
    return [utterance("a", "train"), utterance("b", "dev"), utterance("c", "test")]


def test_tables_ascend_by_length_then_name(tmp_path: Path, three: list[Utterance]) -> None:
    more = [
        utterance("z", "train", seconds=0.5),
        utterance("0", "train"),
        utterance("y", "train", seconds=0.5),
    ]
    corpora.write(three + more, tmp_path)
    table = pandas.read_parquet(tmp_path / "train.parquet")
    assert list(table.columns) == ["utterance_id", "speaker", "path", "seconds", "text", "sha256"]
    assert list(table.utterance_id) == ["y", "z", "0", "a"]
    before = digest(tmp_path)
    corpora.write(more + three, tmp_path)
    assert digest(tmp_path) == before


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (utterance("a", "dev"), "utterance a occurs twice"),
        (utterance("d", "train", text=" "), "utterance d: the text is empty"),
        (utterance("d", "train", text="room 5"), "utterance d: '5' in 'room 5'"),
        (utterance("d", "train", text="Upper"), "not normalised"),
        (utterance("d", "valid"), "split 'valid'"),
        (utterance("d", "dev", speaker="speaker-train"), "speaker speaker-train is in train and dev"),
    ],
)
def test_faulty_corpora(tmp_path: Path, three: list[Utterance], extra: Utterance, message: str) -> None:
    with pytest.raises(InputError, match=message):
        corpora.write([*three, extra], tmp_path, disjoint_speakers=True)
    assert not list(tmp_path.iterdir())


def test_shared_speakers_are_fine_if_allowed(tmp_path: Path, three: list[Utterance]) -> None:
    corpora.write([*three, utterance("d", "dev", speaker="speaker-train")], tmp_path)


def test_empty_split(tmp_path: Path, three: list[Utterance]) -> None:
    with pytest.raises(InputError, match="no utterances in dev"):
        corpora.write([three[0], three[2]], tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("  The\tCAFÉ\n bar ", "the cafe bar"), ("don’t", "don't"), ("ﬁne Ångström", "fine angstrom")],
)
def test_normalisation(text: str, expected: str) -> None:
    assert corpora.normalise(text, "row 1") == expected
    assert corpora.normalise(expected, "row 1") == expected
