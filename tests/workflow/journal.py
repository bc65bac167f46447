"""Write down what programs do to a folder, and build the folder again as a loss of power may leave it.

``disk.c`` stands between the programs and the C library, and writes down every change in order: what is written, cut,
made, renamed and removed, and what is flushed, by ``fsync`` of a file or of a folder.

POSIX promises of a machine that loses its power only this: what a file held when it was flushed, and the names that a
folder held when it was flushed. Of what came later, a rebuilt folder has a part:

- of each file, its changes up to any moment since its last flush. The length may be on the disk before the content,
  which then reads as zeros.
- of each folder, its changes of names up to any moment since its last flush, in their order. POSIX does not promise
  the order; every journaling file system in use keeps it (ext4, XFS, btrfs, ZFS, APFS), and no program that renames
  could do its work without. No order is kept between folders.
"""

from __future__ import annotations

import os
import posixpath
import random
import shutil
import struct
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

_HEAD = struct.Struct("=IIIIQQQ")
_STATE_BYTES = 24
NAMES = "CRUMSL"
"""Kinds of changes that a folder holds: a file is made, renamed, removed; a folder, a link, a second name is made."""


@dataclass(frozen=True)
class Change:
    """One record of the journal.

    Attributes:
        kind: ``C`` made, ``T`` cut, ``W`` written, ``t`` dated, ``F`` file flushed, ``D`` folder flushed,
            ``R`` renamed, ``U`` removed, ``M`` folder made, ``S`` link made, ``L`` second name made.
        first, second: paths below the folder, normalised; of ``S`` the second is the target.
        inode: of the file.
        offset: where it was written, its new length, or its new time in nanoseconds.
        data: what was written.
        time: of the change, nanoseconds.
    """

    kind: str
    first: str
    second: str
    inode: int
    offset: int
    data: bytes
    time: int


def build_library(folder: Path) -> Path:
    """Compile ``disk.c``; skip the test where there is no compiler."""
    library = folder / "disk.so"
    compiler = next(filter(shutil.which, ("gcc", "cc", "g++")), None)
    if compiler is None:
        pytest.skip("a C compiler is missing: no disk can be simulated")
    source = Path(__file__).with_name("disk.c")
    subprocess.run([compiler, "-x", "c", "-shared", "-fPIC", "-O2", "-o", str(library), str(source)], check=True)
    return library


def prepare(library: Path, folder: Path, notes: Path, **settings: object) -> dict[str, str]:
    """Environment in which programs are watched.

    Args:
        library: of :func:`build_library`.
        folder: what is watched.
        notes: a folder elsewhere, made for the state, and for the journal unless the disk shall fail.
        settings: ``error``, ``after``, ``counts`` and ``clock``, as ``disk.c`` explains.
    """
    notes.mkdir(parents=True)
    (notes / "state").write_bytes(bytes(_STATE_BYTES))
    environment = {"LD_PRELOAD": str(library), "DISK_FOLDER": str(folder.resolve()), "DISK_STATE": str(notes / "state")}
    if settings:
        return environment | {f"DISK_{name.upper()}": str(value) for name, value in settings.items()}
    (notes / "journal").touch()
    return environment | {"DISK_JOURNAL": str(notes / "journal")}


def count(notes: Path) -> tuple[bool, int, int]:
    """Whether the disk has failed, the bytes written and the changes made so far."""
    _, failed, written, changes = struct.unpack("=iiQQ", (notes / "state").read_bytes())
    return bool(failed), written, changes


def read_journal(path: Path, folder: Path) -> list[Change]:
    """Read the records of a journal, with paths relative to the folder that was watched."""
    content, changes, place, root = memoryview(path.read_bytes()), [], 0, str(folder.resolve())

    def take(length: int) -> bytes:
        nonlocal place
        place += length
        return bytes(content[place - length : place])

    def shorten(text: str) -> str:
        return posixpath.relpath(posixpath.normpath(text), root) if text else ""

    while place < len(content):
        kind, first, second, data, inode, offset, time = _HEAD.unpack(take(_HEAD.size))
        one, other = take(first).decode(), take(second).decode()
        other = other if chr(kind) == "S" else shorten(other)
        changes.append(Change(chr(kind), shorten(one), other, inode, offset, take(data), time))
    return changes


@dataclass
class _File:
    """A file, under all its names: what has happened to it, each with its place in the journal."""

    changes: list[tuple[int, Change]] = field(default_factory=list)

    def content(self, cut: int, end: int, zeros: bool) -> tuple[bytes, int]:
        """Content, and time of the last change, after the changes before ``cut``.

        With ``zeros`` the file is as long as after those before ``end``.
        """
        data, time = self._apply(cut)
        if zeros:
            whole, time = self._apply(end)
            data = data[: len(whole)] + bytes(len(whole) - len(data))
        return bytes(data), time

    def _apply(self, cut: int) -> tuple[bytearray, int]:
        data, time = bytearray(), 0
        for place, change in self.changes:
            if place >= cut:
                break
            if change.kind == "W":
                data += bytes(max(0, change.offset - len(data)))
                data[change.offset : change.offset + len(change.data)] = change.data
            elif change.kind == "T":
                data[change.offset :] = bytes(max(0, change.offset - len(data)))
            time = change.offset if change.kind == "t" else change.time if change.kind != "F" else time
        return data, time

    def last_flush(self, end: int) -> int:
        """The place after the last flush; else of the file's making, with which it is empty."""
        flushed = [place + 1 for place, change in self.changes if change.kind == "F" and place < end]
        return flushed[-1] if flushed else self.changes[0][0] + 1


