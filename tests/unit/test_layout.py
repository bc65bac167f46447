"""The house: rooms import downwards only, parse time needs no PyTorch, and files stay readable."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "workflow/scripts"
LIBRARY = SCRIPTS / "asrtransfer"
FLOORS = [
    {"section", "files", "machine"},
    {"speech", "text"},
    {"ctc", "channels"},
    {"recognisers"},
    {"attacks"},
    {"hearing"},
    {"statistics"},
    {"tables"},
    {"report"},
    {"compare", "quick"},
]
"""Rooms of the library, from the ground up. A room imports from those below it, and beside it on its floor."""
ELSEWHERE = {
    # Finds attacks and recognisers by name, for both of them.
    "extension": {"files"},
    "corpora": {"speech", "text", "files", "machine"},
    # Trusts no stage, and so shares nothing with them.
    "audit": set(),
    # Tries everything that a job does, on the machine at hand.
    "calibration": {"extension", "attacks", "recognisers", "ctc", "machine", "speech", "text"},
}
"""Rooms on no floor, with the rooms that they may import from."""
FINDERS = {"recognisers", "attacks", "quick"}
"""Rooms that may import ``extension``."""
LONGEST = 400
FOLDERS = ("workflow", "tests", "benchmarks")


def list_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def list_imports(path: Path) -> Iterator[str]:
    """Dotted names that a file imports, wherever in it, type-checking imports among them, and literal computed ones."""
    package = path.relative_to(SCRIPTS).parent.parts
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                start = ".".join(package[: len(package) - level + 1]) if level else ""
                base = ".".join(part for part in (start, module) if part)
                yield from (f"{base}.{name.name}" for name in names)
            case ast.Call(
                func=ast.Name(id="import_module") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(module)), *_],
            ):
                yield module


def room_of(path: Path) -> str:
    return path.relative_to(LIBRARY).with_suffix("").parts[0]


def list_rooms_imported(path: Path) -> set[str]:
    """Other rooms that a file of the library imports from."""
    parts = [name.split(".") for name in list_imports(path)]
    return {part[1] for part in parts if part[0] == "asrtransfer" and len(part) > 1} - {room_of(path)}


MODULES = [path for path in list_files(LIBRARY) if path != LIBRARY / "__init__.py"]
ROOMS = {room_of(path) for path in MODULES}
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def relative(path: Path) -> str:
    return str(path.relative_to(SCRIPTS))


def test_every_room_has_its_place() -> None:
    assert set(FLOOR) | set(ELSEWHERE) == ROOMS
    assert not set(FLOOR) & set(ELSEWHERE)


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_no_module_imports_from_above(path: Path) -> None:
    room = room_of(path)
    if room in ELSEWHERE:
        allowed = ELSEWHERE[room]
    else:
        allowed = {other for other, floor in FLOOR.items() if floor <= FLOOR[room]}
        allowed |= {"extension"} if room in FINDERS else set()
    assert list_rooms_imported(path) - allowed == set()


def test_no_circle_between_rooms() -> None:
    waiting = {room: set() for room in ROOMS}
    for path in MODULES:
        waiting[room_of(path)] |= list_rooms_imported(path)
    while free := {room for room, below in waiting.items() if not below}:
        waiting = {room: below - free for room, below in waiting.items() if room not in free}
    assert waiting == {}


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_the_library_knows_neither_workflow_nor_study(path: Path) -> None:
    own = {one.stem for one in SCRIPTS.glob("*.py")} | {"study", "snakemake"}
    assert {name.split(".")[0] for name in list_imports(path)} & own == set()


@pytest.mark.parametrize("path", list_files(SCRIPTS / "study"), ids=relative)
def test_a_study_knows_no_script(path: Path) -> None:
    own = {one.stem for one in SCRIPTS.glob("*.py")} | {"snakemake"}
    assert {name.split(".")[0] for name in list_imports(path)} & own == set()


@pytest.mark.parametrize("path", list_files(SCRIPTS), ids=relative)
def test_nothing_outside_names_a_family(path: Path) -> None:
    """Families and attacks are found by name, so that one of the user's is as good as ours."""
    for kind, package in (("recognisers", "deepspeech"), ("attacks", "cw"), ("attacks", "pgd")):
        folder = LIBRARY / kind / package
        if not path.is_relative_to(folder):
            prefix = f"asrtransfer.{kind}.{package}"
            assert [name for name in list_imports(path) if name == prefix or name.startswith(f"{prefix}.")] == []


def test_a_configuration_is_read_without_pytorch() -> None:
    modules = [
        ".".join(path.relative_to(SCRIPTS).with_suffix("").parts).removesuffix(".__init__")
        for path in list_files(SCRIPTS / "study")
    ]
    extensions = "extension.find('recogniser', 'deepspeech'), extension.find('attack', 'cw')"
    code = (
        f"import sys, {', '.join(modules)}\nfrom asrtransfer import extension\n{extensions}\n"
        "print(sorted({'torch', 'torchaudio', 'pandas', 'snakemake'} & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=SCRIPTS, capture_output=True, text=True, check=True
    ).stdout.strip()
    assert found == "[]"


def test_files_are_short() -> None:
    files = [path for folder in FOLDERS for path in list_files(ROOT / folder)]
    assert len(files) > 150
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in files}
    assert {name: length for name, length in lengths.items() if length >= LONGEST} == {}
