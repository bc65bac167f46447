from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from asrtransfer.files.errors import InputError
from study import fingerprint as module
from study.fingerprint import Fingerprints, fingerprint

REPOSITORY = Path(__file__).resolve().parents[2]

TREE = {
    "attack.py": '"""Attack."""\nfrom library.registry import load\nimport numpy\nload("pgd")\n',
    "train.py": "import library.model as model\nmodel.train()\n",
    "library/__init__.py": '"""The library."""\n',
    "library/model.py": "from .audio import read\nimport torch.nn\n\n\ndef train():\n    return read()\n",
    "library/audio.py": "def read():\n    return 1\n",
    "library/registry.py": (
        "from importlib import import_module\n\n\n"
        "def load(name):\n    return import_module(f'library.attacks.{name}')\n"
    ),
    "library/attacks/__init__.py": "",
    "library/attacks/base.py": "BOUND = 8\n",
    "library/attacks/pgd.py": "from ..model import train\nfrom . import base\n",
    "library/attacks/cw.py": "def run():\n    from library.attacks.base import BOUND\n    return BOUND\n",
}
SYNTAX = """
class A(C, metaclass=D):
    field: int | None = None

    @property
    def f(self, a, /, b=1, *c, d, e=2.5e-3, **g) -> str:
        return f"{self.field!r:>8}" + 'x' + u"y"


async def h():
    async with h() as i, h():
        match i:
            case {"a": [1, *_], **rest} if rest:
                return lambda: (yield)
            case None:
                del i[1:, ...]
    try:
        assert not b"x"
    except* (OSError, ValueError) as error:
        raise KeyError from error
"""
PGD = ["library.attacks.pgd"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, source in TREE.items():
        write(tmp_path / "scripts" / name, source)
    return tmp_path / "scripts"


def write(path: Path, source: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)


def reached(root: Path, source: str, *extra: str) -> set[str]:
    write(root / "probe.py", source)
    return set(fingerprint(root / "probe.py", root, extra)) - {"probe", "library"}


def test_names_script_and_closure_sorted(root: Path) -> None:
    digests = fingerprint(root / "train.py", root)
    assert list(digests) == ["library", "library.audio", "library.model", "train"]
    assert all(isinstance(digest, str) and len(digest) == 16 for digest in digests.values())


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ("import library.audio", {"library.audio"}),
        ("import numpy, library.audio as a", {"library.audio"}),
        ("from library import audio", {"library.audio"}),
        ("from library.audio import read", {"library.audio"}),
        ("from library import version", set()),
        ("from library.attacks import base", {"library.attacks", "library.attacks.base"}),
        ("def f():\n    import library.audio", {"library.audio"}),
        ("try:\n    import library.audio\nexcept ImportError:\n    pass", {"library.audio"}),
        ("import importlib\nimportlib.import_module('library.audio')", {"library.audio"}),
        ("import importlib\nimportlib.import_module(name)", set()),
        ("from library.model import *", {"library.model", "library.audio"}),
        ("import numpy\nfrom torch.nn import functional", set()),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import library.audio", set()),
        (
            "if typing.TYPE_CHECKING:\n    import library.model\nelse:\n    import library.audio",
            {"library.audio"},
        ),
        ("if not TYPE_CHECKING:\n    import library.audio", {"library.audio"}),
    ],
)
def test_kinds_of_import(root: Path, source: str, modules: set[str]) -> None:
    assert reached(root, source) == modules


def test_star_import_of_a_package_reaches_every_submodule(root: Path) -> None:
    assert reached(root, "from library.attacks import *") >= {
        "library.attacks.base",
        "library.attacks.cw",
        "library.attacks.pgd",
    }


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("library/attacks/new.py", "from ..audio import read"),
        ("library/attacks/new.py", "from .. import audio"),
        ("library/attacks/new/__init__.py", "from ...audio import read"),
        ("library/attacks/new.py", "import importlib\nimportlib.import_module('..audio', __package__)"),
    ],
)
def test_relative_imports(root: Path, package: str, source: str) -> None:
    write(root / package, source)
    assert "library.audio" in reached(root, "", "library.attacks.new")


