"""A start from the spoken phrase: where each attack begins, and what its bound leaves of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from test_attacks import CARLINI, GRADIENT_DESCENT, Attack, as_bytes, run, tasks
from toys import RowByRow

from asrtransfer.attacks.batch import Batch
from asrtransfer.attacks.cw import CW, CarliniWagner
from asrtransfer.attacks.pgd import PGD, ProjectedGradient
from asrtransfer.attacks.task import Goal, Outcome, Task
from asrtransfer.files.errors import InputError
from asrtransfer.machine.random import numpy_stream
from asrtransfer.recognisers.deepspeech import DeepSpeech
from asrtransfer.speech.phrases import lay_phrase
from asrtransfer.speech.utterances import Speech

LONG = np.rint(900 * np.sin(np.arange(30000) / 9)).astype(np.int16)
SHORT = LONG[:2000]


def start(keys: CW | PGD, snr: float) -> Batch:
    """A batch of an utterance that the phrase fits into, and of one that is too short for it."""
    class_ = CarliniWagner if isinstance(keys, CW) else ProjectedGradient
    outcomes = [Outcome(Task(name, audio, "dab"), "failed") for name, audio in (("a", LONG), ("b", SHORT))]
    goal = Goal(threshold=None, iterations=1, test_every=1, keep=1, spoken_start=snr)
    return Batch(outcomes, lambda *given: class_(*given, keys), goal, "job", 1, "cpu")


@pytest.mark.parametrize("keys", [CW(bound=30000), PGD(bound=0.9)], ids=["cw", "pgd"])
def test_an_attack_starts_at_the_phrase(keys: CW | PGD) -> None:
    delta = start(keys, 10.0).method.perturbation()
    spoken = lay_phrase("dab", LONG, 10.0, numpy_stream("job\0a\0spoken"))
    assert np.abs(delta[0].numpy() - spoken).max() < 0.01
    assert 10 * np.log10(np.square(LONG.astype(float)).sum() / np.square(spoken).sum()) == pytest.approx(10)
    assert not delta[1].any()


@pytest.mark.parametrize("keys", [CW(bound=50), PGD(bound=50 / 32768)], ids=["cw", "pgd"])
def test_the_bound_cuts_it(keys: CW | PGD) -> None:
    whole = torch.from_numpy(lay_phrase("dab", LONG, 10.0, numpy_stream("job\0a\0spoken"))).float()
    assert whole.abs().max() > 500
    assert torch.allclose(start(keys, 10.0).method.perturbation()[0], whole.clamp(-50, 50), atol=1e-3)


@pytest.mark.parametrize("attack", [CARLINI, GRADIENT_DESCENT], ids=["cw", "pgd"])
def test_it_leads_elsewhere_and_does_not_depend_on_the_batch(
    toy: DeepSpeech, dev_split: Speech, attack: Attack
) -> None:
    # The voice needs more time than these utterances have: each phrase of this toy is a letter.
    todo = tasks(dev_split, 3, "a")
    exact = RowByRow(toy.network)
    changes = {"spoken_start": 20.0, "iterations": 20}
    together = run(exact, todo, attack, "low", **changes)
    assert as_bytes(together) == as_bytes(run(exact, todo, attack, "low", batch=1, **changes))
    assert [one.best_loss for one in together] != [one.best_loss for one in run(exact, todo, attack, "low")]


def test_an_attack_that_cannot_start_there_says_so() -> None:
    class Fixed(ProjectedGradient):
        begin = CarliniWagner.__mro__[1].begin

    outcome = Outcome(Task("a", LONG, "dab"), "failed")
    goal = Goal(threshold=None, iterations=1, test_every=1, keep=1, spoken_start=10.0)
    with pytest.raises(InputError, match="spoken_start: Fixed starts where it starts; set it to null, or write begin"):
        Batch([outcome], lambda *given: Fixed(*given, PGD()), goal, "job", 1, "cpu")
