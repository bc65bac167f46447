"""The tools that judge the code have nothing to say. Each reads its rules from pyproject.toml."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOOLS = Path(sys.executable).parent
PYTHON_FOLDERS = ["workflow", "tests", "benchmarks"]


def complaints(*command: str | Path) -> str:
    """Run one of the environment's tools; return what it printed if it failed, else nothing."""
    environment = os.environ | {"PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}"}
    result = subprocess.run(
        [TOOLS / command[0], *command[1:]],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return f"exit status {result.returncode}\n{result.stdout}" if result.returncode else ""


def test_ruff_finds_nothing() -> None:
    assert complaints("ruff", "check", "--no-cache", *PYTHON_FOLDERS) == ""


def test_python_is_formatted() -> None:
    assert complaints("ruff", "format", "--check", "--no-cache", *PYTHON_FOLDERS) == ""


def test_rules_are_formatted() -> None:
    rules = sorted((ROOT / "workflow/rules").glob("*.smk"))
    assert rules
    assert complaints("snakefmt", "--check", "--compact-diff", ROOT / "Snakefile", *rules) == ""


def test_types_agree() -> None:
    assert complaints("mypy") == ""


def test_snakemake_lint_finds_nothing() -> None:
    assert complaints("snakemake", "--lint") == ""


@pytest.mark.parametrize("tool", ["ruff", "snakefmt", "mypy", "snakemake"])
def test_a_tool_that_finds_something_fails(tool: str, tmp_path: Path) -> None:
    """The tests above would pass with a tool that does not run at all."""
    (tmp_path / "bad.py").write_text("import os\n\n\ndef f() -> int:\n    return 'text'\n")
    (tmp_path / "bad.smk").write_text('rule a:\n  output: "a.txt"\n  shell: "touch {output}"\n')
    command = {
        "ruff": ["check", "--no-cache", tmp_path / "bad.py"],
        "snakefmt": ["--check", tmp_path / "bad.smk"],
        "mypy": ["--cache-dir", os.devnull, tmp_path / "bad.py"],
        "snakemake": ["--lint", "--snakefile", tmp_path / "bad.smk", "--directory", tmp_path],
    }[tool]
    assert "exit status 1" in complaints(tool, *command)
