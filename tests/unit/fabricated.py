"""A study that nobody ran: files as the jobs write them, with what was heard given by a function."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow

from asrtransfer.attacks import samples
from asrtransfer.attacks.cw import published as published_cw
from asrtransfer.attacks.pgd import published as published_pgd
from asrtransfer.files import parquet
from asrtransfer.files.cards import write_card
from asrtransfer.hearing import transfer
from asrtransfer.hearing.hear import Hearing
from asrtransfer.tables import Design, Results, read
from study import dealing, names

JOBS = [
    ("cw", "open-the-door", "low"),
    ("cw", "open-the-door", "high"),
    ("cw", "rank-2", "low"),
    ("cw", "rank-2", "high"),
    ("cw", "rank-3", "low"),
    ("cw", "rank-3", "high"),
    ("pgd", "open-the-door", "high"),
]
MODELS = ["seed-1", "seed-2", "seed-1.twin", "seed-1.ulp-1"]
ARMS = {
    ("seed-1", "seed-1"): "self",
    ("seed-1", "seed-2"): "seed",
    ("seed-1", "seed-1.twin"): "twin",
    ("seed-1", "seed-1.ulp-1"): "ulp",
    ("seed-2", "seed-2"): "self",
    ("seed-2", "seed-1"): "seed",
    ("seed-2", "seed-1.twin"): "seed",
    ("seed-2", "seed-1.ulp-1"): "seed",
}
DESCRIBED: dict[str, dict[str, object]] = {
    "seed-1": {"family": "deepspeech", "base": "seed-1", "seed": 1, "arm": "none"},
    "seed-2": {"family": "deepspeech", "base": "seed-2", "seed": 2, "arm": "none"},
    "seed-1.twin": {"family": "deepspeech", "base": "seed-1", "seed": 1, "arm": "twin"},
    "seed-1.ulp-1": {"family": "deepspeech", "base": "seed-1", "seed": 1, "arm": "ulp"},
    "mine": {"family": "mine", "base": "mine", "seed": None, "arm": "none"},
    **{
        model.name: {
            **{"family": "deepspeech", "base": model.base, "seed": model.seed, "arm": model.arm},
            **{"rung": model.rung, "common": model.common, "place": model.place, "channel": model.channel},
            **({"source": model.source} if model.channel else {}),
        }
        for model in (
            names.parse_model(name, "deepspeech")
            for name in (
                *("seed-1.tuned-1", "seed-1.tuned-9", "seed-2.shares-1-of-1", "seed-2.shares-4-of-1"),
                *("seed-2.shares-last-2-of-1", "seed-1@phone", "seed-1@room"),
            )
        )
    },
}
ATTACKS: dict[str, dict[str, object]] = {
    "cw": {"label": "C&W", "published": published_cw.PUBLISHED},
    "pgd": {"label": "PGD", "published": published_pgd.PUBLISHED},
    "mim": {"label": "MIM", "published": None},
}
SURROGATES = {"seed-1": ["seed-1"], "seed-2": ["seed-2"]}

# A third attack, unpublished; a surrogate of two models; a loaded recogniser that is no CTC model.
WIDE_JOBS = [*JOBS, ("mim", "open-the-door", "high"), ("mim", "rank-2", "high")]
WIDE_SURROGATES = {**SURROGATES, "seed-1+seed-2": ["seed-1", "seed-2"]}
WIDE_ARMS = {
    **ARMS,
    ("seed-1", "mine"): "family",
    ("seed-2", "mine"): "family",
    ("seed-1+seed-2", "seed-1"): "self",
    ("seed-1+seed-2", "seed-2"): "self",
    ("seed-1+seed-2", "seed-1.twin"): "twin",
    ("seed-1+seed-2", "seed-1.ulp-1"): "ulp",
    ("seed-1+seed-2", "mine"): "family",
}


@dataclass(frozen=True)
class Heard:
    """One hearing, as the function that says what was heard is told of it."""

    surrogate: str
    remote: str
    arm: str
    attack: str
    target: str
    confidence: str
    utterance: int
    iteration: int
    kind: str
    phrase: str
    truth: str


def target_kind(target: str) -> str:
    return {"rank": "near", "words": "words"}.get(target.split("-")[0], "phrase")


def rank_of(target: str) -> int | None:
    return int(target[5:]) if target_kind(target) == "near" else None


def deaf(heard: Heard) -> list[str]:
    """The surrogate and its twin hear samples as meant; everybody else hears the truth."""
    if heard.kind == "adversarial" and heard.arm in ("self", "twin"):
        return [heard.phrase, heard.truth]
    return [heard.truth]


@dataclass
class Study:
    """What was attacked, and what became of it."""

    folder: Path
    utterances: int = 4
    jobs: list[tuple[str, str, str]] = field(default_factory=lambda: list(JOBS))
    hears: Callable[[Heard], list[str]] = deaf
    failing: Callable[[str, str, str, str, int], str] = lambda *job: "sample"
    iterations: tuple[int, ...] = (100, 110)
    weights: dict[str, str] = field(default_factory=dict)
    heard_by: dict[tuple[str, str], str] = field(default_factory=dict)
    stored_loss: float = 0.05
    arms: dict[tuple[str, str], str] = field(default_factory=lambda: dict(ARMS))
    models: list[str] = field(default_factory=lambda: list(MODELS))
    surrogates: dict[str, list[str]] = field(default_factory=lambda: dict(SURROGATES))
    kind: str = "grid"

    @classmethod
    def wide(cls, folder: Path, **changes: object) -> Study:
        """A study of more than the published one: see WIDE_JOBS."""
        wide = {"jobs": list(WIDE_JOBS), "arms": dict(WIDE_ARMS), "models": [*MODELS, "mine"]}
        return cls(folder, **(wide | {"surrogates": dict(WIDE_SURROGATES)} | changes))  # type: ignore[arg-type]

    @property
    def scored(self) -> list[str]:
        """Models that a language model scores: the trained ones."""
        return [model for model in self.models if DESCRIBED[model]["seed"] is not None and "@" not in model]

    def weight(self, model: str) -> str:
        return self.weights.get(model, model.partition("@")[0].removesuffix(".twin"))

    def truth(self, utterance: int) -> str:
        return f"utterance number {'abcdefghijklmnopqrstuvwxyz'[utterance % 26] * (1 + utterance // 26)}"

    def phrase(self, target: str, utterance: int) -> str:
        rank = rank_of(target)
        return target.replace("-", " ") if rank is None else f"{self.truth(utterance)} {'x' * rank}"

    def attacked(self, attack: str, surrogate: str, target: str) -> list[int]:
        """The utterances of an attack job: all, or those that were dealt to it."""
        if self.kind == "grid":
            return list(range(self.utterances))
        names = [f"u{utterance:03}" for utterance in range(self.utterances)]
        dealt = dealing.deal_surrogates(names, list(self.surrogates), 0)
        if target_kind(target) == "phrase":
            targets = [t for a, t, _ in self.jobs if a == attack and target_kind(t) == "phrase"]
            phrases = dealing.deal_phrases(dealt, list(dict.fromkeys(targets)), 0)
            dealt = {name: whom for name, whom in dealt.items() if phrases[name] == target}
        return [int(name[1:]) for name in names if dealt.get(name) == surrogate]

    def attack_rows(self, attack: str, surrogate: str, target: str, confidence: str) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = []
        for utterance in self.attacked(attack, surrogate, target):
            status = self.failing(attack, surrogate, target, confidence, utterance)
            base: dict[str, object] = {
                "attack": attack,
                "surrogate": surrogate,
                "target": target,
                "target_kind": target_kind(target),
                "confidence": confidence,
                "utterance_id": f"u{utterance:03}",
                "text": self.truth(utterance),
                "phrase": self.phrase(target, utterance),
                "status": status,
                "primary": False,
                "best_loss": 0.1,
                "seconds": 1.5,
            }
            if status != "sample":
                rows.append(base)
                continue
            for iteration in self.iterations:
                rows.append(
                    base
                    | {
                        "iteration": iteration,
                        "primary": iteration == self.iterations[-1],
                        "audio": {"bytes": b"flac", "path": "a.flac"},
                        "k1": 0.95 if confidence == "high" else 0.5,
                        "k2": 0.99,
                        "k5": 0.8,
                        "ctc_loss": 0.05,
                        "linf": 100.0,
                        "bound": 120.0 if attack == "mim" else None,
                        "l2": 1000.0,
                        "snr_db": 20.0,
                        "peak_db": -30.0,
                        "audible_db": 3.0,
                        "audible_share": 0.25,
                    }
                )
        return rows

    def transcript_rows(self, surrogate: str, remote: str) -> Iterable[dict[str, object]]:
        for attack, target, confidence in self.jobs:
            for row in self.attack_rows(attack, surrogate, target, confidence):
                kinds = ["adversarial", "clean", "shuffled", "moved", "noise"] if row["primary"] else ["adversarial"]
                kinds += ["spoken"] if row["primary"] and row["target_kind"] == "phrase" else []
                for kind in kinds if row["status"] == "sample" else []:
                    heard = Heard(
                        surrogate,
                        remote,
                        self.arms[surrogate, remote],
                        attack,
                        target,
                        confidence,
                        int(str(row["utterance_id"])[1:]),
                        int(str(row["iteration"])),
                        kind,
                        str(row["phrase"]),
                        str(row["phrase" if kind == "spoken" else "text"]),
                    )
                    yield self.transcript_row(row | {"text": heard.truth}, heard)

    def transcript_row(self, row: dict[str, object], heard: Heard) -> dict[str, object]:
        """One hearing; that of a recogniser without a seed has one text and none of the scores of CTC."""
        texts = self.hears(heard)
        names = (*transfer.JOB, "utterance_id", "iteration", "primary", "phrase", "text")
        kept = {key: row[key] for key in names}
        scored = DESCRIBED[heard.remote]["seed"] is not None
        loss = self.stored_loss if (heard.kind, heard.arm) == ("adversarial", "self") else 30.0
        hearing = Hearing(texts if scored else texts[:1], [-0.1 * n for n in range(len(texts))], texts[0], loss)
        found = kept | {"kind": heard.kind, "ctc_loss_clean": 40.0} | transfer.measure(kept, hearing)
        found["target_kind"] = row["target_kind"]
        if not scored:
            found |= dict.fromkeys(("greedy", "log_probabilities", "ctc_loss", "ctc_loss_clean"))
            found["raw"] = texts[0].upper()
        return found

    def design(self) -> Design:
        return Design.from_dict(self.plain_design())

    def plain_design(self) -> dict[str, object]:
        attacks = list(dict.fromkeys(attack for attack, _, _ in self.jobs))
        targets = list(dict.fromkeys(target for _, target, _ in self.jobs))
        phrases = {
            name: {t: t.replace("-", " ") for a, t, _ in self.jobs if a == name and target_kind(t) == "phrase"}
            for name in attacks
        }
        thresholds = {name: {c: 0.9 if c == "high" else None for a, _, c in self.jobs if a == name} for name in attacks}
        return {
            "kind": self.kind,
            "jobs": [
                [attack, surrogate, target, confidence]
                for surrogate in self.surrogates
                for attack, target, confidence in self.jobs
            ],
            "hearings": [[*pair, arm] for pair, arm in self.arms.items()],
            "attacks": {
                name: {**ATTACKS[name], "thresholds": thresholds[name], "phrases": phrases[name]} for name in attacks
            },
            "targets": {name: {"kind": target_kind(name), "rank": rank_of(name)} for name in targets},
            "models": {name: DESCRIBED[name] for name in self.models},
            "surrogates": self.surrogates,
            "settings": {"confidence_level": 0.95, "margin": 0.05, "resamples": 200, "seed": 0},
        }

    def attack_path(self, attack: str, surrogate: str, target: str, confidence: str) -> Path:
        return self.folder / "attacks" / attack / surrogate / target / f"{confidence}.parquet"

    def transcript_path(self, surrogate: str, remote: str) -> Path:
        return self.folder / "transcripts" / surrogate / f"{remote}.parquet"

    def write(self) -> Study:
        for attack, surrogate, target, confidence in self.design().jobs:
            table = pyarrow.Table.from_pylist(self.attack_rows(attack, surrogate, target, confidence), samples.SCHEMA)
            self._save(table, self.attack_path(attack, surrogate, target, confidence))
        for (surrogate, remote), arm in self.arms.items():
            rows = list(self.transcript_rows(surrogate, remote))
            self._save(
                transfer.as_table(rows, remote, self.heard_by.get((surrogate, remote), self.weight(remote)), arm),
                self.transcript_path(surrogate, remote),
            )
        for model in self.models:
            rows = [
                {
                    "split": split,
                    "text": self.truth(n),
                    "greedy": "utterance",
                    "texts": [self.truth(n)],
                    "log_probabilities": [math.log(0.9 - n / 10)],
                }
                for split in ("dev", "test")
                for n in range(5)
            ]
            clean = pd.DataFrame(rows)
            if DESCRIBED[model]["seed"] is None:
                clean["greedy"] = clean["log_probabilities"] = None
            self._save(clean, self.folder / "clean" / f"{model}.parquet")
            if model in self.scored:
                scored = pd.DataFrame(rows).assign(transcription=lambda frame: frame["text"])
                self._save(scored[["split", "text", "transcription"]], self.folder / "scored" / f"{model}.parquet")
            path = self.folder / "cards" / f"{model}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_card(self.card(model), path)
        return self

    def card(self, model: str) -> dict[str, object]:
        """A trained model's card; a loaded recogniser's says nothing of training."""
        described = DESCRIBED[model]
        common = {"model": model, "family": described["family"], "seed": described["seed"], "arm": described["arm"]}
        common |= {"weights_sha256": self.weight(model), "device": "cpu", "threads": 1}
        if described["seed"] is None:
            return common
        return common | {
            "initial_weights_sha256": f"start {model.removesuffix('.twin')}",
            "training_data_sha256": "data",
            "units": 8,
            "parameters": 100,
            "seconds": 3.0,
            "recipe": {"epochs": 1},
        }

    def read(self, design: Design | None = None) -> Results:
        design = design or self.design()
        return read(
            design,
            [self.attack_path(*job) for job in design.jobs],
            [self.transcript_path(surrogate, remote) for surrogate, remote, _ in design.hearings],
            [self.folder / "clean" / f"{model}.parquet" for model in self.models],
            [self.folder / "cards" / f"{model}.json" for model in self.models],
            [self.folder / "scored" / f"{model}.parquet" for model in self.scored],
        )

    @staticmethod
    def _save(table: pyarrow.Table | pd.DataFrame, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write(table, path)
