"""The models that the jobs of a rule run, loaded from their inputs and parameters."""

from importlib import import_module
from typing import Any

from asrtransfer import recognisers
from asrtransfer.channels import Channel
from asrtransfer.files.errors import InputError
from asrtransfer.recognisers.base import Frames, Recogniser, Surrogate
from job import Job


def load_model(job: Job) -> Recogniser:
    """Load the model that a job hears with."""
    return _load_all(job, [job.params.model])[0]


def load_channel(job: Job) -> Channel:
    """Load the channel that a job's model hears through; without one, audio stays as it is."""
    channel = job.params.model.get("channel")
    if channel is None:
        return lambda audio: audio
    # By the name that it has: an edit of the channels shall not run again what hears without one.
    carry = import_module(channel["module"]).carry
    return lambda audio: carry(channel["keys"], audio)


def load_frames(job: Job) -> Frames:
    """Load the model that a job hears with, which must be a CTC model."""
    found = load_model(job)
    if not isinstance(found, Frames):
        raise InputError(
            f"scoring: {job.params.model['use']} has no frames of characters; remove scoring, or the model"
        )
    return found


def load_attacked(job: Job) -> tuple[list[Surrogate], Recogniser | None]:
    """Load the models of the surrogate that a job attacks, and the judge, if it has one."""
    loaded = _load_all(job, job.params.models)
    judge = loaded.pop() if job.params.judged else None
    found = []
    for one, about in zip(loaded, job.params.models, strict=False):
        if not isinstance(one, Surrogate):
            raise InputError(f"surrogates: {about['use']} hears and cannot be attacked; remove it from surrogates")
        found.append(one)
    return found, judge


def _load_all(job: Job, models: list[dict[str, Any]]) -> list[Recogniser]:
    # Only models that are trained have weights among the inputs.
    weights = iter(job.inputs("weights"))
    return [
        recognisers.load(
            model["use"],
            model["keys"],
            job.params.device,
            next(weights) if model["trained"] else None,
            job.time_limit,
        )
        for model in models
    ]
