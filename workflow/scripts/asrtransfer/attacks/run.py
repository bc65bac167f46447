"""One attack job: an attack of a section, found by name, on some utterances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from asrtransfer import extension
from asrtransfer.attacks import guard, loop, whole
from asrtransfer.attacks.loop import Report
from asrtransfer.attacks.method import Method, Whole
from asrtransfer.attacks.task import Goal, Outcome, Task
from asrtransfer.extension import Extension, blamed
from asrtransfer.files.errors import InputError
from asrtransfer.machine.memory import Plan
from asrtransfer.recognisers.base import Recogniser, Surrogate


def run_attack(
    surrogates: Sequence[Surrogate],
    tasks: Sequence[Task],
    use: str,
    keys: Mapping[str, Any],
    *,
    seed: str,
    judge: Recogniser | None = None,
    limit: float | None = None,
    plan: Plan | None = None,
    progress: Report = lambda done, total: None,
) -> list[Outcome]:
    """Attack every task with the attack of a section.

    Args:
        surrogates: all of which shall hear the target; mostly one.
        use: the attack's name in this library, or the path of the user's file.
        keys: its section as plain values, with what the confidence overrides; what is left out has its default.
        seed: what names this job among all.
        judge: must hear the target, too, before a sample counts.
        limit: seconds that a call of the user's code may take; None sets no limit.
        plan: what a batch may be; by default what the surrogates' device has room for.
        progress: told how it goes.

    Returns:
        One outcome a task, in the order given.

    Raises:
        InputError: if there is no such attack, or the user's code fails.
    """
    found = extension.find("attack", use)
    class_ = found.class_
    section = class_.section.model_validate(dict(keys))
    goal = Goal(
        threshold=section.threshold,
        iterations=section.iterations,
        test_every=section.test_every,
        keep=section.keep,
        margin=section.margin,
        combine=section.combine,
        views=section.views,
        momentum=section.momentum,
        masking=section.masking,
        spoken_start=section.spoken_start,
    )
    if issubclass(class_, Whole):
        return _attack_whole(found, section, surrogates, tasks, goal, seed, judge, limit, progress)
    if not issubclass(class_, Method):
        raise InputError(f"{use}: {class_.__name__} is no attack; make it a subclass of Method or of Whole")
    build = partial(class_, keys=section)
    checked = build if found.file is None else guard.guarded(build, found.file, limit)
    return loop.attack(surrogates, tasks, goal, checked, seed=seed, judge=judge, plan=plan, progress=progress)


def _attack_whole(
    found: Extension,
    section: Any,
    surrogates: Sequence[Surrogate],
    tasks: Sequence[Task],
    goal: Goal,
    seed: str,
    judge: Recogniser | None,
    limit: float | None,
    progress: Report,
) -> list[Outcome]:
    def run(work: Any) -> Any:
        with blamed(found.file, limit):
            return work()

    method = run(lambda: found.class_(section))
    try:
        return whole.attack_whole(surrogates, tasks, goal, method, seed=seed, judge=judge, run=run, progress=progress)
    except InputError as error:
        place = "" if found.file is None or str(error).startswith(str(found.file)) else f"{found.file}: "
        raise InputError(f"{place}{error}") from None
