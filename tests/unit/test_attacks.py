"""The attacks on a real, tiny model: they hit, keep their bounds, and do not depend on their batch."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from asrtransfer import attacks
from asrtransfer.attacks import samples
from asrtransfer.attacks.loop import Goal, Outcome, Sample, Task, as_stored, attack
from asrtransfer.ctc import decoding
from asrtransfer.hearing.hear import hear
from asrtransfer.machine.memory import Plan
from asrtransfer.recognisers.deepspeech import network
from asrtransfer.recognisers.deepspeech.network import DeepSpeech
from asrtransfer.speech.utterances import Speech, pad

WHOLE = "cw, whole gradient"
NAMES = ["cw", "pgd", WHOLE]
PHRASE = "dab"


def tasks(dev: Speech, count: int, phrase: str = PHRASE) -> list[Task]:
    names = dev.utterance_ids[:count]
    return [Task(name, dev.samples(index), phrase) for index, name in enumerate(names)]


def run(
    toy: DeepSpeech, todo: list[Task], name: str, threshold: float | None, batch: int = 8, **goal: int
) -> list[Outcome]:
    attack_settings = {"gradient": "whole"} if name == WHOLE else {}
    build = partial(attacks.method(name.split(",")[0]), shrinks=threshold is None, **attack_settings)
    settings = {"iterations": 120, "keep": 3, **goal}
    plan = Plan(torch.device("cpu"), toy.units, most=batch)
    return attack(toy, todo, Goal(threshold=threshold, **settings), build, seed="test", plan=plan)


@pytest.mark.parametrize("threshold", [None, 0.9])
@pytest.mark.parametrize("name", NAMES)
def test_an_attack_reaches_its_target_in_the_stored_audio(
    toy: DeepSpeech, dev_split: Speech, name: str, threshold: float | None
) -> None:
    outcomes = run(toy, tasks(dev_split, 8), name, threshold)
    reached = [outcome for outcome in outcomes if outcome.status == "sample"]
    assert len(reached) >= 7
    stored = [sample.audio for outcome in reached for sample in outcome.samples]
    heard = hear(toy, decoding.build("flashlight"), stored, [PHRASE] * len(stored))
    assert [one.texts[0] for one in heard] == [PHRASE] * len(stored)
    for one, sample in zip(heard, (s for o in reached for s in o.samples), strict=True):
        assert one.ctc_loss == pytest.approx(sample.ctc_loss, abs=1e-3)
        assert threshold is None or np.exp(-sample.ctc_loss) > threshold


@pytest.mark.parametrize("name", NAMES)
def test_the_bound_holds_after_rounding(toy: DeepSpeech, dev_split: Speech, name: str) -> None:
    bound = 0.05 * 32768 if name == "pgd" else 2000.0
    for outcome in run(toy, tasks(dev_split, 4), name, 0.9):
        for sample in outcome.samples:
            assert sample.audio.dtype == np.int16
            assert np.abs(sample.audio.astype(int) - outcome.task.samples).max() <= bound


def test_rounding_never_takes_a_perturbation_over_its_bound() -> None:
    audio = torch.tensor([[0.0, 32767.0, -32768.0, 5.0]])
    stored = as_stored(audio, torch.tensor([[2.6, 2.6, -2.6, 0.4]]), torch.tensor([2.6]))
    assert stored.tolist() == [[2.0, 32767.0, -32768.0, 5.0]]


@pytest.mark.parametrize("batch", [1, 3, 8])
@pytest.mark.parametrize("name", NAMES)
def test_a_batch_equals_singles(toy: DeepSpeech, dev_split: Speech, name: str, batch: int) -> None:
    whole = run(toy, tasks(dev_split, 8), name, None, batch=8)
    parts = run(toy, tasks(dev_split, 8), name, None, batch=batch)
    for one, other in zip(whole, parts, strict=True):
        assert one.status == other.status
        assert [sample.iteration for sample in one.samples] == [sample.iteration for sample in other.samples]
        for left, right in zip(one.samples, other.samples, strict=True):
            assert np.array_equal(left.audio, right.audio)


@pytest.mark.parametrize("name", NAMES)
def test_too_small_a_memory_changes_no_sample(
    toy: DeepSpeech, dev_split: Speech, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(toy, tasks(dev_split, 7), name, None)
    forward = DeepSpeech.forward
    refused = []

    def limited(self: DeepSpeech, audio: torch.Tensor, lengths: torch.Tensor) -> object:
        if len(audio) > 3:
            refused.append(len(audio))
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(self, audio, lengths)

    monkeypatch.setattr(DeepSpeech, "forward", limited)
    parts = run(toy, tasks(dev_split, 7), name, None)
    assert refused == [7]
    for one, other in zip(whole, parts, strict=True):
        assert one.best_loss == pytest.approx(other.best_loss, rel=1e-6)
        assert [sample.iteration for sample in one.samples] == [sample.iteration for sample in other.samples]
        for left, right in zip(one.samples, other.samples, strict=True):
            assert np.array_equal(left.audio, right.audio)


def test_the_bound_shrinks_on_success_only(toy: DeepSpeech, dev_split: Speech) -> None:
    audio, lengths = pad([dev_split.samples(index) for index in range(2)])
    generators = [torch.Generator().manual_seed(index) for index in range(2)]
    method = attacks.method("cw")(audio, lengths.tolist(), generators, shrinks=True)
    for _ in range(5):
        method.step(torch.ones_like(audio))
    before = method.perturbation().abs().amax(dim=1)
    method.succeeded([1])
    assert method.bounds()[0] == 2000
    assert method.bounds()[1] == pytest.approx(0.8 * float(before[1]))
    steady = attacks.method("cw")(audio, lengths.tolist(), generators, shrinks=False)
    steady.step(torch.ones_like(audio))
    steady.succeeded([0, 1])
    assert steady.bounds().tolist() == [2000, 2000]


def test_low_confidence_lowers_distortion(toy: DeepSpeech, dev_split: Speech) -> None:
    low = run(toy, tasks(dev_split, 8), "cw", None)
    high = run(toy, tasks(dev_split, 8), "cw", 0.9)
    size = [
        np.median([np.abs(o.samples[-1].audio - o.task.samples.astype(int)).max() for o in some if o.samples])
        for some in (low, high)
    ]
    assert size[0] < 0.5 * size[1]


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_samples(toy: DeepSpeech, dev_split: Speech, name: str) -> None:
    first, second = (run(toy, tasks(dev_split, 3), name, 0.9) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert [s.audio.tobytes() for s in one.samples] == [s.audio.tobytes() for s in other.samples]
        assert one.samples


def test_a_random_start_needs_no_gradient_to_differ(toy: DeepSpeech, dev_split: Speech) -> None:
    audio, lengths = pad([dev_split.samples(0)])
    starts = [
        attacks.method("pgd")(
            audio, lengths.tolist(), [torch.Generator().manual_seed(seed)], shrinks=False, start="random"
        )
        for seed in (1, 1, 2)
    ]
    first, same, other = (start.perturbation() for start in starts)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert 0.9 * 1638.4 < float(first.abs().max()) <= 1638.4


def test_what_cannot_fit_is_infeasible_and_stops_nothing(toy: DeepSpeech, dev_split: Speech) -> None:
    todo = tasks(dev_split, 3)
    todo[1] = Task(todo[1].utterance_id, todo[1].samples, "a" * 400)
    todo[2] = Task(todo[2].utterance_id, todo[2].samples, None)
    outcomes = run(toy, todo, "pgd", 0.9)
    assert [outcome.status for outcome in outcomes] == ["sample", "infeasible", "infeasible"]
    rows = samples.table(
        outcomes, samples.capped(outcomes, None, "x"), ["t"] * 3, dict.fromkeys(["attack", "surrogate"], "s")
    ).to_pandas()
    assert rows[rows["status"] == "infeasible"]["utterance_id"].nunique() == 2
    assert rows.groupby("utterance_id")["primary"].sum().tolist() == [1, 0, 0]


def test_failure_is_a_row_with_its_best_loss(toy: DeepSpeech, dev_split: Speech) -> None:
    outcomes = run(toy, tasks(dev_split, 2), "pgd", 0.9, iterations=1)
    rows = samples.table(outcomes, [[], []], ["t", "t"], {}).to_pandas()
    assert rows["status"].tolist() == ["failed", "failed"]
    assert (rows["best_loss"] > 0).all()


def test_the_cap_is_filled_round_robin() -> None:
    def outcome(name: str, count: int) -> Outcome:
        made = [Sample(iteration, np.zeros(4, np.int16), 0.0, 1.0) for iteration in range(count)]
        return Outcome(Task(name, np.zeros(4, np.int16), "a"), "sample", samples=made)

    outcomes = [outcome("x", 5), outcome("y", 1), outcome("z", 3)]
    assert [len(kept) for kept in samples.capped(outcomes, None, "s")] == [5, 1, 3]
    assert [len(kept) for kept in samples.capped(outcomes, 3, "s")] == [1, 1, 1]
    assert [len(kept) for kept in samples.capped(outcomes, 7, "s")] == [3, 1, 3]
    kept = samples.capped(outcomes, 3, "s")
    assert [some[0].iteration for some in kept] == [4, 0, 2]
    assert sum(len(some) for some in samples.capped(outcomes, 2, "s")) == 2


def test_distortion_of_a_known_perturbation() -> None:
    clean = np.array([1000, -1000, 1000, -1000], np.int16)
    sizes = samples.distortion(clean, clean + np.array([100, 0, 0, 0], np.int16))
    assert sizes["linf"] == 100
    assert sizes["l2"] == 100
    assert sizes["snr_db"] == pytest.approx(10 * np.log10(4e6 / 1e4))
    assert sizes["peak_db"] == pytest.approx(-20)
    assert samples.distortion(clean, clean)["snr_db"] is None


def test_a_weight_off_by_one_unit_in_the_last_place_is_another_model() -> None:
    first, second = DeepSpeech(8), DeepSpeech(8)
    for each in (first, second):
        each.initialise(1)
    assert network.weight_hash(first) == network.weight_hash(second)
    second.nudge(1)
    different = sum(int((a != b).sum()) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert different == 1
