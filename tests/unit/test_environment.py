"""The lists in envs/ agree with each other and name no address."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
ENVS = ROOT / "envs"
PIN = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>[^\s;]+)", re.MULTILINE)


def pins(list_name: str) -> dict[str, str]:
    found = {match["name"]: match["version"] for match in PIN.finditer((ENVS / list_name).read_text())}
    assert found
    return found


def direct(list_name: str) -> list[Requirement]:
    lines = (ENVS / list_name).read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-r"))]


EXTRAS = sorted(f"extras/{path.stem}" for path in (ENVS / "extras").glob("*.in"))


@pytest.mark.parametrize(
    "stem", ["requirements", "requirements-test", "requirements-benchmark", "uv", "audit", *EXTRAS]
)
def test_direct_requirements_are_pinned(stem: str) -> None:
    pinned = pins(f"{stem}.txt")
    for requirement in direct(f"{stem}.in"):
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)])


@pytest.mark.parametrize(
    "name",
    [
        *("requirements.txt", "requirements-test.txt", "requirements-benchmark.txt", "uv.txt", "audit.txt"),
        *(f"{extra}.txt" for extra in EXTRAS),
    ],
)
def test_every_line_is_a_pin_or_its_hash(name: str) -> None:
    entry = re.compile(r"[a-z0-9-]+==\S+( \\\n    --hash=sha256:[0-9a-f]{64})+")
    lines = [line for line in (ENVS / name).read_text().splitlines() if not line.startswith("#")]
    entries = re.split(r"\n(?! )", "\n".join(lines))
    assert [text for text in entries if not entry.fullmatch(text)] == []


ADVISED = {"name": "a", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"]}]}
SOUND = {"name": "b", "version": "2.0", "vulns": []}
UNKNOWN = {"name": "c", "skip_reason": "Dependency not found: c (3.0)"}


@pytest.fixture
def audit(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module of `make audit`."""
    monkeypatch.syspath_prepend(ENVS)
    return importlib.import_module("audit")


@pytest.mark.parametrize(
    ("found", "code", "last"),
    [
        ([SOUND], 0, "audit: 1 of 1 pins asked about, 0 with an advisory"),
        ([SOUND, ADVISED, UNKNOWN], 1, "the first: Dependency not found: c (3.0)"),
        ([SOUND, UNKNOWN], 2, "audit: nothing is known of the other 1; the first: Dependency not found: c (3.0)"),
        ([], 2, "audit: 0 of 0 pins asked about, 0 with an advisory"),
    ],
)
def test_an_audit_says_what_is_known_and_what_is_not(audit: Any, found: list[Any], code: int, last: str) -> None:
    lines, given = audit.summarise(found)
    assert given == code
    assert lines[-1].endswith(last)
    assert ("audit: a 1.0: PYSEC-1, fixed in 1.1" in lines) == (ADVISED in found)


def test_an_audit_that_cannot_ask_says_so(
    audit: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "pip-audit"
    broken.write_text("#!/bin/sh\necho no route to the registry >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(audit, "install_pip_audit", lambda folder: broken)
    assert audit.main() == 2
    assert capsys.readouterr().out.strip().endswith("nothing is known of any pin: no route to the registry")


def test_an_audit_asks_about_every_list(audit: Any) -> None:
    assert {path.name for path in audit.LISTS} == {path.name for path in ENVS.rglob("*.txt")} - {"overrides.txt"}


def test_test_requirements_include_those_of_the_study() -> None:
    for name in ("requirements", *EXTRAS):
        assert pins(f"{name}.txt").items() <= pins("requirements-test.txt").items()


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_has_no_other_version_of_what_the_study_has(extra: str) -> None:
    base = pins("requirements.txt")
    assert {name: version for name, version in pins(f"{extra}.txt").items() if base.get(name, version) != version} == {}


def test_an_extra_that_is_none_is_named() -> None:
    done = subprocess.run([str(ENVS / "install"), "run", "nobody"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "envs/install: there is no extra nobody; use one of: pocketsphinx transformers whisper \n"


def test_conda_environment_has_the_same_pins() -> None:
    environment = yaml.safe_load((ENVS / "environment.yaml").read_text())
    assert set(environment) == {"channels", "dependencies"}
    assert environment["dependencies"][:2] == ["python=3.11", "pip"]
    [pip] = environment["dependencies"][2:]
    assert pip == {"pip": [f"{name}=={version}" for name, version in pins("requirements.txt").items()]}


def test_every_file_names_the_same_versions_of_python() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    supported = SpecifierSet(project["project"]["requires-python"])
    versions = [version for version in (f"3.{minor}" for minor in range(30)) if version in supported]
    oldest, newest = versions[0], versions[-1]
    told = f"Python {', '.join(versions[:-1])} or {newest}"
    for name in ("README.md", "CONTRIBUTING.md", "envs/install"):
        assert told in (ROOT / name).read_text(), name
    install, lock = ((ENVS / name).read_text() for name in ("install", "lock"))
    limits = [version.replace(".", ", ") for version in (oldest, newest)]
    assert f"not ({limits[0]}) <= sys.version_info[:2] <= ({limits[1]})" in install
    assert "PYTHON:-" + " ".join(f"python{version}" for version in versions) in install
    # Pins for the oldest version hold for the newer ones, as the missing markers show.
    assert f"--python-version {oldest} " in lock
    assert not re.search(r"^[a-z].*;", (ENVS / "requirements-test.txt").read_text(), re.MULTILINE)
    assert project["tool"]["ruff"]["target-version"] == f"py{oldest.replace('.', '')}"
    assert project["tool"]["mypy"]["python_version"] == oldest
    [job] = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"].values()
    assert job["strategy"]["matrix"] == {"python": versions}


@pytest.mark.slow
def test_conda_can_solve_the_environment() -> None:
    conda = next(filter(None, map(shutil.which, ("conda", "mamba", "micromamba"))), None)
    if conda is None:
        pytest.skip("neither conda nor mamba is installed: --sdm conda is not tried")
    command = [conda, "env", "create", "--dry-run", "--name", "tried", "--file", str(ENVS / "environment.yaml")]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if re.search(
        "CondaHTTPError|ConnectionError|[Cc]ould not resolve|NoChannels|UnavailableInvalidChannel", result.stdout
    ):
        pytest.skip("the channel of conda is out of reach: --sdm conda is not tried")
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    "path",
    sorted(path for path in ENVS.rglob("*") if path.is_file() and path.suffix != ".pyc"),
    ids=lambda path: path.name,
)
def test_no_address_is_written(path: Path) -> None:
    """Neither a registry nor a folder of one machine: any mirror may serve the files."""
    assert re.findall(r"https?:|file:|--(?:extra-)?index-url|--find-links", path.read_text()) == []


def test_no_tracked_file_names_a_folder_of_one_machine() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: no list of tracked files")
    command = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    machine = re.compile(rb"(?<![\w.])/(?:work|root|home/[a-z]+|Users/[A-Za-z]+)/")
    found = {
        name.decode(): match[0].decode()
        for name in listing.split(b"\0")
        if name and (path := ROOT / name.decode()).is_file() and (match := machine.search(path.read_bytes()))
    }
    assert found == {}


def test_the_running_environment_is_the_pinned_one() -> None:
    installed = {canonicalize_name(found.name): found.version for found in distributions()}
    differing = {
        name: f"{installed.get(name)}, not {version}"
        for name, version in pins("requirements-test.txt").items()
        if installed.get(name) != version
    }
    assert differing == {}, f"{sys.prefix} is not what envs/requirements-test.txt says; run: make test"
