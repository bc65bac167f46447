"""Digests of the first-party code that a script reaches, for the parameters of its rule.

Snakemake reruns a job when a parameter of its rule changes, but follows neither the content of a script nor
the modules that it imports. A rule whose parameters carry ``fingerprint(...)`` is rerun when that code
changes, and only then: comments, formatting, docstrings, log lines, messages of exceptions, descriptions of keys and
type-checking imports do not count, nor does the place where the repository lies.

Imports are read from the syntax tree; nothing is executed. The walk follows absolute and relative imports at
any depth (inside functions too), ``from package import submodule``, the ``__init__`` of every package on the
way, and ``import_module("a.literal.name")``. It cannot follow a name that is computed. That is also how a
choice is kept apart: a registry that does ``import_module(f"asrtransfer.attacks.{name}")`` reaches no
attack, so that a change in one attack is not a change in the others, and the rule names the module of its
own job::

    fingerprint(scripts / "attack.py", scripts, extra_modules=[f"asrtransfer.attacks.{wildcards.attack}"])

A registry that imports all its entries, or that lists them, gives every job a part in every entry. Files
that are read as data (templates) are no modules; ``contents(...)`` digests those.

Syntax trees were most of what a start of Snakemake cost beyond its own time. A run therefore reads every module once,
and keeps what it has learnt of a source text for the next run.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from asrtransfer.files.errors import InputError
from asrtransfer.files.whole import replace_file

DESCRIBING = {"description", "json_schema_extra"}
"""Keyword arguments that say what something means, as those of a configuration's key."""
DIGEST_LENGTH = 16
"""Hexadecimal digits kept of each SHA-256: short enough to read where Snakemake gives its reason."""
MOST_KEPT = 2000
"""Source texts that are remembered; those learnt first are forgotten first."""
Find = Callable[[str], Path | None]
"""The file of a first-party module, by its dotted name."""


def fingerprint(
    script: Path, root: Path, extra_modules: Iterable[str] = (), without: Iterable[str] = ()
) -> dict[str, str]:
    """Digest a script and the first-party code that it reaches: see :meth:`Fingerprints.of`."""
    return Fingerprints(root).of(script, extra_modules, without)


class Fingerprints:
    """Digests of scripts below a folder, each file as it was when it was first asked for.

    Args:
        root: the folder from which first-party modules are imported.
        kept: file that keeps what is known of source texts, from one run to the next; None keeps nothing.
    """

    def __init__(self, root: Path, kept: Path | None = None) -> None:
        self._root = root
        self._kept = _Kept(kept)
        # Most imports name the same modules, and a look at the disk is what they cost.
        self._find = cache(partial(_find, root))
        self._read = cache(self._read_module)

    def of(self, script: Path, extra_modules: Iterable[str] = (), without: Iterable[str] = ()) -> dict[str, str]:
        """Digest a script and the first-party code that it reaches.

        Args:
            script: lies in or below the root.
            extra_modules: dotted names that the script imports by a computed name, and paths of files of the user's,
                which may lie anywhere; what these import below the root counts, too.
            without: modules that change no result, and are left out with all that they alone reach.

        Returns:
            ``{module name: digest}``, sorted by name.

        Raises:
            InputError: where the script or one of the extra modules is not a file.
        """
        if not script.is_file() or not script.resolve().is_relative_to(self._root.resolve()):
            raise InputError(f"{script}: no such script below {self._root}; correct the path in the rule")
        own_name = ".".join(script.resolve().relative_to(self._root.resolve()).with_suffix("").parts)
        digests: dict[str, str] = {}
        pending = [(own_name, script)]
        for name in extra_modules:
            pending += _extra(self._root, self._find, name)
        left_out = set(without)
        while pending:
            name, path = pending.pop()
            if name not in digests and name not in left_out:
                digests[name], reached = self._read(name, path)
                pending += reached
        self._kept.save()
        return dict(sorted(digests.items()))

    def _read_module(self, name: str, path: Path) -> tuple[str, tuple[tuple[str, Path], ...]]:
        """Digest a module, and list the modules that it loads, with their files."""
        module = self._kept.parse(path.read_bytes(), str(path))
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        reached = (one for imported in module.imports for one in _resolve(self._root, self._find, package, imported))
        return module.digest, tuple(dict.fromkeys(reached))


def _extra(root: Path, find: Find, name: str) -> list[tuple[str, Path]]:
    """Name and file of every module that importing one by a computed name loads."""
    if name.endswith(".py"):
        if not Path(name).is_file():
            raise InputError(f"{name}: no such file; correct the path")
        return [(name, Path(name))]
    if find(name) is None:
        raise InputError(f"{name}: no such module below {root}; add its file or correct the name")
    return list(_with_packages(find, name))


