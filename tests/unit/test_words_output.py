"""Networks whose classes are words: they learn, hear, can be attacked, and say what they do not know."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import toys
from configurations import read_study

from asrtransfer import recognisers
from asrtransfer.attacks.run import run_attack
from asrtransfer.attacks.task import Task
from asrtransfer.ctc.label_search import LabelSearch
from asrtransfer.ctc.labels import ctc_loss
from asrtransfer.files import parquet
from asrtransfer.files.errors import InputError
from asrtransfer.hearing.hear import hear
from asrtransfer.recognisers.base import Frames
from asrtransfer.recognisers.deepspeech import DeepSpeech
from asrtransfer.recognisers.deepspeech.network import Network, load_weights, save_weights
from asrtransfer.recognisers.deepspeech.section import DeepSpeechSection
from asrtransfer.recognisers.deepspeech.trainer import check_lengths, train_model
from asrtransfer.recognisers.deepspeech.words import DeepSpeechWords
from asrtransfer.recognisers.trained import TrainingJob
from asrtransfer.speech.utterances import Speech, pad
from asrtransfer.text.alphabet import collapse, frames_needed
from asrtransfer.text.vocabulary import Vocabulary, list_words
from study import params
from study.fingerprint import fingerprint

SCRIPTS = Path(__file__).resolve().parents[2] / "workflow/scripts"


def in_words(speech: Speech) -> Speech:
    """Each letter of the toy's texts as a word of its own."""
    return Speech(speech.table.assign(text=[" ".join(text) for text in speech.texts]), speech.folder)


@pytest.fixture(scope="module")
def said(train_split: Speech, dev_split: Speech) -> tuple[Speech, Speech]:
    return in_words(train_split), in_words(dev_split)


@pytest.fixture(scope="module")
def toy(said: tuple[Speech, Speech], tmp_path_factory: pytest.TempPathFactory) -> DeepSpeechWords:
    network = Network(64, dropout=0.05, words=list_words(said[0].texts))
    network.initialise(1)
    folder = tmp_path_factory.mktemp("words")
    save_weights(toys.learn(network, *said, folder / "checkpoint.safetensors"), folder / "weights.safetensors")
    found = recognisers.load("deepspeech", {}, "cpu", folder / "weights.safetensors")
    assert isinstance(found, DeepSpeechWords)
    return found


def test_it_learns_and_its_scores_are_those_of_the_loss(toy: DeepSpeechWords, said: tuple[Speech, Speech]) -> None:
    dev = said[1]
    audio = [dev.samples(index) for index in range(8)]
    heard = toy.hear(audio)
    assert [one.texts[0] for one in heard] == dev.texts[:8]
    for samples, one in zip(audio, heard, strict=True):
        assert len(one.texts) == len(set(one.texts)) <= 10
        rows, lengths = pad([samples] * len(one.texts))
        losses = toy.aim(rows, lengths, one.texts).loss.tolist()
        assert one.scores == pytest.approx([-loss for loss in losses], abs=1e-3)
        assert math.fsum(map(math.exp, one.scores or [])) <= 1 + 1e-6


def test_a_study_hears_it_as_a_recogniser_without_frames(toy: DeepSpeechWords, said: tuple[Speech, Speech]) -> None:
    dev = said[1]
    (one,) = hear(toy, None, [dev.samples(0)], [dev.texts[0]])  # type: ignore[arg-type]
    assert one.top == dev.texts[0]
    assert one.greedy is None
    assert one.loss == pytest.approx(-(one.log_probabilities or [0.0])[0], abs=1e-3)


def test_it_can_be_attacked(toy: DeepSpeechWords, said: tuple[Speech, Speech]) -> None:
    keys = {"phrases": ["d a b"], "iterations": 300, "test_every": 10, "keep": 1}
    (outcome,) = run_attack([toy], [Task("u", said[1].samples(0), "d a b")], "cw", keys, seed="words")
    assert outcome.status == "sample"
    assert toy.hear([outcome.samples[-1].audio])[0].texts[0] == "d a b"


def test_what_it_does_not_know_cannot_be_heard(toy: DeepSpeechWords, said: tuple[Speech, Speech]) -> None:
    samples = said[1].samples(0)
    assert toy.feasible(len(samples), "a d")
    assert not toy.feasible(len(samples), "a door")
    # A frame a word, and a blank between equal ones.
    assert toy.feasible(512, "a") and not toy.feasible(832, "a a")
    rows, lengths = pad([samples, samples])
    aim = toy.aim(rows, lengths, ["a door", said[1].texts[0]])
    assert aim.loss.isinf().tolist() == [True, False]
    assert aim.says() == [False, True]


