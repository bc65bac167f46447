"""A decoder that distributes its rows to several processes.

A beam search holds Python's global lock, so threads would run one at a time. The processes are forked: they inherit the
decoder and share its memory without reading its language model again. A spawned process would instead execute the main
script again. A forked process has only the forking thread and cannot use CUDA, so the fork must precede the model's
move to its device and every computation of PyTorch.
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
"""A call that a worker makes with its decoder."""


@contextmanager
def open_pool(decoder: AnyDecoder, workers: int) -> Iterator[AnyDecoder | Pool]:
    """Distribute a decoder to processes that end with the block.

    Args:
        decoder: the decoder.
        workers: number of processes; with 1, the decoder itself is yielded and no process starts.
    """
    if workers == 1:
        yield decoder
        return
    pool = Pool(decoder, workers)
    try:
        yield pool
    finally:
        pool.close()


class Pool(Decoder):
    """A decoder's results, computed by several processes of one thread each.

    Construct it before CUDA is used. The processes end when the pool is closed or this process ends, even by a kill.

    Args:
        decoder: the decoder that every process inherits.
        workers: number of processes.

    Raises:
        InputError: from any method, if a process has ended early.
        RuntimeError: if this process already uses CUDA.
    """

    def __init__(self, decoder: Decoder, workers: int) -> None:
        if torch.cuda.is_initialized():
            raise RuntimeError("a process that uses CUDA cannot be forked; make the pool first")
        self.by_probability = decoder.by_probability
        self._workers: dict[Connection, BaseProcess] = {}
        context = get_context("fork")
        for _ in range(workers):
            ours, theirs = context.Pipe()
            worker = context.Process(target=_serve, args=(decoder, theirs, [*self._workers, ours]), daemon=True)
            worker.start()
            theirs.close()
            self._workers[ours] = worker

    def top(self, log_probs: Tensor, lengths: Tensor) -> list[list[Hypothesis]]:
        """See `Decoder.top`."""
        rows = frames(log_probs, lengths)
        return self.each(_decode_row, rows, repeat(None, len(rows)))

    def each(self, task: RowTask, rows: Iterable[Tensor], about: Iterable[Any]) -> list[Any]:
        """See `Decoder.each`."""
        tasks = [partial(_run_on_row, task, row.numpy(), one) for row, one in zip(rows, about, strict=True)]
        found: list[Any] = [None] * len(tasks)
        waiting = iter(enumerate(tasks))
        idle = list(self._workers)
        busy: dict[Connection, int] = {}
        while True:
            for pipe, (place, one) in zip(idle, waiting, strict=False):
                self._send(pipe, one)
                busy[pipe] = place
            if not busy:
                return _raise_first_error(found)
            idle = [pipe for pipe in wait(list(busy)) if isinstance(pipe, Connection)]
            for pipe in idle:
                found[busy.pop(pipe)] = self._receive(pipe)

    def weigh(self, alpha: float, beta: float) -> None:
        """Set the weights of a decoder with a language model; see its `weigh`."""
        for pipe in self._workers:
            self._send(pipe, methodcaller("weigh", alpha, beta))
        _raise_first_error([self._receive(pipe) for pipe in self._workers])

    def close(self) -> None:
        """Terminate the processes."""
        for pipe, worker in self._workers.items():
            pipe.close()
            worker.terminate()
        for worker in self._workers.values():
            worker.join()

    def _send(self, pipe: Connection, task: Task) -> None:
        try:
            pipe.send(task)
        except OSError:
            raise self._describe_end(pipe) from None

    def _receive(self, pipe: Connection) -> Any:
        try:
            return pipe.recv()
        except (EOFError, OSError):
            raise self._describe_end(pipe) from None

    def _describe_end(self, pipe: Connection) -> InputError:
        worker = self._workers[pipe]
        worker.join()
        return InputError(
            f"threads: one of {len(self._workers)} decoding processes has ended (exit code {worker.exitcode}), "
            "probably for lack of memory; give the job more memory and run again"
        )


def _run_on_row(task: RowTask, row: NDArray[np.float32], about: Any, decoder: Decoder) -> Any:
    # Arrays go through the pipe; tensors would go through files in shared memory.
    return task(decoder, torch.from_numpy(row), about)


def _decode_row(decoder: Decoder, row: Tensor, _: None) -> list[Hypothesis]:
    return decoder.top_of(row)


def _raise_first_error(found: Sequence[Any]) -> list[Any]:
    """Return the answers, or raise the first one that is an exception."""
    for answer in found:
        if isinstance(answer, Exception):
            raise answer
    return list(found)


def _serve(decoder: Decoder, pipe: Connection, others: Sequence[Connection]) -> None:
    """Answer tasks until the other end of the pipe closes: the main function of a worker."""
    # Ctrl+C at a terminal reaches the workers as well as the job; the job ends them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Close inherited far ends: a pipe closes only when the last process closes its end.
    for other in others:
        other.close()
    compute.prepare("cpu", threads=1)
    try:
        while True:
            task: Task = pipe.recv()
            try:
                answer = task(decoder)
            except Exception as error:
                error.add_note(f"Raised in a decoding process:\n{traceback.format_exc()}")
                answer = error
            pipe.send(answer)
    except (EOFError, OSError):
        pass
