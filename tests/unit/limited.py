"""A process with a limit on its memory, which does one thing with a file after another."""

from __future__ import annotations

import multiprocessing
import resource
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from asrtransfer.files.errors import InputError

BYTES = 1 << 30
SECONDS = 10


class Worker:
    """The process; it has a gigabyte more than it starts with, and ten seconds for a file.

    Args:
        read: what is done with a path.
    """

    def __init__(self, read: Callable[[Path], object]) -> None:
        context = multiprocessing.get_context("fork")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, read), daemon=True)
        self._process.start()
        theirs.close()

    def read(self, path: Path) -> Any:
        """What was read, or the line with which the file is refused; raises any other error."""
        self._pipe.send(path)
        assert self._pipe.poll(SECONDS), f"{path}: not read within {SECONDS} s"
        try:
            answer = self._pipe.recv()
        except EOFError:
            raise AssertionError(f"{path}: reading it killed the process") from None
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def close(self) -> None:
        self._process.kill()
        self._process.join()


def _serve(pipe: Connection, read: Callable[[Path], object]) -> None:
    torch.set_num_threads(1)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + BYTES,) * 2)
    while True:
        try:
            path = pipe.recv()
        except EOFError:
            return
        try:
            answer = read(path)
        except InputError as error:
            answer = str(error)
        except BaseException as error:
            error.add_note(f"reading {path}")
            answer = error
        pipe.send(answer)