def test_cyclic_imports_end(root: Path) -> None:
    write(root / "library/audio.py", "from library import model\n")
    assert set(fingerprint(root / "train.py", root)) == {"library", "library.audio", "library.model", "train"}


def test_computed_import_reaches_nothing_until_named(root: Path) -> None:
    assert not any("attacks" in name for name in fingerprint(root / "attack.py", root))
    named = set(fingerprint(root / "attack.py", root, PGD))
    assert named >= {"library.attacks", "library.attacks.pgd", "library.attacks.base", "library.audio"}
    assert "library.attacks.cw" not in named


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("library/audio.py", "return 1", "return 1  # one"),
        ("library/audio.py", "return 1", "return (\n        1\n    )"),
        ("library/audio.py", "    return 1", '    """Read."""\n    return 1'),
        ("library/audio.py", "def read", '"""Audio."""\n\n\ndef read'),
        ("library/__init__.py", "The library", "A library"),
        (
            "library/model.py",
            "import torch.nn",
            "import torch.nn\nif TYPE_CHECKING:\n    import library.registry",
        ),
        ("library/registry.py", "def load", "def renamed"),
    ],
)
def test_edits_that_change_nothing(root: Path, file: str, old: str, new: str) -> None:
    before = fingerprint(root / "train.py", root)
    source = (root / file).read_text()
    assert old in source
    write(root / file, source.replace(old, new))
    assert fingerprint(root / "train.py", root) == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("library/audio.py", "return 1", "return 1.0"),
        ("library/audio.py", "return 1", "return '1'"),
        ("library/audio.py", "return 1", "return None"),
        ("library/audio.py", "return 1", "return"),
        ("library/audio.py", "def read():", "def read(rate=16000):"),
        ("library/audio.py", "def read():", "async def read():"),
        ("library/model.py", "import torch.nn", "import torch"),
        ("train.py", "model.train()", "model.train"),
    ],
)
def test_edits_that_count_name_their_module(root: Path, file: str, old: str, new: str) -> None:
    before = fingerprint(root / "train.py", root)
    source = (root / file).read_text()
    assert old in source
    write(root / file, source.replace(old, new))
    after = fingerprint(root / "train.py", root)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {file.removesuffix(".py").replace("/", ".")}


def test_a_change_in_one_attack_spares_the_others_and_training(root: Path) -> None:
    def all_digests() -> list[dict[str, str]]:
        cw = fingerprint(root / "attack.py", root, ["library.attacks.cw"])
        return [fingerprint(root / "train.py", root), cw, fingerprint(root / "attack.py", root, PGD)]

    before = all_digests()
    write(root / "library/attacks/pgd.py", TREE["library/attacks/pgd.py"] + "STEPS = 3\n")
    write(root / "library/attacks/new.py", "STEPS = 3\n")
    after = all_digests()
    assert after[:2] == before[:2]
    assert after[2] != before[2]


def test_place_of_the_repository_does_not_count(root: Path, tmp_path: Path) -> None:
    before = fingerprint(root / "attack.py", root, PGD)
    moved = tmp_path / "elsewhere"
    shutil.copytree(root, moved)
    (tmp_path / "link").symlink_to(moved)
    assert fingerprint(moved / "attack.py", moved, PGD) == before
    assert fingerprint(tmp_path / "link" / "attack.py", tmp_path / "link", PGD) == before


