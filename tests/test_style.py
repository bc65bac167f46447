"""The tools that judge the code have nothing to say. Each reads its rules from pyproject.toml."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOOLS = Path(sys.executable).parent


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run one of the environment's tools in the repository; its standard error is in stdout."""
    environment = os.environ | {"PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        [TOOLS / command[0], *command[1:]],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["ruff", "check", "--no-cache", "--output-format=concise", "."], id="ruff"),
        pytest.param(["ruff", "format", "--no-cache", "--check", "."], id="ruff-format"),
        pytest.param(
            ["snakefmt", "--check", "--compact-diff", "Snakefile", "workflow/Snakefile", "workflow/rules"],
            id="snakefmt",
        ),
        pytest.param(["mypy"], id="mypy"),
        pytest.param(["snakemake", "--lint"], id="snakemake-lint"),
    ],
)
def test_tool_finds_nothing(command: list[str]) -> None:
    result = run(*command)
    assert result.returncode == 0, f"{' '.join(command)}\n{result.stdout}"


@pytest.mark.parametrize(
    ("command", "finding"),
    [
        (["ruff", "check", "--no-cache", "bad.py"], "F401"),
        (["ruff", "format", "--no-cache", "--check", "bad.py"], "would be reformatted"),
        (["snakefmt", "--check", "bad.smk"], "would be changed"),
        (["mypy", "--cache-dir", os.devnull, "bad.py"], "Incompatible return value"),
        (["snakemake", "--lint", "--directory", ".", "--snakefile", "bad.smk"], "No log directive defined"),
    ],
    ids=["ruff", "ruff-format", "snakefmt", "mypy", "snakemake-lint"],
)
def test_tool_that_finds_something_fails(command: list[str], finding: str, tmp_path: Path) -> None:
    """The tests above would pass with a tool that reads nothing."""
    (tmp_path / "bad.py").write_text("import os\n\n\n\ndef f() -> int:\n    return 'text'\n")
    (tmp_path / "bad.smk").write_text('rule a:\n  output: "a.txt"\n  shell: "touch {output}"\n')
    places = {".": tmp_path, "bad.py": tmp_path / "bad.py", "bad.smk": tmp_path / "bad.smk"}
    result = run(*(places.get(word, word) for word in command))
    assert result.returncode == 1
    assert finding in result.stdout