def contents(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return ``{name: digest}`` of files that a script reads from the repository.

    As inputs of a rule they would have absolute paths, and moving the repository would run it again.
    """
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest()[:DIGEST_LENGTH] for name in sorted(names)}


class _Import(NamedTuple):
    """``from {'.' * level}{module} import {member}``, or, with an empty member, ``import {module}``."""

    level: int
    module: str
    member: str


class _Module(NamedTuple):
    digest: str
    imports: tuple[_Import, ...]


class _Kept:
    """What is known of source texts, by their SHA-256, in a file.

    A file that is damaged, or of another version of Python or of this module, is as good as none.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known = {} if path is None else _read_kept(path)
        self._changed = False

    def parse(self, source: bytes, filename: str) -> _Module:
        """Return digest and imports of a source text."""
        key = hashlib.sha256(source).hexdigest()
        if key not in self._known:
            self._known[key] = _parse(source, filename)
            self._changed = True
        return self._known[key]

    def save(self) -> None:
        """Write what was not known before; a disk that refuses it costs time only."""
        if self._path is not None and self._changed:
            body = json.dumps(dict(list(self._known.items())[-MOST_KEPT:])).encode()
            with suppress(OSError):
                self._path.parent.mkdir(parents=True, exist_ok=True)
                replace_file(self._path, f"{_seal(body)}\n".encode(), body)
            self._changed = False


def _read_kept(path: Path) -> dict[str, _Module]:
    try:
        seal, _, body = path.read_bytes().partition(b"\n")
    except OSError:
        return {}
    if seal.decode(errors="replace") != _seal(body):
        return {}
    return {
        key: _Module(digest, tuple(_Import(*imported) for imported in imports))
        for key, (digest, imports) in json.loads(body).items()
    }


def _seal(body: bytes) -> str:
    """Digest what is kept, with all that decides how it was computed."""
    return hashlib.sha256(Path(__file__).read_bytes() + sys.version.encode() + body).hexdigest()


@cache
def _parse(source: bytes, filename: str) -> _Module:
    """Digest and imports of one source text; cached by content, so that an edit is always seen."""
    tree = ast.parse(source, filename)
    pieces: list[str] = []
    imports: list[_Import] = []
    _walk(tree, pieces, imports)
    return _Module(hashlib.sha256("".join(pieces).encode()).hexdigest()[:DIGEST_LENGTH], tuple(dict.fromkeys(imports)))


def _walk(node: ast.AST, pieces: list[str], imports: list[_Import]) -> None:
    """Append the meaning of a node to ``pieces`` and what it imports to ``imports``.

    Like ``ast.dump``, but absent and empty fields are left out: Python versions add optional fields to nodes. Left out
    is also what changes no result: the message of an exception, and the description of a key.
    """
    if isinstance(node, ast.Import | ast.ImportFrom | ast.Call):
        imports += _imports(node)
    pieces.append(f"{type(node).__name__}(")
    for field in node._fields:
        value = getattr(node, field, None)
        if value is None or value == []:
            continue
        if isinstance(node, ast.Raise):
            value = _without_message(value)
        if isinstance(node, ast.Call) and field == "keywords":
            value = [keyword for keyword in value if keyword.arg not in DESCRIBING]
        pieces.append(f"{field}=")
        for item in _statements(value) if isinstance(value, list) else (value,):
            if isinstance(item, ast.AST):
                _walk(item, pieces, imports)
            else:
                pieces.append(f"{item!r},")
    pieces.append(")")


def _statements(items: list[Any]) -> Iterator[Any]:
    """Yield a list field without bare strings (docstrings among them), log lines and type-checking blocks."""
    for item in items:
        if isinstance(item, ast.Expr) and (_is_text(item.value) or _is_log_line(item.value)):
            continue
        if isinstance(item, ast.If) and _is_type_checking(item.test):
            yield from _statements(item.orelse)
        else:
            yield item


def _is_text(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _is_log_line(value: ast.expr) -> bool:
    """Whether an expression is a call of ``log.info`` or the like, ``progress`` or ``job.progress``."""
    match value:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="log"))) | ast.Call(func=ast.Name(id="progress")):
            return True
        case ast.Call(func=ast.Attribute(attr="progress")):
            return True
    return False


def _without_message(raised: Any) -> Any:
    """What is raised: its type alone."""
    return raised.func if isinstance(raised, ast.Call) else raised


def _is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def _imports(node: ast.Import | ast.ImportFrom | ast.Call) -> Iterator[_Import]:
    match node:
        case ast.Import(names=names):
            yield from (_Import(0, name.name, "") for name in names)
        case ast.ImportFrom(module=module, names=names, level=level):
            yield from (_Import(level, module or "", name.name) for name in names)
        case ast.Call(
            func=ast.Name(id="import_module") | ast.Attribute(attr="import_module"),
            args=[ast.Constant(value=str(module)), *_],
        ):
            name = module.lstrip(".")
            yield _Import(len(module) - len(name), name, "")


def _resolve(root: Path, find: Find, package: str, imported: _Import) -> Iterator[tuple[str, Path]]:
    """Yield name and file of every first-party module that one import statement loads."""
    name = imported.module
    if imported.level:
        parents = package.split(".")
        base = ".".join(parents[: len(parents) - imported.level + 1])
        name = f"{base}.{name}" if name else base
    yield from _with_packages(find, name)
    if imported.member == "*":
        folder = root.joinpath(*name.split("."))
        yield from ((f"{name}.{path.stem}", path) for path in folder.glob("*.py") if path.stem != "__init__")
    elif imported.member:
        member = f"{name}.{imported.member}"
        path = find(member)
        if path is not None:
            yield member, path


def _with_packages(find: Find, name: str) -> Iterator[tuple[str, Path]]:
    """Yield the module and the packages that Python initialises before it."""
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        prefix = ".".join(parts[:end])
        path = find(prefix)
        if path is not None:
            yield prefix, path


def _find(root: Path, name: str) -> Path | None:
    """Return the file of a first-party module; none for a foreign one or a folder without ``__init__``."""
    if not all(name.split(".")):
        return None
    # Paths as texts: most names are foreign, and making a Path takes longer than a look at the disk.
    stem = os.path.join(root, *name.split("."))
    for path in (os.path.join(stem, "__init__.py"), f"{stem}.py"):
        if os.path.isfile(path):
            return Path(path)
    return None
