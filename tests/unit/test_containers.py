"""The recipes of container images install the pins, by what `make install` runs, and copy only files that exist."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
HOME = "/opt/asr-attack-transfer"
INSTALL = f"PIP_NO_CACHE_DIR=1 UV_NO_CACHE=1 {HOME}/envs/install run"
DOCKER = (ROOT / "containers/Dockerfile").read_text()
APPTAINER = (ROOT / "containers/Apptainer.def").read_text()


def instructions() -> list[tuple[str, str]]:
    """Every instruction of the Dockerfile and what it is told."""
    lines = [line for line in DOCKER.splitlines() if line and not line.startswith("#")]
    found = [re.fullmatch(r"(FROM|COPY|RUN|ENV|WORKDIR|ENTRYPOINT) (\S.*)", line) for line in lines]
    assert None not in found, lines
    return [match.groups() for match in found if match]  # type: ignore[misc]


def told(name: str) -> list[str]:
    return [text for instruction, text in instructions() if instruction == name]


def parts() -> dict[str, str]:
    """The header of the Apptainer recipe, under an empty name, and its sections."""
    text = "\n".join(line for line in APPTAINER.splitlines() if not line.startswith("#"))
    pieces = re.split(r"^%(\w+)$", text, flags=re.MULTILINE)
    return {"": pieces[0]} | dict(zip(pieces[1::2], pieces[2::2], strict=True))


def test_the_sections_are_those_that_apptainer_knows() -> None:
    assert list(parts()) == ["", "files", "post", "environment", "runscript", "test"]
    header = dict(line.split(": ", 1) for line in parts()[""].splitlines() if line)
    assert header == {"Bootstrap": "docker", "From": told("FROM")[0]}


@pytest.mark.parametrize("section", ["post", "environment", "runscript", "test"])
def test_the_shell_can_read_each_section(section: str) -> None:
    subprocess.run(["bash", "-n"], input=parts()[section], text=True, check=True)


def test_both_install_what_make_installs_and_nothing_else() -> None:
    assert told("RUN") == [INSTALL]
    assert parts()["post"].split("\n", 1)[1].strip() == INSTALL
    assert "\n\t@envs/install run\n" in (ROOT / "Makefile").read_text()
    script = (ROOT / "envs/install").read_text()
    assert script.count("--require-hashes") >= 3
    assert "run) lists=(envs/requirements.txt) needed=(envs/requirements.txt) ;;" in script


def test_both_copy_what_is_there() -> None:
    copied = told("COPY") + [line.strip() for line in parts()["files"].splitlines() if line.strip()]
    assert copied == [f"envs {HOME}/envs"] * 2
    assert (ROOT / "envs/install").stat().st_mode & 0o111
    sent = (ROOT / "containers/Dockerfile.dockerignore").read_text().split()
    assert sent == ["*", "!envs"]


def test_both_start_snakemake_of_the_installed_packages() -> None:
    assert told("ENTRYPOINT") == ['["snakemake"]']
    assert parts()["runscript"].strip() == 'exec snakemake "$@"'
    assert f"PATH={HOME}/.venv/bin:$PATH" in told("ENV")[0]
    assert f"PATH={HOME}/.venv/bin:$PATH" in parts()["environment"]


def test_the_python_is_that_of_the_pins() -> None:
    environment = yaml.safe_load((ROOT / "envs/environment.yaml").read_text())
    [python] = [name for name in environment["dependencies"] if str(name).startswith("python=")]
    [version] = re.findall(r"/python:(\d+\.\d+)-slim-bookworm$", told("FROM")[0])
    assert python == f"python={version}"
    assert f"--python-version {version}" in (ROOT / "envs/lock").read_text()
