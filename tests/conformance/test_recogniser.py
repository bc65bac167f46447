"""What every recogniser must pass."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from subject import fails

from asrtransfer.extension import find
from asrtransfer.files.errors import InputError
from asrtransfer.recognisers.base import Frames, Heard, Recogniser, Surrogate
from asrtransfer.recognisers.guard import check_heard, check_log_probs, check_loss
from asrtransfer.recognisers.section import FamilySection
from asrtransfer.speech.utterances import pad

# A loss is computed in float32, and kinks make a finite difference rough.
STEP, ROUGH = 0.1, 0.1


def ask(use: str, work: Callable[[], Any]) -> Any:
    """What the recogniser answers; what it raises ends the test with its line."""
    try:
        return work()
    except InputError as error:
        fails(str(error) if str(error).startswith(use) else f"{use}: {error}")


def hear(use: str, recogniser: Recogniser, utterances: list[np.ndarray]) -> list[Heard]:
    found: list[Heard] = ask(use, lambda: check_heard(recogniser.hear(utterances), len(utterances)))
    return found


def only(recogniser: Recogniser, kind: type, what: str) -> Any:
    if not isinstance(recogniser, kind):
        pytest.skip(f"only a recogniser that gives {what}")
    return recogniser


def test_the_section_says_what_its_keys_are(use: str, recogniser: Recogniser) -> None:
    section = find("recogniser", use).class_.section
    if not issubclass(section, FamilySection):
        fails(f"{use}: {section.__name__} is no FamilySection; make it a subclass of LoadedSection")
    for name, field in section.model_fields.items():
        nested = isinstance(field.annotation, type) and field.annotation.__doc__
        if not field.description and not nested:
            fails(f"{use}: {name}: no description; give Field(description=...), which tables of keys show")


def test_its_identity_is_that_of_another_load(use: str, recogniser: Recogniser, load: Callable[[], Recogniser]) -> None:
    if recogniser.identity != load().identity:
        fails(f"{use}: two loads have two identities; make it a SHA-256 over what decides what is heard")


def test_the_same_twice_alone_in_company_and_in_any_order(
    use: str, recogniser: Recogniser, load: Callable[[], Recogniser], audio: list[np.ndarray]
) -> None:
    together = hear(use, recogniser, audio)
    for name, other in (
        ("a second time", hear(use, recogniser, audio)),
        ("in another order", hear(use, recogniser, audio[::-1])[::-1]),
        ("alone", [hear(use, recogniser, [one])[0] for one in audio]),
        ("by another load", hear(use, load(), audio)),
    ):
        for number, (first, second) in enumerate(zip(together, other, strict=True)):
            if first.texts != second.texts:
                fails(
                    f"{use}: utterance {number} is {second.texts[0]!r} {name} and was {first.texts[0]!r}, or other "
                    "texts; let nothing carry over from utterance to utterance"
                )
            pairs = zip(first.scores or [], second.scores or [], strict=False)
            if not all(math.isclose(one, two, rel_tol=1e-5, abs_tol=1e-4) for one, two in pairs):
                fails(f"{use}: utterance {number} has other scores {name}: {second.scores} and {first.scores}")


def test_what_it_is_given_stays_as_it_is(use: str, recogniser: Recogniser, audio: list[np.ndarray]) -> None:
    copies = [one.copy() for one in audio]
    hear(use, recogniser, audio)
    if not all(np.array_equal(one, copy) for one, copy in zip(audio, copies, strict=True)):
        fails(f"{use}: hear changed the audio that it was given; work on a copy")


def test_odd_audio_is_heard(use: str, recogniser: Recogniser, odd: tuple[str, np.ndarray]) -> None:
    hear(use, recogniser, [odd[1]])


@pytest.fixture
def aimed(use: str, recogniser: Recogniser, audio: list[np.ndarray]) -> tuple[Surrogate, list[np.ndarray], list[str]]:
    """A recogniser that can be attacked, audio, and what it hears in it."""
    surrogate = only(recogniser, Surrogate, "a loss")
    heard = hear(use, surrogate, audio)
    return surrogate, audio, [one.texts[0] for one in heard]


def aim(use: str, surrogate: Surrogate, utterances: list[np.ndarray], texts: list[str]) -> list[float]:
    """Losses of texts, one utterance at a time."""
    found = []
    for one, text in zip(utterances, texts, strict=True):
        samples, lengths = (tensor.to(surrogate.device) for tensor in pad([one]))
        found.append(
            ask(use, lambda s=samples, n=lengths, t=text: float(check_loss(surrogate.aim(s, n, [t]).loss, 1)[0]))
        )
    return found


Aimed = tuple[Surrogate, list[np.ndarray], list[str]]


def test_its_own_text_has_the_lower_loss(use: str, aimed: Aimed) -> None:
    surrogate, audio, texts = aimed
    own = aim(use, surrogate, audio, texts)
    other = aim(use, surrogate, audio, ["bcbcd"] * len(audio))
    if not all(one < two for one, two, text in zip(own, other, texts, strict=True) if text != "bcbcd"):
        fails(f"{use}: a text that it does not hear has a lower loss than the one that it hears: {other} and {own}")


def test_a_row_does_not_depend_on_others(use: str, aimed: Aimed) -> None:
    surrogate, audio, texts = aimed
    chosen = list(range(len(audio))) if surrogate.pads else [1, len(audio) - 1]
    alone = aim(use, surrogate, [audio[place] for place in chosen], [texts[place] for place in chosen])
    samples, lengths = (tensor.to(surrogate.device) for tensor in pad([audio[place] for place in chosen]))
    together = ask(use, lambda: surrogate.aim(samples, lengths, [texts[place] for place in chosen]).loss.tolist())
    if not np.allclose(alone, together, rtol=1e-4, atol=1e-4):
        reason = "" if not surrogate.pads else "; if padding changes them, say pads = False"
        fails(f"{use}: losses in company are {together}, alone {alone}{reason}")


def test_the_gradient_is_that_of_the_loss(use: str, aimed: Aimed) -> None:
    surrogate, audio, _ = aimed
    samples, lengths = (tensor.to(surrogate.device) for tensor in pad(audio[:1]))
    samples.requires_grad_()
    loss = ask(use, lambda: surrogate.aim(samples, lengths, ["dab"]).loss.sum())
    if not loss.requires_grad:
        fails(f"{use}: the loss has no gradient down to the audio; compute all of it in PyTorch, without no_grad")
    (gradient,) = torch.autograd.grad(loss, samples)
    norm = float(gradient.norm())
    if not math.isfinite(norm) or norm == 0:
        fails(f"{use}: the gradient's norm is {norm:g}")
    direction = gradient / gradient.norm() * math.sqrt(gradient.numel()) * STEP
    with torch.no_grad():
        ends = [float(surrogate.aim(samples.detach() + sign * direction, lengths, ["dab"]).loss[0]) for sign in (1, -1)]
    measured, computed = (ends[0] - ends[1]) / 2, float((gradient * direction).sum())
    if abs(measured - computed) > ROUGH * abs(computed):
        fails(f"{use}: along its gradient the loss changes by {measured:g}, and the gradient says {computed:g}")


def test_an_infeasible_text_is_said_to_be_one(use: str, aimed: Aimed) -> None:
    surrogate, audio, _ = aimed
    short = audio[0][:400]
    feasible = ask(use, lambda: surrogate.feasible(len(short), "ab" * 200))
    if feasible and not math.isfinite(aim(use, surrogate, [short], ["ab" * 200])[0]):
        fails(f"{use}: a text that does not fit has an infinite loss, and feasible says that it fits")


def test_a_character_that_it_does_not_know_is_named(use: str, aimed: Aimed) -> None:
    surrogate, audio, _ = aimed
    samples, lengths = (tensor.to(surrogate.device) for tensor in pad(audio[:1]))
    try:
        surrogate.aim(samples, lengths, ["ß"])
    except InputError:
        return
    fails(f"{use}: aim takes 'ß' without a word; raise InputError for a character that it does not know")


def test_frames_are_log_probabilities(use: str, recogniser: Recogniser, audio: list[np.ndarray]) -> None:
    frames = only(recogniser, Frames, "frames")
    for one in audio:
        samples, lengths = (tensor.to(frames.device) for tensor in pad([one]))
        log_probs, counts = ask(use, lambda s=samples, n=lengths: frames.log_probs(s, n))
        ask(use, lambda p=log_probs, c=counts: check_log_probs(p, c, 1))
        if int(counts[0]) != frames.frames(len(one)):
            fails(f"{use}: {len(one)} samples gave {int(counts[0])} frames, and frames says {frames.frames(len(one))}")
