"""A conversation with a program: a line of JSON there, a line of JSON back."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import tempfile
import time
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

from asrtransfer.files.errors import InputError

LONGEST_LINE = 1_000_000
"""Bytes of an answer."""
SHOWN = 200
"""Characters that an error shows of what a program said."""


class Program:
    """A program that is started with the first question, and ended with this object.

    Args:
        words: the program and its arguments.
        patience: seconds that an answer may take.
    """

    def __init__(self, words: Sequence[str], patience: float) -> None:
        self._words = list(words)
        self._patience = patience
        self._process: subprocess.Popen[bytes] | None = None
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as this object
        self._said = b""

    def ask(self, question: Mapping[str, object]) -> dict[str, Any]:
        """Ask, and return the answer.

        Raises:
            InputError: if the program cannot be started, ends, is silent, or answers something else.
        """
        process = self._process or self._start()
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(question).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            raise self.complain(f"has ended with status {process.wait(5)}") from None
        answer = self._read_line(process)
        try:
            found = json.loads(answer)
        except ValueError:
            raise self.complain(f"said {answer[:SHOWN].decode(errors='replace')!r}, which is no JSON") from None
        if not isinstance(found, dict) or found.get("id") != question["id"]:
            raise self.complain(
                f"said {answer[:SHOWN].decode(errors='replace')!r}; an object with the id {question['id']!r} is needed"
            )
        return found

    def complain(self, what: str) -> InputError:
        """Make an error that names the program, and shows the last line of its standard error."""
        lines = self._read_errors().strip().splitlines()
        last = f" ({lines[-1][:SHOWN]})" if lines else ""
        return InputError(f"command: {self._words[0]}: {what}{last}; correct the program")

    def _start(self) -> subprocess.Popen[bytes]:
        try:
            process = subprocess.Popen(
                self._words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, start_new_session=True
            )
        except OSError as error:
            raise InputError(f"command: {self._words[0]}: {error.strerror}; correct the command") from None
        self._process = process
        weakref.finalize(self, _end, process)
        return process

    def _read_line(self, process: subprocess.Popen[bytes]) -> bytes:
        assert process.stdout is not None
        end = time.monotonic() + self._patience
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._said:
                if len(self._said) > LONGEST_LINE:
                    raise self.complain(f"said more than {LONGEST_LINE} bytes without an end of line")
                if not selector.select(max(0.0, end - time.monotonic())):
                    raise self.complain(f"was silent for {self._patience:g} s; raise patience")
                part = os.read(process.stdout.fileno(), 65536)
                if not part:
                    raise self.complain(f"has ended with status {process.wait(5)}")
                self._said += part
        line, _, self._said = self._said.partition(b"\n")
        return line

    def _read_errors(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close a program's input, and end it if it does not end by itself."""
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            if pipe is not None:
                pipe.close()
    try:
        process.wait(2)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
