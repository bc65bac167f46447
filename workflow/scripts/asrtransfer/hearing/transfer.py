"""What a remote makes of a surrogate's samples, and of the negative controls beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import pyarrow

from asrtransfer.attacks.samples import read_audio
from asrtransfer.channels import Audio, Channel
from asrtransfer.ctc.base import Decoder
from asrtransfer.hearing import controls
from asrtransfer.hearing.hear import Hearing, Need, compute_losses, contains, hear, rank
from asrtransfer.recognisers.base import Recogniser
from asrtransfer.speech.espeak import Engine
from asrtransfer.text import error_rates

JOB = ["surrogate", "attack", "target", "confidence"]
KEPT = [*JOB, "target_kind", "utterance_id", "phrase", "primary", "iteration"]
"""Columns of a sample that its hearings have as well."""
# Samples whose audio is in memory at a time: a job may hold thousands, of some 300 kB each.
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
        channel: what lies between: makes of audio what arrives.
        certify: whether to skip the beam search where a bound already decides what the tables read: the rank of the
            phrase, and of primary samples and controls the best text as well. Of other samples there may be thousands
            an utterance, and no table reads their other texts.
    """

    def __init__(
        self,
        remote: Recogniser,
        decoder: Decoder,
        clean: Mapping[str, Audio],
        texts: Mapping[str, str],
        *,
        certify: bool,
        channel: Channel = lambda audio: audio,
    ) -> None:
        self.remote = remote
        self.decoder = decoder
        self.clean = clean
        self.texts = texts
        self.certify = certify
        self.channel = channel
        self.arrived = {name: channel(audio) for name, audio in clean.items()}
        self.heard = dict(zip(clean, hear(remote, decoder, list(self.arrived.values())), strict=True))
        self.spoken: dict[tuple[str, str], Hearing] = {}

    def transcripts(self, samples: pd.DataFrame) -> list[dict[str, object]]:
        """Hear the samples of one attack job.

        Every sample is heard (kind ``adversarial``), and of each primary one also the ``clean`` audio, the negative
        controls of :mod:`asrtransfer.hearing.controls`, and the phrase as a voice speaks it, if its target is one.

        Args:
            samples: rows of a job's table that hold a sample.

        Returns:
            One row a hearing, without what :func:`as_table` adds; see :data:`SCHEMA`.
        """
        result: list[dict[str, object]] = []
        baseline = self._clean_losses(samples)
        for start in range(0, len(samples), DECODED):
            rows = []
            audio: list[Audio] = []
            for row in samples.iloc[start : start + DECODED].to_dict("records"):
                common = {key: row[key] for key in KEPT}
                common["ctc_loss_clean"] = baseline[row["utterance_id"], row["phrase"]]
                for kind, text, heard in self._audible(row):
                    rows.append({**common, "kind": kind, "text": text})
                    audio.append(self.channel(heard))
            hearings = hear(self.remote, self.decoder, audio, [row["phrase"] for row in rows], self._needs(rows))
            result += [{**row, **measure(row, hearing)} for row, hearing in zip(rows, hearings, strict=True)]
        for row in samples[samples["primary"]].to_dict("records"):
            name = row["utterance_id"]
            loss = baseline[name, row["phrase"]]
            common = {key: row[key] for key in KEPT}
            common.update(kind="clean", text=self.texts[name], ctc_loss_clean=loss)
            result.append({**common, **measure(common, self.heard[name]), "ctc_loss": loss})
        spoken = samples[samples["primary"] & (samples["target_kind"] == "phrase")]
        return result + self._hear_spoken(spoken, baseline)

    def _hear_spoken(
        self, samples: pd.DataFrame, baseline: Mapping[tuple[str, str], float | None]
    ) -> list[dict[str, object]]:
        """Hear the phrases of some samples as a voice speaks them, each in the place of its utterance, once."""
        pairs = list(zip(samples["phrase"], samples["utterance_id"], strict=True))
        new = [pair for pair in dict.fromkeys(pairs) if pair not in self.spoken]
        if new:
            with Engine() as engine:
                audio = [self.channel(controls.speak(engine, phrase, name)) for phrase, name in new]
            heard = hear(self.remote, self.decoder, audio, [phrase for phrase, _ in new])
            self.spoken |= dict(zip(new, heard, strict=True))
        rows = []
        for row, pair in zip(samples.to_dict("records"), pairs, strict=True):
            common = {key: row[key] for key in KEPT}
            common.update(kind=controls.SPOKEN, text=row["phrase"], ctc_loss_clean=baseline[pair[::-1]])
            rows.append({**common, **measure(common, self.spoken[pair])})
        return rows

    def _needs(self, rows: list[dict[str, object]]) -> list[Need] | None:
        return [("best" if row["primary"] else "place") for row in rows] if self.certify else None

    def _audible(self, row: Mapping[Any, Any]) -> list[tuple[str, str, Audio]]:
        """Kind, true text and audio of a sample and, if it is primary, of its negative controls."""
        name = str(row["utterance_id"])
        adversarial = read_audio(row["audio"])
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

    def _clean_losses(self, samples: pd.DataFrame) -> dict[tuple[str, str], float | None]:
        pairs = list(dict.fromkeys(zip(samples["utterance_id"], samples["phrase"], strict=True)))
        values = compute_losses(self.remote, [self.arrived[name] for name, _ in pairs], [phrase for _, phrase in pairs])
        return dict(zip(pairs, values, strict=True))


def measure(row: Mapping[str, object], hearing: Hearing) -> dict[str, object]:
    """Say what a hearing tells of a row's ``phrase`` (the target) and ``text`` (the truth).

    What only the best text tells is None where that is not known.
    """
    phrase, text = str(row["phrase"]), str(row["text"])
    known = bool(hearing.texts) or hearing.searched
    top = hearing.top
    return {
        "greedy": hearing.greedy,
        "searched": hearing.searched,
        "texts": hearing.texts,
        "raw": hearing.raw,
        "log_probabilities": hearing.log_probabilities,
        "rank": rank(phrase, hearing.texts),
        "hit": known and top == phrase,
        "contains": contains(phrase, top) if known else None,
        "cer_target": error_rates.character_errors(phrase, top).rate if known else None,
        "cer_truth": error_rates.character_errors(text, top).rate if known else None,
        "ctc_loss": hearing.loss,
    }


def as_table(rows: list[dict[str, object]], remote: str, identity: str, arm: str) -> pyarrow.Table:
    """Rows of :meth:`Listener.transcripts` with the remote's name and identity (of its weights), and the arm."""
    common = {"remote": remote, "remote_weights_sha256": identity, "arm": arm}
    return pyarrow.Table.from_pylist([row | common for row in rows], schema=SCHEMA)
