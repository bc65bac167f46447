"""How much work each job of a study is, computed from the configuration and from rates.

Sizes of the published corpora are those of their authors; factors without a source were measured on runs of the
default study, or are upper bounds, and say so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from asrtransfer.recognisers.base import Cost
from study import designs, names
from study.config import Study
from study.config.scoring import Scoring
from study.cost import recordings
from study.cost.rates import Rates

AT_ONCE = 32
"""Utterances in a batch of attack or hearing."""

# Memory in MB. Two Snakemakes run beside a job on a cluster; measured: 240.
BESIDE = 300
# Measured: 140 to 300 without PyTorch, 780 to 1030 with a small network on the CPU.
PLAIN, NETWORK = 400, 1100
# Assumed: the CUDA libraries and a context; a context on each further GPU.
CUDA, CONTEXT = 5000, 500
MB = 1e6
SECOND_OF_AUDIO = 32000 / MB
# Measured: adversarial audio as FLAC, and the ten texts of a hearing with their scores as Parquet.
FLAC = 22300 / MB
TEXTS = 90 / MB
# MB of each process that decodes, where there are several, and more for each second of the longest utterance: upper
# bounds. Measured: 14 for 2 seconds, 280 for 7.4 and 530 for 35.
DECODES, DECODES_LONGER = 250, 10
# Share of the search time that is left with decoder.certify: 1 / 3.2 was measured, for shorter samples
# (benchmarks/README.md).
CERTIFIED = 1 / 2.6
# Measured: samples a second that the audit decodes and measures.
SAMPLES_AUDITED = 400


class Speech(NamedTuple):
    """Some speech: all its seconds, the number of utterances, and the seconds of the longest."""

    seconds: float
    utterances: int
    longest: float

    @property
    def mean(self) -> float:
        """Seconds of an utterance."""
        return self.seconds / self.utterances


# Hours (Panayotov et al., LibriSpeech, ICASSP 2015, table 1), utterances, and megabytes of the archive.
LIBRISPEECH = {
    "train-clean-100": (100.6, 28539, 6300),
    "train-clean-360": (363.6, 104014, 23000),
    "train-other-500": (496.7, 148688, 30000),
    "dev-clean": (5.4, 2703, 337),
    "dev-other": (5.3, 2864, 314),
    "test-clean": (5.4, 2620, 346),
    "test-other": (5.1, 2939, 328),
}
# LibriSpeech's 3-gram.pruned.1e-7 as text; assumed. Read, a model takes about as much; its words' tree comes on top.
MODEL = 500.0
LONGEST = 35.0
# Of one sentence, measured on the synthetic corpus: 1.75 and 2.6.
COMMAND, LONGEST_COMMAND = 1.75, 3.0
# Of your own recordings, where their table cannot be read; their mean, where it does not tell their seconds.
UNKNOWN = Speech(20 * 3600.0, 14400, LONGEST)


@dataclass(frozen=True)
class Work:
    """What one job takes: seconds, MB of memory and of disk, and, if it runs a network, devices."""

    seconds: float
    memory: float
    disk: float = 0.0
    devices: int = 1


NETWORKS = ("train", "describe", "hear", "tune", "score", "attack", "transcribe", "neighbours", "calibrate")
"""Rules that run a network: on a GPU, where the study has them."""


def speech(study: Study, split: str) -> Speech:
    """How much speech a split (train, dev, test) has."""
    corpus = study.corpus
    match corpus.kind:
        case "synthetic":
            mean, longest = (seconds * corpus.synthetic.sentences for seconds in (COMMAND, LONGEST_COMMAND))
            if split == "train":
                seconds = corpus.synthetic.train_minutes * 60
                return Speech(seconds, max(1, round(seconds / mean)), longest)
            count = corpus.synthetic.dev_utterances if split == "dev" else corpus.synthetic.test_utterances
            return Speech(count * mean, count, longest)
        case "librispeech":
            names = getattr(corpus.librispeech, split)
            hours, utterances = (sum(LIBRISPEECH.get(name, (100.0, 30000, 6300))[i] for name in names) for i in (0, 1))
            return Speech(hours * 3600, int(utterances), LONGEST)
        case _:
            return _list_recordings(study, split)


def _list_recordings(study: Study, split: str) -> Speech:
    """How much speech the user's table lists; if it cannot be read, what is assumed."""
    manifest = study.corpus.manifest
    listed = recordings.measure(Path(manifest.path)).get(split) if manifest else None
    if listed is None:
        return UNKNOWN if split == "train" else Speech(UNKNOWN.seconds / 20, UNKNOWN.utterances // 20, LONGEST)
    seconds = UNKNOWN.mean * listed.utterances if listed.seconds is None else listed.seconds
    return Speech(seconds, listed.utterances, LONGEST if listed.longest is None else listed.longest)


def samples(study: Study, job: designs.Job) -> int:
    """Samples that an attack job leaves at the most."""
    settings = study.attacks[job.attack].at(job.confidence)
    most = designs.count_utterances(study, job) * settings.keep
    return most if settings.cap is None else min(most, settings.cap)


def hearings(study: Study, surrogate: str, remote: str) -> int:
    """Samples of a surrogate that a remote hears, and the three controls of each utterance's primary one."""
    jobs = designs.jobs_heard(study, surrogate, remote)
    return sum(samples(study, job) + 3 * designs.count_utterances(study, job) for job in jobs)


def of(study: Study, rates: Rates, rule: str, wildcards: Mapping[str, str]) -> Work:
    """The work of a job.

    Raises:
        KeyError: for a rule that no job is planned of.
    """
    return _WORK_OF[rule](_Costs(study, rates), wildcards)


class _Costs:
    """What a second of audio costs in a study."""

    def __init__(self, study: Study, rates: Rates) -> None:
        self.study = study
        self.rates = rates
        self.device = getattr(rates, study.device)
        # Rows are decoded by as many processes as a job has threads.
        self.search = 0.0 if study.decoder.backend == "greedy" else 1 / rates.decoding / study.threads
        self.base = BESIDE + (NETWORK if study.device == "cpu" else CUDA)

    def of_model(self, model: str) -> Cost:
        """What a model takes."""
        return self.study.class_of(model).cost(self.study.section_of(model))

    def seconds(self, model: str, work: str) -> float:
        """Seconds that a second of audio takes: of ``training``, an iteration of an ``attack``, or ``listening``."""
        cost = self.of_model(model)
        if cost.multiplications is None:
            # Assumed: a gradient takes three times as long as hearing.
            return (1 if work == "listening" else 3) / cost.speed
        return cost.multiplications / float(self.device.multiplications) / float(getattr(self.device, work))

    def decoding(self, model: str) -> float:
        """Seconds that decoding a second of audio takes; a model without frames decodes by itself."""
        return self.search if self.study.has_frames(model) else 0.0

    def processes(self, longest: float) -> float:
        """MB of the processes that decode beside the one that runs the network."""
        return self.study.threads * (DECODES + DECODES_LONGER * longest) if self.study.threads > 1 else 0.0

    def loaded(self, model: str, batch: int, longest: float, *, gradient: bool) -> float:
        """MB of a model and a batch on its way through it; on a GPU the batch is in its own memory."""
        cost = self.of_model(model)
        return cost.memory + (0.0 if self.study.device == "cuda" else cost.activations(batch, longest, gradient))


def _small(costs: _Costs, wildcards: Mapping[str, str]) -> Work:
    return Work(costs.rates.start + 1, BESIDE + PLAIN)


def _corpus(costs: _Costs, wildcards: Mapping[str, str]) -> Work:
    study = costs.study
    splits = [speech(study, split) for split in ("train", "dev", "test")]
    utterances = sum(split.utterances for split in splits)
    # A row of the table in memory, and the header of an audio file read from disk: upper bounds.
    memory, seconds, disk = BESIDE + 2 * PLAIN + utterances * 0.003, costs.rates.start + utterances / 1000, 0.0
    audio = sum(split.seconds for split in splits)
    match study.corpus.kind:
        case "synthetic":
            seconds += audio / costs.rates.synthesis
            memory += audio * SECOND_OF_AUDIO
            disk = audio * FLAC
        case "manifest":
            disk = audio * FLAC
        case "librispeech" if study.corpus.librispeech.folder is None:
            settings = study.corpus.librispeech
            subsets = [*settings.train, *settings.dev, *settings.test]
            archives = sum(LIBRISPEECH.get(name, (0, 0, 6300))[2] for name in subsets)
            # The archives, and what is in them.
            seconds += 2 * archives / costs.rates.download
            disk = 2 * archives
    return Work(seconds, memory, disk)


def _train(costs: _Costs, wildcards: Mapping[str, str]) -> Work:
    study, model = costs.study, wildcards["model"]
    section: Any = study.section_of(model)
    recipe = section.training
    train, dev = speech(study, "train"), speech(study, "dev")
    # Assumed: as many batches at a time as there are GPUs, each as fast as alone, and copying costs nothing.
    turns = math.ceil(recipe.accumulate / recipe.gpus) / recipe.accumulate
    training, listening = costs.seconds(model, "training"), costs.seconds(model, "listening")
    parsed = study.parsed(model)
    epochs = parsed.which if parsed.arm == "tuned" else recipe.epochs
    seconds = epochs * (train.seconds * training * turns + dev.seconds * listening)
    weights = costs.of_model(model).memory / 3
    memory = costs.base + CONTEXT * (recipe.gpus - 1) + 7 * weights
    memory += costs.loaded(model, recipe.batch, train.longest, gradient=True)
    memory += train.utterances * 0.002 + min(train.seconds, 4 * 3600) * SECOND_OF_AUDIO
    # Weights, those of the last epochs, and while it runs a checkpoint with Adam's two moments.
    disk = weights * (1 + 2 * 3 + 3)
    return Work(costs.rates.start + seconds, memory, disk, recipe.gpus)


def _describe(costs: _Costs, wildcards: Mapping[str, str]) -> Work:
    return Work(costs.rates.start + 10, costs.base + costs.of_model(wildcards["model"]).memory)


def _hear(costs: _Costs, wildcards: Mapping[str, str]) -> Work:
    splits = [speech(costs.study, split) for split in ("dev", "test")]
    audio = sum(split.seconds for split in splits)
    model = wildcards.get("model", costs.study.models[0])
    seconds = audio * (costs.seconds(model, "listening") + costs.decoding(model))
    memory = costs.base + costs.loaded(model, AT_ONCE, splits[1].longest, gradient=False)
    memory += audio * (SECOND_OF_AUDIO + 0.001) + costs.processes(splits[1].longest)
    return Work(costs.rates.start + seconds, memory, audio * TEXTS)


def _language(costs: _Costs, wildcards: Mapping[str, str]) -> Work:
    # The archive, and the model that is in it, which compresses to a third.
    return Work(costs.rates.start + MODEL / 3 / costs.rates.download + MODEL / 30, BESIDE + PLAIN, MODEL)


def _score(costs: _Costs, wildcards: Mapping[str, str]) -> Work:
    heard = _hear(costs, wildcards)
    return replace(heard, memory=heard.memory + 2 * MODEL)


def _tune(costs: _Costs, wildcards: Mapping[str, str]) -> Work:
    scoring, dev = costs.study.scoring or Scoring(), speech(costs.study, "dev")
    tries = len(scoring.alphas) * len(scoring.betas) * min(scoring.utterances, dev.utterances) * dev.mean
    score = _score(costs, wildcards)
    return replace(score, seconds=score.seconds + tries * costs.search, disk=0.0)


def _attack(costs: _Costs, wildcards: Mapping[str, str]) -> Work:
    study = costs.study
    job = designs.Job(*(wildcards[name] for name in ("attack", "surrogate", "target", "confidence")))
    settings = study.attacks[job.attack].at(job.confidence)
    audio, count = speech(study, "test"), designs.count_utterances(study, job)
    members = names.split_surrogate(job.surrogate)
    iteration = sum(costs.seconds(member, "attack") for member in members)
    if settings.combine == "drawn":
        iteration /= len(members)
    iteration *= settings.passes
    seconds = iteration * count * audio.mean * settings.iterations
    batch = min(count, AT_ONCE)
    memory = costs.base + sum(costs.loaded(member, batch, audio.longest, gradient=True) for member in members)
    for judge in designs.list_models(study, job.attack, job.surrogate)[len(members) :]:
        memory += costs.loaded(judge, batch, audio.longest, gradient=False)
    stored = samples(study, job) * audio.mean
    kept = count * settings.keep * audio.mean
    return Work(costs.rates.start + seconds, memory + 3 * kept * SECOND_OF_AUDIO, stored * FLAC)


def _transcribe(costs: _Costs, wildcards: Mapping[str, str]) -> Work:
    study = costs.study
    surrogate, remote = wildcards["surrogate"], wildcards["remote"]
    heard, audio = hearings(study, surrogate, remote), speech(study, "test")
    jobs = designs.jobs_heard(study, surrogate, remote)
    # Primary samples and their three controls count as searched, though a quarter of them needs no search.
    unsearched = heard - 4 * sum(designs.count_utterances(study, job) for job in jobs)
    searched = heard - (1 - CERTIFIED) * max(0, unsearched) if study.decoder.certify else heard
    listening, decoding = costs.seconds(remote, "listening"), costs.decoding(remote)
    seconds = audio.mean * (heard * listening + searched * decoding)
    memory = costs.base + costs.loaded(remote, AT_ONCE, audio.longest, gradient=False)
    largest = max(samples(study, job) + 3 * designs.count_utterances(study, job) for job in jobs)
    memory += costs.processes(audio.longest)
    # The audio of one attack job, and the rows of all: an upper bound.
    memory += 3 * largest * audio.mean * SECOND_OF_AUDIO + heard * 0.02
    return Work(costs.rates.start + seconds, memory, heard * audio.mean * TEXTS)


def _neighbours(costs: _Costs, wildcards: Mapping[str, str]) -> Work:
    study = costs.study
    audio, dev = speech(study, "test"), speech(study, "dev")
    primary = sum(designs.count_utterances(study, job) for job in designs.jobs_of(study, wildcards["surrogate"]))
    listeners = study.neighbours.epochs + len(study.neighbours.shares)
    surrogate = wildcards["surrogate"]
    listening, decoding = costs.seconds(surrogate, "listening"), costs.decoding(surrogate)
    seconds = listeners * (primary * audio.mean * (listening + decoding) + dev.seconds * listening)
    memory = costs.base + 2 * costs.of_model(surrogate).memory
    memory += costs.loaded(surrogate, AT_ONCE, audio.longest, gradient=False)
    memory += 2 * primary * audio.mean * SECOND_OF_AUDIO
    memory += costs.processes(audio.longest)
    return Work(costs.rates.start + seconds, memory)


def _calibrate(costs: _Costs, wildcards: Mapping[str, str]) -> Work:
    model = costs.study.models[0]
    memory = costs.base + 2.5 * costs.of_model(model).memory
    return Work(300, memory + costs.loaded(model, AT_ONCE, 10.0, gradient=True))


def _tables(costs: _Costs, wildcards: Mapping[str, str]) -> Work:
    study = costs.study
    heard = sum(hearings(study, *pair) for pair in designs.list_hearings(study))
    # A row of the joined table in memory: an upper bound.
    return Work(costs.rates.start + heard / costs.rates.tables, BESIDE + PLAIN + heard * 0.001)


def _audit(costs: _Costs, wildcards: Mapping[str, str]) -> Work:
    study = costs.study
    heard = sum(hearings(study, *pair) for pair in designs.list_hearings(study))
    made = sum(samples(study, job) for job in designs.list_jobs(study))
    # Each row is looked at several times, and each sample decoded. Of one file the rows are in memory, of all others
    # what claims count: upper bounds.
    seconds = heard / costs.rates.tables + made / SAMPLES_AUDITED
    file = heard / len(designs.list_hearings(study))
    return Work(costs.rates.start + seconds, BESIDE + PLAIN + file * 0.004 + heard * 0.0003)


_WORK_OF = {
    "corpus": _corpus,
    "train": _train,
    "describe": _describe,
    "hear": _hear,
    "language": _language,
    "tune": _tune,
    "score": _score,
    "select": _small,
    "attack": _attack,
    "transcribe": _transcribe,
    "neighbours": _neighbours,
    "transfer_curve": _small,
    "calibrate": _calibrate,
    "tables": _tables,
    "audit": _audit,
    "verdict": _small,
    "report": _tables,
    "proofread": _tables,
}
RULES = tuple(_WORK_OF)
"""Rules whose jobs have a known work, in the order of a study; the others only gather files or print."""
