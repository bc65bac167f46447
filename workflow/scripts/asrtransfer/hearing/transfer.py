"""What a remote makes of a surrogate's samples, and of the negative controls beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
from numpy.typing import NDArray

from asrtransfer.attacks.samples import sound
from asrtransfer.ctc import decoding
from asrtransfer.hearing import controls
from asrtransfer.hearing.hear import Hearing, Need, contains, hear, losses, rank
from asrtransfer.recognisers.deepspeech.network import DeepSpeech
from asrtransfer.text import error_rates

Samples = NDArray[np.int16]
JOB = ["surrogate", "attack", "target", "confidence"]
# Samples whose audio is decoded at a time: a job may hold thousands, of some 300 kB each.
DECODED = 512
SCHEMA = pyarrow.schema(
    [
        ("surrogate", pyarrow.string()),
        ("remote", pyarrow.string()),
        ("remote_weights_sha256", pyarrow.string()),
        ("arm", pyarrow.string()),
        ("attack", pyarrow.string()),
        ("target", pyarrow.string()),
        ("target_kind", pyarrow.string()),
        ("confidence", pyarrow.string()),
        ("utterance_id", pyarrow.string()),
        ("iteration", pyarrow.int64()),
        ("primary", pyarrow.bool_()),
        ("kind", pyarrow.string()),
        ("text", pyarrow.string()),
        ("phrase", pyarrow.string()),
        ("greedy", pyarrow.string()),
        ("searched", pyarrow.bool_()),
        ("texts", pyarrow.list_(pyarrow.string())),
        ("raw", pyarrow.string()),
        ("log_probabilities", pyarrow.list_(pyarrow.float64())),
        ("rank", pyarrow.int64()),
        ("hit", pyarrow.bool_()),
        ("contains", pyarrow.bool_()),
        ("cer_target", pyarrow.float64()),
        ("cer_truth", pyarrow.float64()),
        ("ctc_loss", pyarrow.float64()),
        ("ctc_loss_clean", pyarrow.float64()),
    ]
)


class Listener:
    """A remote with its decoder, and what it hears in the clean utterances.

    Args:
        clean: by utterance_id, int16 at 16 kHz.
        texts: by utterance_id, what is said.
        certify: whether to spare a hearing the search where what the tables need of it is proven without: where the
            phrase stands among the ten texts, and of primary samples and controls the best text as well. Of other
            samples there may be thousands an utterance, and none of their other texts is read.
    """

    def __init__(
        self,
        remote: DeepSpeech,
        decoder: decoding.Decoder,
        clean: Mapping[str, Samples],
        texts: Mapping[str, str],
        *,
        certify: bool = False,
    ) -> None:
        self.remote = remote
        self.decoder = decoder
        self.clean = clean
        self.texts = texts
        self.certify = certify
        self.heard = dict(zip(clean, hear(remote, decoder, list(clean.values())), strict=True))

    def transcripts(self, samples: pd.DataFrame) -> list[dict[str, object]]:
        """Hear the samples of one attack job.

        Besides every sample (kind ``adversarial``), each primary one is heard as ``clean`` audio and as the negative
        controls of :mod:`asrtransfer.hearing.controls`.

        Args:
            samples: rows of a job's table that hold a sample.

        Returns:
            One row a hearing, without what :func:`as_table` adds; see :data:`SCHEMA`.
        """
        result: list[dict[str, object]] = []
        baseline = self._clean_losses(samples)
        for start in range(0, len(samples), DECODED):
            rows = []
            audio: list[Samples] = []
            for row in samples.iloc[start : start + DECODED].to_dict("records"):
                common = {key: row[key] for key in (*JOB, "utterance_id", "phrase", "primary", "iteration")}
                common["ctc_loss_clean"] = baseline[row["utterance_id"], row["phrase"]]
                for kind, text, heard in self._audible(row):
                    rows.append({**common, "kind": kind, "text": text})
                    audio.append(heard)
            hearings = hear(self.remote, self.decoder, audio, [row["phrase"] for row in rows], self._needs(rows))
            result += [{**row, **measured(row, hearing)} for row, hearing in zip(rows, hearings, strict=True)]
        for row in samples[samples["primary"]].to_dict("records"):
            name = row["utterance_id"]
            loss = baseline[name, row["phrase"]]
            common = {key: row[key] for key in (*JOB, "utterance_id", "phrase", "primary", "iteration")}
            common.update(kind="clean", text=self.texts[name], ctc_loss_clean=loss)
            result.append({**common, **measured(common, self.heard[name]), "ctc_loss": loss})
        return result

    def _needs(self, rows: list[dict[str, object]]) -> list[Need] | None:
        return [("best" if row["primary"] else "place") for row in rows] if self.certify else None

    def _audible(self, row: Mapping[Any, Any]) -> list[tuple[str, str, Samples]]:
        """Kind, true text and audio of a sample and, if it is primary, of its negative controls."""
        name = str(row["utterance_id"])
        cell = row["audio"]
        assert isinstance(cell, dict)
        adversarial = sound(cell)
        found = [("adversarial", self.texts[name], adversarial)]
        if not row["primary"]:
            return found
        other = self._other(name)
        seed = "/".join(str(row[key]) for key in (*JOB, "utterance_id"))
        for kind in controls.KINDS:
            carrier = other if kind == "moved" else name
            if carrier is not None:
                made = controls.control(kind, self.clean[name], adversarial, self.clean[carrier], seed)
                found.append((kind, self.texts[carrier], made))
        return found

    def _other(self, name: str) -> str | None:
        """The utterance that a perturbation is moved to: the next one, so that lengths are near."""
        names = list(self.clean)
        other = names[(names.index(name) + 1) % len(names)]
        return other if other != name else None

    def _clean_losses(self, samples: pd.DataFrame) -> dict[tuple[str, str], float]:
        pairs = list(dict.fromkeys(zip(samples["utterance_id"], samples["phrase"], strict=True)))
        values = losses(self.remote, [self.clean[name] for name, _ in pairs], [phrase for _, phrase in pairs])
        return dict(zip(pairs, values, strict=True))


def measured(row: Mapping[str, object], hearing: Hearing) -> dict[str, object]:
    """What a hearing says of a row's ``phrase`` (the target) and ``text`` (the truth).

    What only the best text tells is None where that is not known.
    """
    phrase, text = str(row["phrase"]), str(row["text"])
    known = bool(hearing.texts) or hearing.searched
    top = hearing.texts[0] if hearing.texts else ""
    return {
        "greedy": hearing.greedy,
        "searched": hearing.searched,
        "texts": hearing.texts,
        "log_probabilities": hearing.log_probabilities,
        "rank": rank(phrase, hearing.texts),
        "hit": known and top == phrase,
        "contains": contains(phrase, top) if known else None,
        "cer_target": error_rates.character_errors(phrase, top).rate if known else None,
        "cer_truth": error_rates.character_errors(text, top).rate if known else None,
        "ctc_loss": hearing.ctc_loss,
    }


def as_table(rows: list[dict[str, object]], remote: str, weights: str, arm: str) -> pyarrow.Table:
    """Rows of :meth:`Listener.transcripts` with the remote's name, the hash of the weights that heard, and the arm."""
    common = {"remote": remote, "remote_weights_sha256": weights, "arm": arm}
    return pyarrow.Table.from_pylist([row | common for row in rows], schema=SCHEMA)
