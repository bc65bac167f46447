"""Attacks and recognisers, found by name: those of this library, and those in a file of the user's.

Each is a module that names its class in a constant, ``ATTACK`` or ``RECOGNISER``. The library's are packages of
:mod:`asrtransfer.attacks` and :mod:`asrtransfer.recognisers`; no list names them. A user's is any Python file.
"""

from __future__ import annotations

import importlib
import importlib.util
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from asrtransfer.files.errors import InputError

Kind = Literal["attack", "recogniser"]
PACKAGES: dict[Kind, str] = {"attack": "attacks", "recogniser": "recognisers"}
# Seconds after its limit in which code of the user's may still react, before the process ends.
GRACE = 5.0


@dataclass(frozen=True)
class Extension:
    """An attack or a recogniser.

    Attributes:
        kind: which of the two.
        use: its name in this library, or the path of its file.
        module: of its class.
        file: the user's file; None for one of this library's.
    """

    kind: Kind
    use: str
    module: ModuleType
    file: Path | None

    @property
    def class_(self) -> Any:
        """The class that the module names.

        Raises:
            InputError: if it names none.
        """
        constant = self.kind.upper()
        found = getattr(self.module, constant, None)
        if not isinstance(found, type):
            article = "an attack" if self.kind == "attack" else "a recogniser"
            raise InputError(
                f"{self.use}: names no {self.kind}; end the file with {constant} = YourClass (docs/extending.md "
                f"shows {article})"
            )
        return found

    @property
    def published(self) -> dict[str, Any] | None:
        """What was published about an attack, as :class:`asrtransfer.statistics.published.Published` takes it.

        ``PUBLISHED`` of the module, or of its package's module ``published``; None where there is neither.
        """
        if self.file is None and importlib.util.find_spec(f"{self.module.__name__}.published"):
            return dict(importlib.import_module(f"{self.module.__name__}.published").PUBLISHED)
        found = getattr(self.module, "PUBLISHED", None)
        return None if found is None else dict(found)


@cache
def names(kind: Kind) -> list[str]:
    """The attacks or recognisers of this library."""
    folder = Path(__file__).parent / PACKAGES[kind]
    return sorted(path.parent.name for path in folder.glob("*/__init__.py"))


def is_file(use: str) -> bool:
    """Whether a ``use`` is the path of a file and no name."""
    return use.endswith(".py")


def module_name(kind: Kind, use: str) -> str:
    """The dotted name of the module of one of this library's."""
    return f"asrtransfer.{PACKAGES[kind]}.{use}"


def find(kind: Kind, use: str) -> Extension:
    """Import an attack or a recogniser.

    Args:
        use: its name in this library, or the path of a Python file.

    Raises:
        InputError: if there is none, or the file cannot be imported; says the line.
    """
    if not is_file(use):
        if use not in names(kind):
            raise InputError(
                f"there is no {kind} {use!r}; use one of {', '.join(names(kind))}, or the path of a Python file"
            )
        return Extension(kind, use, importlib.import_module(module_name(kind, use)), None)
    path = Path(use)
    if not path.is_file():
        raise InputError(f"{use}: no such file; correct the path, which starts at the folder that the study runs in")
    return Extension(kind, use, _imported(path), path)


def _imported(path: Path) -> ModuleType:
    """Import a file under a name of its own; the same file gives the same module."""
    name = f"asrtransfer_extension_{path.resolve()}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Classes look their module up, by name, when pydantic reads their annotations.
    sys.modules[name] = module
    try:
        with blamed(path):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


@contextmanager
def blamed(file: Path | None, limit: float | None = None) -> Iterator[None]:
    """Run code of the user's: what it raises, and a limit that it exceeds, ends in one line with file and line.

    Errors of this library's own code keep their traceback: where there is no ``file``, nothing is caught.

    Args:
        file: of the user's; None for this library.
        limit: seconds; None sets none.

    Raises:
        InputError: for any other exception than an InputError or exhausted memory.
    """
    if file is None:
        yield
        return
    try:
        with _limited(file, limit):
            yield
    except InputError:
        raise
    except Exception as error:
        # Too small a memory is for the caller to mend, with fewer utterances at once.
        if type(error).__name__ == "OutOfMemoryError":
            raise
        raise InputError(f"{_place(file, error)}: {type(error).__name__}: {error}; correct the file") from error


def describe_value(value: Any) -> str:
    """Describe what code of the user's returned: its type, and the size of what has one."""
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        what = "a tensor" if type(value).__name__ == "Tensor" else "an array"
        return f"{what} of {str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a {type(value).__name__}"


def _place(file: Path, error: BaseException) -> str:
    """The file and, where the error passed through it, the line."""
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename) == file:
        return f"{file}:{error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == file]
    return f"{file}:{lines[-1]}" if lines else str(file)


@contextmanager
def _limited(file: Path, limit: float | None) -> Iterator[None]:
    """Stop what takes longer than a limit: by an exception, or by ending the process where none gets through."""
    if limit is None:
        yield
        return
    message = f"{file}: took longer than its time_limit of {limit:g} s; raise it, or correct the file"

    def expire(*_: object) -> None:
        raise InputError(message)

    def end() -> None:
        sys.stderr.write(f"error: {message}\n")
        sys.stderr.flush()
        # No exception reaches code that never returns to Python; what it holds ends with the process.
        signal.raise_signal(signal.SIGKILL)

    watch = threading.Timer(limit + GRACE, end)
    watch.daemon = True
    before = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, limit)
    watch.start()
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        watch.cancel()
