"""Utterances in batches that fit a recogniser and its device."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from asrtransfer.machine import compute
from asrtransfer.machine.memory import Plan
from asrtransfer.recognisers.base import Surrogate


def run_in_batches(
    recognisers: Sequence[Surrogate],
    lengths: Sequence[int],
    work: Callable[[range], None],
    *,
    gradient: bool,
    plan: Plan | None = None,
) -> None:
    """Do ``work`` on utterances 0 to ``len(lengths)``, as many at a time as fit into memory.

    Utterances of different lengths share a batch only where every recogniser pads.

    Args:
        recognisers: all of them work on a batch.
        lengths: samples of each utterance, ascending where recognisers do not pad.
        work: does some utterances; see :func:`asrtransfer.machine.compute.in_batches`.
        gradient: whether the work computes gradients.
        plan: what a batch may be; by default what the device has room for.
    """
    plan = plan or Plan(recognisers[0].device.type)
    pads = all(recogniser.pads for recogniser in recognisers)

    def planned(part: range) -> bool:
        some = [lengths[place] for place in part]
        if not pads and len(set(some)) > 1:
            return False
        return plan.holds(sum(one.bytes(len(part), max(some), gradient=gradient) for one in recognisers))

    compute.in_batches(len(lengths), plan.most, work, planned)
