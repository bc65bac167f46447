"""How long jobs take together on a machine or a cluster that runs only some of them at a time."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Load:
    """One job, as far as others wait for it or for what it holds.

    Attributes:
        seconds: from its start to its end.
        holds: amount of each resource that it holds meanwhile.
        after: names of the jobs that it waits for; those that are not among the simulated ones are done.
    """

    seconds: float
    holds: Mapping[str, int]
    after: tuple[str, ...] = ()


def simulate(loads: Mapping[str, Load], capacity: Mapping[str, int]) -> float:
    """Seconds from the first job's start to the last one's end.

    A job starts as soon as those before it are done and what it holds is free; of several that could start, the one
    that is listed first. A job that asks for more than there is gets what there is, as from Snakemake.

    Args:
        loads: the jobs by name, in the order in which they start.
        capacity: amount of each resource; a resource that is not named is unlimited.
    """
    waits = {name: {other for other in load.after if other in loads} for name, load in loads.items()}
    followers: dict[str, list[str]] = {name: [] for name in loads}
    for name, others in waits.items():
        for other in others:
            followers[other].append(name)
    place = {name: number for number, name in enumerate(loads)}
    held = {
        name: tuple((key, min(load.holds.get(key, 0), most)) for key, most in capacity.items())
        for name, load in loads.items()
    }
    free = dict(capacity)
    # Jobs that hold the same wait in one queue, so that a look at its head is a look at all of them.
    queues: dict[tuple[tuple[str, int], ...], list[tuple[int, str]]] = {}
    for name, others in waits.items():
        queue = queues.setdefault(held[name], [])
        if not others:
            heapq.heappush(queue, (place[name], name))
    ends: list[tuple[float, str]] = []
    now = 0.0
    while True:
        while heads := [
            queue[0] for holds, queue in queues.items() if queue and all(free[key] >= n for key, n in holds)
        ]:
            _, name = min(heads)
            heapq.heappop(queues[held[name]])
            for key, amount in held[name]:
                free[key] -= amount
            heapq.heappush(ends, (now + loads[name].seconds, name))
        if not ends:
            return now
        now, name = heapq.heappop(ends)
        for key, amount in held[name]:
            free[key] += amount
        for follower in followers[name]:
            waits[follower].discard(name)
            if not waits[follower]:
                heapq.heappush(queues[held[follower]], (place[follower], follower))