def test_another_process_agrees(root: Path) -> None:
    command = (
        "import sys; from pathlib import Path; from study.fingerprint import fingerprint; "
        "root = Path(sys.argv[1]); print(fingerprint(root / 'attack.py', root, ['library.attacks.pgd']))"
    )
    result = subprocess.run(
        [sys.executable, "-c", command, root],
        env={"PYTHONPATH": str(REPOSITORY / "workflow/scripts"), "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == repr(fingerprint(root / "attack.py", root, PGD))


def test_digest_does_not_depend_on_the_python_version(root: Path) -> None:
    """Python 3.12 gave functions and classes a field; a digest that moved with it would rerun every study."""
    write(root / "syntax.py", SYNTAX)
    assert fingerprint(root / "syntax.py", root) == {"syntax": "43043855de30e131"}


@pytest.fixture
def no_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads a syntax tree fails."""
    module._parse.cache_clear()

    def refuse(*arguments: object) -> None:
        raise AssertionError("a syntax tree is read")

    monkeypatch.setattr(module.ast, "parse", refuse)


def digest(root: Path, kept: Path) -> dict[str, str]:
    return Fingerprints(root, kept).of(root / "attack.py", PGD)


def test_what_is_kept_needs_no_syntax_tree(root: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    kept = tmp_path / "new/kept"
    before = digest(root, kept)
    assert before == fingerprint(root / "attack.py", root, PGD)
    written = kept.stat().st_mtime_ns
    request.getfixturevalue("no_trees")
    assert digest(root, kept) == before
    assert kept.stat().st_mtime_ns == written, "nothing new is to be kept"
    with pytest.raises(AssertionError, match="a syntax tree is read"):
        fingerprint(root / "attack.py", root, PGD)


def test_an_edit_is_seen_though_digests_are_kept(root: Path, tmp_path: Path) -> None:
    before = digest(root, tmp_path / "kept")
    write(root / "library/attacks/pgd.py", TREE["library/attacks/pgd.py"] + "import library.attacks.cw\n")
    after = digest(root, tmp_path / "kept")
    assert after == fingerprint(root / "attack.py", root, PGD)
    assert after.keys() - before.keys() == {"library.attacks.cw"}


@pytest.mark.parametrize("damage", ["bit", "cut", "empty", "text", "python"])
def test_a_damaged_file_is_as_good_as_none(
    root: Path, tmp_path: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept"
    before = digest(root, kept)
    content = bytearray(kept.read_bytes())
    if damage == "python":
        monkeypatch.setattr(module.sys, "version", "4.0")
    else:
        content[-100] ^= 1
        kept.write_bytes({"bit": content, "cut": content[:-10], "empty": b"", "text": b"none\n{}"}[damage])
    assert module._read_kept(kept) == {}
    assert digest(root, kept) == before
    assert module._read_kept(kept) != {}


def test_a_place_that_cannot_be_written_costs_time_only(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert digest(root, tmp_path / "file/kept") == fingerprint(root / "attack.py", root, PGD)


def test_a_file_is_read_once(root: Path) -> None:
    """A job started later has the code of then, and the next run shall see that it differs."""
    prints = Fingerprints(root)
    before = prints.of(root / "train.py")
    write(root / "library/audio.py", "def read():\n    return 2\n")
    assert prints.of(root / "train.py") == before
    assert Fingerprints(root).of(root / "train.py") != before


def test_missing_script_and_module_are_one_line_errors(root: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.py: no such script below .*; correct"):
        fingerprint(root / "gone.py", root)
    with pytest.raises(InputError, match=r"no such script below"):
        fingerprint(Path(__file__), root)
    with pytest.raises(InputError, match=r"library\.attacks\.gone: no such module below .*; add"):
        fingerprint(root / "attack.py", root, ["library.attacks.gone"])


def test_syntax_error_names_its_file(root: Path) -> None:
    write(root / "library/audio.py", "def read(:\n")
    with pytest.raises(SyntaxError) as error:
        fingerprint(root / "train.py", root)
    assert str(error.value.filename).endswith("library/audio.py")


def test_each_of_many_modules_in_a_circle_is_read_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(40):
        write(root / f"library/m{i}.py", f"import library.m{(i + 1) % 40}\nimport library.m{(i + 7) % 40}\n")
    write(root / "many.py", "import library.m0\n")
    read: list[str] = []
    parse = module._parse
    monkeypatch.setattr(module, "_parse", lambda source, name: read.append(name) or parse(source, name))
    assert len(fingerprint(root / "many.py", root)) == 42
    assert len(read) == len(set(read)) == 42
