"""A decoder whose rows are decoded by several processes.

A beam search holds Python's lock, so that threads would take turns. The processes are forked: they have the decoder
without reading its language model again, and share its memory; started otherwise, each would first run the script that
starts it, as Snakemake's scripts do all at their top level. A fork has the forking thread alone, and no CUDA: so it
comes before the model goes to its device and before PyTorch computes anything.
"""

from __future__ import annotations

import signal
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import repeat
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from operator import methodcaller
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asrtransfer.ctc.base import Decoder, Hypothesis, RowTask, frames
from asrtransfer.files.errors import InputError
from asrtransfer.machine import compute

AnyDecoder = TypeVar("AnyDecoder", bound=Decoder)
Task = Callable[[Any], Any]
"""What a worker is asked to do with its decoder."""


@contextmanager
def pooled(decoder: AnyDecoder, workers: int) -> Iterator[AnyDecoder | Pool]:
    """The decoder as so many processes, which end with the block; with one, the decoder itself."""
    if workers == 1:
        yield decoder
        return
    pool = Pool(decoder, workers)
    try:
        yield pool
    finally:
        pool.close()


class Pool(Decoder):
    """What the decoder gives, from so many processes with a thread each; make it before CUDA is used.

    They end when they are closed, and when this process ends, however it does. InputError if one of them ends before.
    """

    def __init__(self, decoder: Decoder, workers: int) -> None:
        if torch.cuda.is_initialized():
            raise RuntimeError("a process that uses CUDA cannot be forked: make the pool first")
        self.by_probability = decoder.by_probability
        self._workers: dict[Connection, BaseProcess] = {}
        context = get_context("fork")
        for _ in range(workers):
            ours, theirs = context.Pipe()
            worker = context.Process(target=_work, args=(decoder, theirs, [*self._workers, ours]), daemon=True)
            worker.start()
            theirs.close()
            self._workers[ours] = worker

    def top(self, log_probs: Tensor, lengths: Tensor) -> list[list[Hypothesis]]:
        """See `Decoder.top`."""
        rows = frames(log_probs, lengths)
        return self.each(_top, rows, repeat(None, len(rows)))

    def each(self, task: RowTask, rows: Iterable[Tensor], about: Iterable[Any]) -> list[Any]:
        """See `Decoder.each`."""
        tasks = [partial(_of_row, task, row.numpy(), one) for row, one in zip(rows, about, strict=True)]
        found: list[Any] = [None] * len(tasks)
        waiting = iter(enumerate(tasks))
        idle = list(self._workers)
        busy: dict[Connection, int] = {}
        while True:
            for pipe, (place, one) in zip(idle, waiting, strict=False):
                self._ask(pipe, one)
                busy[pipe] = place
            if not busy:
                return _answers(found)
            idle = [pipe for pipe in wait(list(busy)) if isinstance(pipe, Connection)]
            for pipe in idle:
                found[busy.pop(pipe)] = self._answer(pipe)

    def weigh(self, alpha: float, beta: float) -> None:
        """Set the weights of a decoder with a language model; see its `weigh`."""
        for pipe in self._workers:
            self._ask(pipe, methodcaller("weigh", alpha, beta))
        _answers([self._answer(pipe) for pipe in self._workers])

    def close(self) -> None:
        """End the processes, whatever they do."""
        for pipe, worker in self._workers.items():
            pipe.close()
            worker.terminate()
        for worker in self._workers.values():
            worker.join()

    def _ask(self, pipe: Connection, task: Task) -> None:
        try:
            pipe.send(task)
        except OSError:
            raise self._ended(pipe) from None

    def _answer(self, pipe: Connection) -> Any:
        try:
            return pipe.recv()
        except (EOFError, OSError):
            raise self._ended(pipe) from None

    def _ended(self, pipe: Connection) -> InputError:
        worker = self._workers[pipe]
        worker.join()
        return InputError(
            f"threads: one of {len(self._workers)} processes that decode has ended (exit code {worker.exitcode}), "
            "as they do where memory runs out; give the job more, and run again"
        )


def _of_row(task: RowTask, row: NDArray[np.float32], about: Any, decoder: Decoder) -> Any:
    # An array on the way: tensors would go through files in shared memory.
    return task(decoder, torch.from_numpy(row), about)


def _top(decoder: Decoder, row: Tensor, _: None) -> list[Hypothesis]:
    return decoder.top_of(row)


def _answers(found: Sequence[Any]) -> list[Any]:
    """What was found, unless it is an error; of several the first one."""
    for answer in found:
        if isinstance(answer, Exception):
            raise answer
    return list(found)


def _work(decoder: Decoder, pipe: Connection, others: Sequence[Connection]) -> None:
    """What a worker does, until there is nobody at the other end of its pipe."""
    # Who interrupts a job at its terminal interrupts its workers too: they end with it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A pipe whose far end a worker has as well would never end.
    for other in others:
        other.close()
    compute.prepare("cpu", threads=1)
    try:
        while True:
            task: Task = pipe.recv()
            try:
                answer = task(decoder)
            except Exception as error:
                error.add_note(f"A process that decodes raised it:\n{traceback.format_exc()}")
                answer = error
            pipe.send(answer)
    except (EOFError, OSError):
        pass
