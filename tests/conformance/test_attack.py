"""What every attack must pass."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from subject import PHRASE, Attack, fails

from asrtransfer import extension
from asrtransfer.attacks.method import Method
from asrtransfer.attacks.run import run_attack
from asrtransfer.attacks.section import AttackSection
from asrtransfer.attacks.task import Outcome, Task
from asrtransfer.files.errors import InputError
from asrtransfer.recognisers.deepspeech import DeepSpeech
from asrtransfer.speech.utterances import pad

ITERATIONS = 25
OPTIONS = {
    "margin": {"margin": 1.0},
    "views": {"views": {"count": 2, "noise": 20, "shift": 40, "gain": 3}},
    "momentum": {"momentum": {"neighbours": 1}},
    "lookahead": {"momentum": {"lookahead": True}},
    "masking": {"masking": {"weight": 0.5}},
    "spoken_start": {"spoken_start": 20.0},
}
"""Keys that any attack takes which goes step by step."""


def run(
    attack: Attack,
    surrogate: DeepSpeech,
    tasks: list[Task],
    confidence: str,
    iterations: int = ITERATIONS,
    **options: object,
) -> list[Outcome]:
    keys = attack.section(iterations=iterations, test_every=1, **options).model_dump(exclude={"use"})
    if confidence == "low":
        keys["threshold"] = None
    try:
        return run_attack([surrogate], tasks, attack.use, keys, seed="conformance")
    except InputError as error:
        fails(str(error))
        raise


def make_tasks(audio: list[np.ndarray], phrase: str | None = PHRASE) -> list[Task]:
    return [Task(f"u{number}", one, phrase) for number, one in enumerate(audio)]


def differences(first: list[Outcome], second: list[Outcome]) -> list[str]:
    """What two runs made differently, by utterance."""
    others = {outcome.task.utterance_id: outcome for outcome in second}
    found = []
    for outcome in first:
        other = others[outcome.task.utterance_id]
        same = outcome.status == other.status and len(outcome.samples) == len(other.samples)
        pairs = zip(outcome.samples, other.samples, strict=False)
        if not same or not all(
            one.iteration == two.iteration and np.array_equal(one.audio, two.audio) for one, two in pairs
        ):
            found.append(outcome.task.utterance_id)
    return found


def test_the_section_says_what_its_keys_are(attack: Attack) -> None:
    class_ = extension.find("attack", attack.use).class_
    section = class_.section
    if not issubclass(section, AttackSection):
        fails(f"{attack.use}: {section.__name__} is no AttackSection; make it a subclass")
    silent = [name for name, field in section.model_fields.items() if not field.description]
    if silent:
        fails(
            f"{attack.use}: {', '.join(silent)}: no description; give Field(description=...), which tables of keys show"
        )
    if not section.__doc__ or section.__doc__ == AttackSection.__doc__:
        fails(f"{attack.use}: {section.__name__} has no docstring; say in a line what the attack is")


@pytest.mark.parametrize("confidence", ["low", "high"])
def test_the_same_alone_in_company_and_in_any_order(
    attack: Attack, surrogate: DeepSpeech, audio: list[np.ndarray], confidence: str
) -> None:
    tasks = make_tasks(audio)
    together = run(attack, surrogate, tasks, confidence)
    if wrong := differences(together, run(attack, surrogate, tasks, confidence)):
        fails(f"{attack.use}: a second run gave other samples for {', '.join(wrong)}; draw from the generators alone")
    if wrong := differences(together, run(attack, surrogate, tasks[::-1], confidence)):
        fails(f"{attack.use}: another order gave other samples for {', '.join(wrong)}; keep no state")
    alone = [outcome for task in tasks for outcome in run(attack, surrogate, [task], confidence)]
    if wrong := differences(together, alone):
        fails(
            f"{attack.use}: {', '.join(wrong)} got other samples alone than in company; treat each row on its own: no "
            "sum or mean over the batch, nor over samples after an utterance's end"
        )


@pytest.mark.slow
@pytest.mark.parametrize("option", OPTIONS)
def test_options_leave_each_utterance_to_itself(
    attack: Attack, surrogate: DeepSpeech, audio: list[np.ndarray], option: str
) -> None:
    class_ = extension.find("attack", attack.use).class_
    if not issubclass(class_, Method):
        pytest.skip("only an attack that goes step by step has these options")
    needed = {"lookahead": "stride", "spoken_start": "begin"}.get(option)
    if needed and getattr(class_, needed) is getattr(Method, needed):
        pytest.skip(f"only an attack with the method {needed} has this option")
    tasks = make_tasks(audio)
    together = run(attack, surrogate, tasks, "low", **OPTIONS[option])
    alone = [found for task in tasks for found in run(attack, surrogate, [task], "low", **OPTIONS[option])]
    if wrong := differences(together, alone):
        fails(f"{attack.use}: with {option}, {', '.join(wrong)} got other samples alone than in company")
    plain = run(attack, surrogate, tasks, "low")
    # Masking begins with the first sample, which may be the last one.
    begun = option != "masking" or any(len(one.samples) > 1 for one in plain)
    same = [one.best_loss for one in together] == [one.best_loss for one in plain]
    if begun and same and not differences(together, plain):
        fails(f"{attack.use}: {option} changes nothing")


def test_the_bound_holds(attack: Attack, surrogate: DeepSpeech, audio: list[np.ndarray]) -> None:
    for confidence in ("low", "high"):
        for outcome in run(attack, surrogate, make_tasks(audio), confidence):
            for sample in outcome.samples:
                change = int(np.abs(sample.audio.astype(int) - outcome.task.audio).max())
                if sample.bound is not None and change > sample.bound:
                    fails(f"{attack.use}: a sample changes its audio by {change}, and its bound is {sample.bound:g}")


def test_the_perturbation_keeps_to_its_bounds_at_every_step(attack: Attack, audio: list[np.ndarray]) -> None:
    class_ = extension.find("attack", attack.use).class_
    if not issubclass(class_, Method):
        pytest.skip("only an attack that goes step by step has a perturbation at each")
    for confidence in attack.section().confidences:
        _check_steps(class_, attack, audio, confidence)


def _check_steps(class_: type[Method], attack: Attack, audio: list[np.ndarray], confidence: str) -> None:
    clean, lengths = pad(audio)
    given = clean.clone()
    generators = [torch.Generator().manual_seed(number) for number in range(len(audio))]
    method = class_(given, lengths.tolist(), generators, attack.section().at(confidence))
    inside = torch.arange(clean.shape[1]) < lengths[:, None]
    random = torch.Generator().manual_seed(1)
    for step in range(10):
        for name, found, shape in (
            ("perturbation", method.perturbation(), clean.shape),
            ("bounds", method.bounds(), clean.shape[:1]),
        ):
            if found.shape != shape or found.dtype != torch.float32 or not bool(found.isfinite().all()):
                fails(f"{attack.use}: {name} is {found.dtype} {tuple(found.shape)} at step {step}, or not finite")
        over = method.perturbation().abs() - method.bounds()[:, None]
        if float(over.max()) > 1e-2:
            fails(f"{attack.use}: the perturbation exceeds its bounds by {float(over.max()):g} at step {step}")
        if not torch.equal(given, clean):
            fails(f"{attack.use}: the audio that was handed over has changed at step {step}; work on a copy")
        gradient = torch.randn(clean.shape, generator=random) * inside
        method.step(gradient if step != 5 else torch.zeros_like(gradient))
        if step == 7:
            method.succeeded([0])


def test_rows_that_leave_take_their_state_along(attack: Attack, audio: list[np.ndarray]) -> None:
    class_ = extension.find("attack", attack.use).class_
    if not issubclass(class_, Method):
        pytest.skip("only an attack that goes step by step keeps rows")

    def start() -> Method:
        clean, lengths = pad(audio)
        generators = [torch.Generator().manual_seed(number) for number in range(len(audio))]
        method: Method = class_(clean, lengths.tolist(), generators, attack.section())
        return method

    whole, part = start(), start()
    random = torch.Generator().manual_seed(1)
    gradients = [torch.randn(whole.audio.shape, generator=random) for _ in range(4)]
    rows = torch.tensor([1, 3])
    for number, gradient in enumerate(gradients):
        whole.step(gradient)
        part.step(gradient[rows] if number >= 2 else gradient)
        if number == 1:
            part.keep(rows)
    if not torch.equal(whole.perturbation()[rows], part.perturbation()):
        fails(f"{attack.use}: rows that go on after others left have another perturbation; select all state in keep")


def test_odd_audio_ends_nothing(attack: Attack, surrogate: DeepSpeech, odd: tuple[str, np.ndarray]) -> None:
    name, audio = odd
    for outcome in run(attack, surrogate, make_tasks([audio], "a"), "high", iterations=2):
        if outcome.status not in ("sample", "failed", "infeasible"):
            fails(f"{attack.use}: {name}: the outcome is {outcome.status!r}")


def test_a_target_that_cannot_be_heard_is_infeasible(
    attack: Attack, surrogate: DeepSpeech, audio: list[np.ndarray]
) -> None:
    outcomes = run(attack, surrogate, [*make_tasks(audio[:1], "a" * 400), Task("x", audio[0], None)], "low")
    if [outcome.status for outcome in outcomes] != ["infeasible"] * 2:
        fails(f"{attack.use}: a target longer than its audio is {outcomes[0].status}, not infeasible")