@dataclass
class Crash:
    """What a loss of power leaves.

    Attributes:
        end: the number of changes before it.
        folders: for each folder, the place in the journal up to which its names are kept.
        files: for each file, by its number, the place up to which its content is kept, and whether zeros follow.
    """

    end: int
    folders: Mapping[str, int]
    files: Mapping[int, tuple[int, bool]]


class Journal:
    """What has happened to a folder.

    Args:
        changes: of :func:`read_journal`.
    """

    def __init__(self, changes: Iterable[Change]) -> None:
        self.changes = list(changes)
        self.files: list[_File] = []
        # By place of a change, the file that it is about; a number of an inode is used again once a file is gone.
        self._file_of: dict[int, int] = {}
        self._flushes: dict[str, list[int]] = defaultdict(list)
        current: dict[int, int] = {}
        for place, change in enumerate(self.changes):
            if change.kind == "C":
                current[change.inode] = len(self.files)
                self.files.append(_File())
            if change.inode in current:
                self._file_of[place] = current[change.inode]
                if change.kind in "CTWFt":
                    self.files[current[change.inode]].changes.append((place, change))
            if change.kind == "D":
                self._flushes[change.first].append(place)

    def list_folders(self, end: int) -> set[str]:
        """Folders whose names have changed."""
        return {_parent(name) for change in self.changes[:end] if change.kind in NAMES for name in _names(change)}

    def lose_nothing(self, end: int | None = None) -> Crash:
        """The folder as it was, as after a kill of all its programs."""
        end = len(self.changes) if end is None else end
        return Crash(end, defaultdict(lambda: end), defaultdict(lambda: (end, False)))

    def lose_unflushed(self, end: int) -> Crash:
        """Nothing is kept but what was flushed."""
        folders = {folder: self._kept(folder, end) for folder in self.list_folders(end)}
        return Crash(end, folders, {number: (file.last_flush(end), False) for number, file in self._files(end)})

    def lose_content(self, end: int, *, zeros: bool) -> Crash:
        """All names are kept; files that were not flushed are empty, or full of zeros."""
        files = {number: (file.last_flush(end), zeros) for number, file in self._files(end)}
        return Crash(end, defaultdict(lambda: end), files)

    def draw(self, end: int, rng: random.Random) -> Crash:
        """Any folder and any file keeps any part."""
        folders = {}
        for folder in sorted(self.list_folders(end)):
            least = self._kept(folder, end)
            folders[folder] = rng.choice((least, end, rng.randint(least, end)))
        files = {}
        for number, file in self._files(end):
            least = file.last_flush(end)
            files[number] = (rng.choice((least, end, rng.randint(least, end))), rng.random() < 0.3)
        return Crash(end, folders, files)

    def _kept(self, folder: str, end: int) -> int:
        flushes = [place for place in self._flushes[folder] if place < end]
        return flushes[-1] if flushes else 0

    def _files(self, end: int) -> list[tuple[int, _File]]:
        return [(number, file) for number, file in enumerate(self.files) if file.changes[0][0] < end]

    def rebuild(self, crash: Crash, folder: Path, shift: Callable[[int], int] = lambda time: time) -> None:
        """Build the folder.

        Args:
            crash: what is left.
            folder: what was there before the journal began.
            shift: turns the time of a change into what a wrong clock made of it, nanoseconds.
        """
        names = self._keep_names(crash)
        for path, what in sorted(names.items()):
            target = folder / path
            if not target.parent.is_dir():
                continue
            if what is None:
                target.mkdir(exist_ok=True)
            elif isinstance(what, str):
                target.symlink_to(what)
            else:
                self._write(what, crash, target, shift)

    def _write(self, number: int, crash: Crash, path: Path, shift: Callable[[int], int]) -> None:
        cut, zeros = crash.files[number]
        data, time = self.files[number].content(cut, crash.end, zeros)
        path.write_bytes(data)
        os.utime(path, ns=(shift(time), shift(time)))

    def _keep_names(self, crash: Crash) -> dict[str, int | str | None]:
        """Each path that is left: the number of its file, the target of a link, or None for a folder."""
        tree: dict[str, int | str | None] = {}
        for place, change in enumerate(self.changes[: crash.end]):
            if change.kind not in NAMES or any(place >= crash.folders[_parent(name)] for name in _names(change)):
                continue
            if change.kind == "R":
                _move(tree, change.first, change.second)
            elif change.kind == "U":
                _remove(tree, change.first)
            elif change.kind == "M":
                tree[change.first] = None
            elif change.kind == "S":
                tree[change.first] = change.second
            else:
                tree[change.second or change.first] = self._file_of[place]
        return tree


def _names(change: Change) -> tuple[str, ...]:
    return (change.first, change.second) if change.kind in "RL" else (change.first,)


def _parent(path: str) -> str:
    return posixpath.dirname(path) or "."


def _remove(tree: dict[str, int | str | None], name: str) -> None:
    """Remove a file, or a folder; what is left in it by a flush that came too late goes with it."""
    for path in [path for path in tree if path == name or path.startswith(f"{name}/")]:
        del tree[path]


def _move(tree: dict[str, int | str | None], old: str, new: str) -> None:
    """Rename a file, or a folder with all that is in it."""
    if old not in tree:
        return
    _remove(tree, new)
    for path in [path for path in tree if path == old or path.startswith(f"{old}/")]:
        tree[new + path[len(old) :]] = tree.pop(path)
