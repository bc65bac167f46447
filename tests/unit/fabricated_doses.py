"""A fabricated study of two sweeps: of four confidences, two differ in the bound and two in the threshold."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd
from fabricated import Heard, Study, deaf
from fabricated_report import AudibleStudy

from asrtransfer.tables.doses import doses

CONFIDENCES = ["low", "high", "b-100", "b-1000"]
SETTINGS = {
    "low": {"threshold": None, "bound": 500.0},
    "high": {"threshold": 0.9, "bound": 500.0},
    "b-100": {"threshold": 0.5, "bound": 100.0},
    "b-1000": {"threshold": 0.5, "bound": 1000.0},
}
SNR_DB = {"low": 50.0, "high": 40.0, "b-100": 30.0, "b-1000": 5.0}
K1 = {"low": 0.4, "high": 0.95, "b-100": 0.9996, "b-1000": 1.0}
UTTERANCES = 12


def fails_for_rank_2_low(attack: str, surrogate: str, target: str, confidence: str, utterance: int) -> str:
    return "failed" if (target, confidence) == ("rank-2", "low") else "sample"


def optimum(heard: Heard) -> list[str]:
    """Another seed hears the target most often at b-100 for rank 2, and never at the loudest dose."""
    if heard.kind == "adversarial" and heard.arm == "seed" and heard.target == "rank-2":
        if heard.confidence == "b-100" and heard.utterance != 0:
            return [heard.phrase, heard.truth]
        if heard.confidence == "high" and heard.utterance == 1:
            return [heard.phrase, heard.truth]
    if heard.kind in ("noise", "clean") and heard.arm == "seed" and heard.utterance == 2:
        return [heard.truth, heard.phrase]
    return deaf(heard)


@dataclass
class Doses(Study):
    """Samples whose SNR and K1 follow from their confidence; an utterance is 0.1 dB louder than the next."""

    utterances: int = UTTERANCES
    jobs: list[tuple[str, str, str]] = field(
        default_factory=lambda: [
            ("cw", target, confidence) for target in ("open-the-door", "rank-2") for confidence in CONFIDENCES
        ]
    )
    iterations: tuple[int, ...] = (100,)
    settings: dict[str, dict[str, object]] = field(default_factory=lambda: dict(SETTINGS))
    measured: tuple[str, ...] = ("snr_db", "k1")

    def attack_rows(self, attack: str, surrogate: str, target: str, confidence: str) -> list[dict[str, object]]:
        rows = super().attack_rows(attack, surrogate, target, confidence)
        for row in rows:
            if row["status"] == "sample":
                utterance = int(str(row["utterance_id"])[1:])
                measures = {"snr_db": SNR_DB[confidence] + 0.1 * utterance, "k1": K1[confidence]}
                row |= {name: value if name in self.measured else None for name, value in measures.items()}
        return rows

    def plain_design(self) -> dict[str, object]:
        design = super().plain_design()
        design["attacks"]["cw"]["settings"] = self.settings  # type: ignore[index]
        return design

    def tabulate(self) -> pd.DataFrame:
        """Write the files, and make the table of doses alone."""
        self.write()
        return doses(self.read(), self.design())


@dataclass
class AudibleDoses(Doses, AudibleStudy):
    """The same study with sounds, all tables and a report."""