@pytest.mark.parametrize("seed", range(5))
def test_the_search_finds_the_most_probable_labels(seed: int) -> None:
    """Against the sum over every alignment of five frames, of three labels and the blank."""
    logits = torch.randn(5, 4, generator=torch.Generator().manual_seed(seed))
    row = (2 * logits).log_softmax(dim=1)
    probabilities: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(4), repeat=5):
        labels = tuple(collapse(path, 3))
        chance = math.exp(sum(float(row[frame, label]) for frame, label in enumerate(path)))
        probabilities[labels] = probabilities.get(labels, 0.0) + chance
    expected = sorted(probabilities, key=lambda labels: -probabilities[labels])[:5]
    found = LabelSearch(4, 3).find(row)
    assert list(found)[:5] == expected
    assert [math.exp(found[labels]) for labels in expected] == pytest.approx([probabilities[one] for one in expected])
    losses = ctc_loss(row.expand(5, -1, -1), torch.full((5,), 5), expected, 3).tolist()
    assert losses == pytest.approx([-math.log(probabilities[labels]) for labels in expected], rel=1e-4)
    assert all(frames_needed(labels) <= 5 for labels in probabilities)


def test_words_and_classes() -> None:
    known = Vocabulary(list_words(["the red door", "the lamp"]))
    assert known.encode("the door the") == [3, 0, 3]
    assert known.decode([3, 0, 3]) == "the door the"
    assert (known.size, known.blank) == (5, 4)
    with pytest.raises(InputError, match="'the window' has 'window', which no utterance of the training split says"):
        known.encode("the window")


def test_a_dev_utterance_with_another_word_is_named(said: tuple[Speech, Speech]) -> None:
    network = Network(8, words=["a", "b", "c"])
    with pytest.raises(InputError, match=r"utterance u\d+: '.*' has 'd', which .*; with network.output: words, dev"):
        check_lengths(said[1], network.output)


def test_a_study_trains_it(said: tuple[Speech, Speech], tmp_path: Path) -> None:
    """Also on a part of the split, whose models know the words of the whole."""
    keys = DeepSpeechSection.model_validate(
        {"network": {"units": 16, "output": "words"}, "training": {"epochs": 1, "batch": 8}, "parts": 40}
    )
    table = said[0].table.head(40).copy()
    table.loc[table.index[0], "text"] = "zebra"
    parquet.write(table, said[0].folder / "few.parquet")
    files = {name: tmp_path / f"{name}.file" for name in ("weights", "epochs", "curve", "card")}
    job = TrainingJob(
        model="m", family="words", seed=1, arm="data", which=2, donor=None, shared=(), keys=keys, device="cpu",
        train=said[0].folder / "few.parquet", dev=said[0].folder / "few.parquet", threads=1, code={}, **files,
    )  # fmt: skip
    train_model(job, lambda line, last: None, lambda: False)
    words = load_weights(job.weights).shape["words"]
    assert words == ["a", "b", "c", "d", "zebra"]
    card = json.loads(job.card.read_text())
    assert (card["output"], card["classes"], card["train_utterances"]) == ("words", 6, 1)
    assert card["parameters"] == sum(np.prod(one.shape) for one in load_weights(job.weights).parameters())


def test_the_configuration_says_which_models_have_words() -> None:
    family = {"use": "deepspeech", "network": {"units": 16, "output": "words"}}
    study = read_study("smoke.yaml", families={"words": family}, models=["seed-1", "seed-2", "words.seed-1"])
    assert [study.class_of(name) for name in ("seed-1", "words.seed-1")] == [DeepSpeech, DeepSpeechWords]
    assert [study.has_frames(name) for name in ("seed-1", "words.seed-1")] == [True, False]
    assert not issubclass(DeepSpeechWords, Frames)
    # What has characters does not run again for an edit of what has words.
    package = "asrtransfer.recognisers.deepspeech"
    assert params.code_of_models(study, ["seed-1"]) == [package]
    assert params.code_of_models(study, ["seed-1", "words.seed-1"]) == [package, f"{package}.words"]
    reached = fingerprint(SCRIPTS / "hear.py", SCRIPTS, [package], ["job"])
    assert f"{package}.words" not in reached
    assert {f"{package}.words", "asrtransfer.ctc.label_search"} <= fingerprint(
        SCRIPTS / "hear.py", SCRIPTS, [f"{package}.words"], ["job"]
    ).keys()
