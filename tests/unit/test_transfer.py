"""What a remote hears: hits, ranks, controls; planted cases through the same code as the study's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
import torch

from asrtransfer.attacks import samples
from asrtransfer.attacks.task import Outcome, Sample, Task
from asrtransfer.corpora.synthetic import voice_names
from asrtransfer.ctc import decoding
from asrtransfer.files.errors import InputError
from asrtransfer.hearing import controls, transfer
from asrtransfer.hearing.hear import Hearing, compute_losses, contains, hear, rank
from asrtransfer.recognisers.base import Heard, Recogniser
from asrtransfer.recognisers.deepspeech import DeepSpeech
from asrtransfer.recognisers.deepspeech.network import Network
from asrtransfer.speech.espeak import Engine
from asrtransfer.speech.phrases import VOICES
from asrtransfer.speech.utterances import Speech

JOB = {"attack": "pgd", "surrogate": "seed-1", "target": "x", "target_kind": "phrase", "confidence": "high"}


def rows(dev: Speech, phrases: Sequence[str]) -> pd.DataFrame:
    """Samples that say what their utterance says; a phrase is a hit exactly where it is that text."""
    outcomes = []
    for index, phrase in enumerate(phrases):
        clean = dev.samples(index)
        audio = (clean + np.where(np.arange(len(clean)) % 2, 3, -3)).astype(np.int16)
        task = Task(dev.utterance_ids[index], clean, phrase)
        outcomes.append(Outcome(task, "sample", 0.1, [Sample(7, audio, 0.1, 0.9, 8.0)]))
    kept = samples.capped(outcomes, None, "s")
    return samples.table(outcomes, kept, dev.texts[: len(phrases)], JOB).to_pandas()


@pytest.fixture(scope="module")
def heard(toy: DeepSpeech, dev_split: Speech) -> pd.DataFrame:
    clean = {name: dev_split.samples(index) for index, name in enumerate(dev_split.utterance_ids[:3])}
    texts = dict(zip(clean, dev_split.texts, strict=False))
    listener = transfer.Listener(toy, decoding.build("flashlight"), clean, texts, certify=False)
    phrases = [dev_split.texts[0], dev_split.texts[1], dev_split.texts[2] + "a"]
    table = transfer.as_table(listener.transcripts(rows(dev_split, phrases)), "seed-2", "hash", "seed")
    return table.to_pandas()


def test_a_planted_hit_is_counted_and_a_near_miss_is_not(heard: pd.DataFrame) -> None:
    adversarial = heard[heard["kind"] == "adversarial"]
    assert adversarial["hit"].tolist() == [True, True, False]
    assert adversarial["rank"].tolist()[:2] == [1, 1]
    assert adversarial["cer_target"].tolist()[:2] == [0, 0]
    assert adversarial["cer_target"].tolist()[2] > 0
    assert (adversarial["remote"] == "seed-2").all()


def test_every_primary_sample_has_its_controls_and_clean_audio(heard: pd.DataFrame) -> None:
    kinds = heard.groupby("utterance_id")["kind"].apply(sorted)
    assert all(kind == ["adversarial", "clean", "moved", "noise", "shuffled", "spoken"] for kind in kinds)
    clean = heard[heard["kind"] == "clean"]
    assert np.allclose(clean["ctc_loss"], clean["ctc_loss_clean"])
    assert np.isfinite(heard["ctc_loss"]).all()


@pytest.mark.parametrize("backend", ["flashlight", "greedy"])
def test_a_certified_hearing_says_of_the_target_what_a_search_says(
    toy: DeepSpeech, dev_split: Speech, backend: str
) -> None:
    """Two samples an utterance, of which one is not primary."""
    clean = {name: dev_split.samples(index) for index, name in enumerate(dev_split.utterance_ids[:8])}
    texts = dict(zip(clean, dev_split.texts, strict=False))
    phrases = [*dev_split.texts[:4], "abcd", "dcba", dev_split.texts[6] + "a", "a"]
    primary = rows(dev_split, phrases)
    made = pd.concat([primary, primary.assign(primary=False, iteration=3)])
    searched, certified = (
        pd.DataFrame(transfer.Listener(toy, decoding.build(backend), clean, texts, certify=certify).transcripts(made))
        for certify in (False, True)
    )
    settled = ["kind", "utterance_id", "primary", "greedy", "rank", "hit", "ctc_loss", "ctc_loss_clean"]
    pd.testing.assert_frame_equal(searched[settled], certified[settled])
    graded = ["contains", "cer_target", "cer_truth"]
    pd.testing.assert_frame_equal(
        searched.loc[searched["primary"], graded].astype(float),
        certified.loc[certified["primary"], graded].astype(float),
    )
    assert searched["searched"].all()
    assert certified["searched"].all() == (backend == "greedy")
    proven = certified[~certified["searched"]]
    assert proven["hit"].any() == (backend == "flashlight")
    assert (proven["texts"].str.len() == 0).any() == (backend == "flashlight")


def test_hearing_does_not_depend_on_the_order(toy: DeepSpeech, dev_split: Speech) -> None:
    audio = [dev_split.samples(index) for index in range(6)]
    decoder = decoding.build("flashlight")
    forward = hear(toy, decoder, audio, ["ab"] * 6)
    backward = hear(toy, decoder, audio[::-1], ["ab"] * 6)[::-1]
    assert [one.texts for one in forward] == [one.texts for one in backward]
    assert [one.loss for one in forward] == pytest.approx([one.loss for one in backward], rel=1e-5)


def test_too_small_a_memory_changes_no_hearing(
    toy: DeepSpeech, dev_split: Speech, monkeypatch: pytest.MonkeyPatch
) -> None:
    audio = [dev_split.samples(index) for index in range(6)]
    decoder = decoding.build("flashlight")
    whole = hear(toy, decoder, audio, ["ab"] * 6)
    baseline = compute_losses(toy, audio, ["ab"] * 6)
    limit_memory(monkeypatch, 2)
    parts = hear(toy, decoder, audio, ["ab"] * 6)
    assert [one.texts for one in parts] == [one.texts for one in whole]
    assert [one.loss for one in parts] == pytest.approx([one.loss for one in whole], rel=1e-5)
    assert compute_losses(toy, audio, ["ab"] * 6) == pytest.approx(baseline, rel=1e-5)


def test_a_memory_that_holds_nothing_is_one_line(
    toy: DeepSpeech, dev_split: Speech, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_memory(monkeypatch, 0)
    with pytest.raises(InputError, match=r"^device: .* set device: cpu$"):
        hear(toy, decoding.build("greedy"), [dev_split.samples(index) for index in range(6)])


def limit_memory(monkeypatch: pytest.MonkeyPatch, utterances: int) -> None:
    forward = Network.forward

    def limited(self: Network, audio: torch.Tensor, lengths: torch.Tensor) -> object:
        if len(audio) > utterances:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(self, audio, lengths)

    monkeypatch.setattr(Network, "forward", limited)


class Parrot(Recogniser):
    """Hears the same in everything, and neither scores nor has frames."""

    identity = "parrot"

    def hear(self, utterances: Sequence[np.ndarray]) -> list[Heard]:
        return [Heard(["go", "gone"], raw="Go!")] * len(utterances)


def test_a_recogniser_that_only_hears_leaves_empty_what_it_cannot_tell(toy: DeepSpeech, dev_split: Speech) -> None:
    audio = [dev_split.samples(index) for index in range(2)]
    heard = hear(Parrot(), decoding.build("flashlight"), audio, ["go", None])
    assert heard == [Hearing(["go", "gone"], None, None, None, raw="Go!")] * 2
    assert compute_losses(Parrot(), audio, ["go", "go"]) == [None, None]
    clean = {name: dev_split.samples(index) for index, name in enumerate(dev_split.utterance_ids[:2])}
    texts = dict(zip(clean, dev_split.texts, strict=False))
    listener = transfer.Listener(Parrot(), decoding.build("flashlight"), clean, texts, certify=True)
    made = rows(dev_split, ["go", "gone"])
    table = transfer.as_table(listener.transcripts(made), "mine", Parrot.identity, "family").to_pandas()
    assert table[["greedy", "log_probabilities", "ctc_loss", "ctc_loss_clean"]].isna().all().all()
    assert table["searched"].all()
    assert (table["raw"] == "Go!").all()
    assert (table["target_kind"] == "phrase").all()
    adversarial = table[table["kind"] == "adversarial"]
    assert adversarial["rank"].tolist() == [1, 2]
    assert adversarial["hit"].tolist() == [True, False]


def test_rank_and_containment() -> None:
    assert rank("b", ["a", "b"]) == 2
    assert rank("c", ["a", "b"]) is None
    assert contains("open the door", "me open the door now")
    assert not contains("open the door", "open the doors")
    assert not contains("pen", "open the door")


class TestControls:
    clean = np.linspace(-3000, 3000, 4000).astype(np.int16)
    adversarial = (clean + np.where(np.arange(4000) < 1000, 200, 0)).astype(np.int16)
    other = np.zeros(3000, np.int16)

    def made(self, kind: controls.Kind, seed: str = "s") -> np.ndarray:
        return controls.control(kind, self.clean, self.adversarial, self.other, seed)

    def test_shuffled_keeps_the_samples_of_the_perturbation(self) -> None:
        perturbation = self.made("shuffled").astype(int) - self.clean
        assert sorted(perturbation) == sorted(self.adversarial.astype(int) - self.clean)
        assert np.flatnonzero(perturbation).mean() - 500 > 200

    def test_noise_has_the_same_norm(self) -> None:
        perturbation = self.made("noise").astype(float) - self.clean
        assert np.linalg.norm(perturbation) == pytest.approx(200 * 1000**0.5, rel=0.01)

    def test_moved_is_the_perturbation_on_other_audio(self) -> None:
        moved = self.made("moved")
        assert len(moved) == 3000
        assert moved.tolist() == [200] * 1000 + [0] * 2000

    @pytest.mark.parametrize("kind", controls.KINDS)
    def test_a_seed_names_the_draw(self, kind: controls.Kind) -> None:
        assert np.array_equal(self.made(kind), self.made(kind))
        if kind != "moved":
            assert not np.array_equal(self.made(kind), self.made(kind, seed="t"))

    def test_audio_stays_within_16_bits(self) -> None:
        loud = np.full(100, 32767, np.int16)
        quiet = np.full(100, -32768, np.int16)
        assert controls.control("noise", loud, quiet, loud, "s").max() == 32767


def test_a_phrase_is_spoken_once_an_utterance_and_by_several_voices(toy: DeepSpeech, dev_split: Speech) -> None:
    clean = {name: dev_split.samples(index) for index, name in enumerate(dev_split.utterance_ids[:3])}
    texts = dict(zip(clean, dev_split.texts, strict=False))
    listener = transfer.Listener(toy, decoding.build("flashlight"), clean, texts, certify=False)
    low = rows(dev_split, ["abc"] * 3)
    spoken = [row for row in listener.transcripts(low) if row["kind"] == "spoken"]
    assert [row["text"] for row in spoken] == ["abc"] * 3
    assert len({row["ctc_loss"] for row in spoken}) == 3
    heard = dict(listener.spoken)
    again = [row for row in listener.transcripts(low.assign(confidence="high")) if row["kind"] == "spoken"]
    assert [row["ctc_loss"] for row in again] == [row["ctc_loss"] for row in spoken]
    assert listener.spoken == heard
    near = listener.transcripts(low.assign(target_kind="near"))
    assert not [row for row in near if row["kind"] == "spoken"]


def test_a_voice_says_the_same_each_time() -> None:
    with Engine() as engine:
        first, other = (controls.speak(engine, "open the door", name) for name in ("a", "b"))
        assert np.array_equal(first, controls.speak(engine, "open the door", "a"))
    assert first.dtype == np.int16
    assert len(first) > 8000
    assert len(first) != len(other) or not np.array_equal(first, other)
    assert not set(VOICES) & {name for names in voice_names() for name in names}
