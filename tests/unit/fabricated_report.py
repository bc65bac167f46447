"""A fabricated study that can be heard, and its report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from fabricated import DESCRIBED, Study

from asrtransfer.attacks.samples import distortion
from asrtransfer.audit.findings import Finding, as_table
from asrtransfer.files.cards import read_card, write_card
from asrtransfer.report import gallery, material, page
from asrtransfer.speech.audio import encode_flac, write_flac
from asrtransfer.tables import tabulate

AUDIT = as_table([Finding("selection", "the draw is the one of its seed", 3, "utterances")])
"""What an audit found."""
TEMPLATES = Path(__file__).parents[2] / "workflow" / "report"
SECONDS = 0.4


@dataclass
class AudibleStudy(Study):
    """Files of a whole study, as the workflow lays them out."""

    says: str = ""

    def truth(self, utterance: int) -> str:
        return f"{super().truth(utterance)}{self.says}"

    def original(self, utterance: int) -> np.ndarray:
        """A tone, the same for the same utterance."""
        time = np.arange(int(16000 * SECONDS)) / 16000
        return np.rint(6000 * np.sin(2 * np.pi * (300 + 100 * utterance) * time)).astype(np.int16)

    def adversarial(self, utterance: int, seed: int) -> np.ndarray:
        """The tone in noise."""
        noise = np.random.default_rng(seed).integers(-400, 400, int(16000 * SECONDS))
        return (self.original(utterance) + noise).astype(np.int16)

    def attack_rows(self, attack: str, surrogate: str, target: str, confidence: str) -> list[dict[str, object]]:
        rows = super().attack_rows(attack, surrogate, target, confidence)
        for seed, row in enumerate(rows):
            if row["status"] == "sample":
                utterance = int(str(row["utterance_id"])[1:])
                audio = self.adversarial(utterance, seed)
                row["audio"] = {"bytes": encode_flac(audio), "path": "a.flac"}
                row |= distortion(self.original(utterance), audio)
        return rows

    def write(self) -> AudibleStudy:
        super().write()
        for model in self.models:
            folder = self.folder / "models" / model
            folder.mkdir(parents=True, exist_ok=True)
            trained = DESCRIBED[model]["seed"] is not None
            card = read_card(self.folder / "cards" / f"{model}.json")
            write_card(card | ({"train_minutes": 20.0} if trained else {}), folder / "card.json")
            if not trained:
                continue
            epochs = np.arange(1, 6)
            curve = {"epoch": epochs, "dev_wer": 1 / epochs, "dev_loss": 9 / epochs, "train_loss": 8 / epochs}
            self._save(pd.DataFrame(curve), folder / "curve.parquet")
        audio = self.folder / "corpus" / "audio"
        audio.mkdir(parents=True, exist_ok=True)
        digests = [
            write_flac(audio / f"{utterance}.flac", self.original(utterance)) for utterance in range(self.utterances)
        ]
        names = [f"u{utterance:03}" for utterance in range(self.utterances)]
        paths = [f"audio/{utterance}.flac" for utterance in range(self.utterances)]
        selected = pd.DataFrame({"utterance_id": names, "path": paths, "sha256": digests})
        self._save(selected, self.folder / "selected.parquet")
        for name, table in tabulate(self.read(), self.design()).items():
            self._save(table, self.folder / "tables" / f"{name}.parquet")
        return self

    def material(self) -> material.Material:
        return material.read(
            self.design(),
            sorted((self.folder / "tables").iterdir()),
            [self.attack_path(*job) for job in self.design().jobs],
            [self.transcript_path(*pair) for pair in self.arms],
            sorted((self.folder / "models").glob("*/curve.parquet")),
            [self.folder / "models" / model / "card.json" for model in self.models],
        )

    def gallery(self, samples: int = 8, megabytes: float = 8) -> gallery.Gallery:
        selected = pd.read_parquet(self.folder / "selected.parquet")
        return gallery.build(self.material(), self.folder / "corpus", selected, samples=samples, megabytes=megabytes)

    def report(self, rows: int = 1000) -> str:
        study = self.material()
        return page.render(study, self.gallery(), AUDIT, TEMPLATES, list(study.tables), rows=rows)
