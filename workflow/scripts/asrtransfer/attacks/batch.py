"""The utterances that an attack works on at once, and how their number falls as they are finished."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from asrtransfer.attacks.ensembles import COMBINATIONS
from asrtransfer.attacks.masked import Masked, Unmasked
from asrtransfer.attacks.method import Method
from asrtransfer.attacks.momentum import Momentum, Plain
from asrtransfer.attacks.objective import Proof, as_int16, as_stored
from asrtransfer.attacks.task import Goal, Outcome, Sample
from asrtransfer.attacks.views import Views
from asrtransfer.machine.random import numpy_stream, torch_stream
from asrtransfer.speech.phrases import lay_phrase
from asrtransfer.speech.utterances import pad

Build = Callable[[Tensor, list[int], list[torch.Generator]], Method]
"""Makes an attack of audio, lengths and generators; see :class:`asrtransfer.attacks.method.Method`."""


class Batch:
    """Utterances under attack; those that are finished leave it.

    Args:
        outcomes: whose tasks to attack; their samples and best losses are put into them.
        build: makes the attack.
        goal: of the attack.
        seed: what names this job among all.
        members: how many surrogates there are.
        device: where the surrogates are.
    """

    def __init__(
        self,
        outcomes: Sequence[Outcome],
        build: Build,
        goal: Goal,
        seed: str,
        members: int,
        device: torch.device | str,
    ) -> None:
        self.goal = goal
        self.combination = COMBINATIONS[goal.combine](members, seed)
        self.outcomes = list(outcomes)
        self.phrases = [outcome.task.phrase or "" for outcome in self.outcomes]
        self.kept: list[list[tuple[float, Sample]]] = [[] for _ in self.outcomes]
        utterances = [outcome.task.audio for outcome in self.outcomes]
        audio, self.lengths = (tensor.to(device) for tensor in pad(utterances))
        names = [f"{seed}\0{outcome.task.utterance_id}" for outcome in self.outcomes]
        self.views = Views(goal.views, names)
        self.course = Plain() if goal.momentum is None else Momentum(goal.momentum, names)
        self.masked = Unmasked() if goal.masking is None else Masked(goal.masking, utterances, device)
        self.method = build(audio, self.lengths.tolist(), [torch_stream(name) for name in names])
        if goal.spoken_start is not None:
            self.method.begin(self._speak_phrases(goal.spoken_start, names))

    def __len__(self) -> int:
        return len(self.outcomes)

    def _speak_phrases(self, snr: float, names: Sequence[str]) -> Tensor:
        """Each utterance's phrase, spoken by a voice: float32 (batch, samples), 16-bit units."""
        spoken = torch.zeros_like(self.method.audio)
        for row, (outcome, phrase, name) in enumerate(zip(self.outcomes, self.phrases, names, strict=True)):
            laid = lay_phrase(phrase, outcome.task.audio, snr, numpy_stream(f"{name}\0spoken"))
            spoken[row, : len(laid)] = torch.from_numpy(laid)
        return spoken

    def note_losses(self, losses: Tensor) -> None:
        """Remember each utterance's smallest loss."""
        for outcome, loss in zip(self.outcomes, losses.tolist(), strict=True):
            outcome.best_loss = min(outcome.best_loss, loss)

    def stored(self, rows: Sequence[int]) -> tuple[Tensor, Tensor, list[str]]:
        """The present audio of some rows as a 16-bit file holds it, their lengths and phrases."""
        method = self.method
        places = torch.tensor(rows, dtype=torch.int64, device=method.audio.device)
        audio = as_stored(method.audio[places], method.perturbation()[places], method.bounds()[places])
        return audio, self.lengths[places], [self.phrases[row] for row in rows]

    def keep_samples(
        self, iteration: int, rows: Sequence[int], audio: Tensor, proofs: Sequence[Proof | None]
    ) -> list[int]:
        """Keep the audio of the rows that have a proof, and return these rows."""
        bounds = self.method.bounds().tolist()
        hits = []
        for place, (row, proof) in enumerate(zip(rows, proofs, strict=True)):
            if proof is not None:
                samples = as_int16(audio[place], int(self.lengths[row]))
                rate = self.masked.rate(row, iteration, samples)
                found = (rate, Sample(iteration, samples, proof.loss, proof.k5, bounds[row]))
                self.kept[row] = sorted([*self.kept[row], found], key=_rate_of, reverse=True)[-self.goal.keep :]
                hits.append(row)
        return hits

    def drop_finished(self) -> None:
        """Go on without the utterances that cannot gain any more, and put their samples into their outcomes."""
        going = self._find_unfinished()
        if len(going) == len(self.outcomes):
            return
        self.store()
        rows = torch.tensor(going, dtype=torch.int64, device=self.lengths.device)
        self.method.keep(rows)
        for part in (self.combination, self.views, self.course, self.masked):
            part.keep(rows)
        self.lengths = self.lengths[rows]
        self.outcomes = [self.outcomes[row] for row in going]
        self.phrases = [self.phrases[row] for row in going]
        self.kept = [self.kept[row] for row in going]

    def _find_unfinished(self) -> list[int]:
        """Rows without all their samples, or, where less is better, with room for less."""
        if not self.method.improves and not self.masked.lasting:
            return [row for row, kept in enumerate(self.kept) if len(kept) < self.goal.keep]
        return [row for row, bound in enumerate(self.method.bounds().tolist()) if bound >= 1]

    def store(self) -> None:
        """Put the samples into the outcomes."""
        for outcome, kept in zip(self.outcomes, self.kept, strict=True):
            outcome.samples = [sample for _, sample in kept]


def _rate_of(kept: tuple[float, Sample]) -> float:
    return kept[0]
