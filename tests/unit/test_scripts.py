"""The folder of the scripts is on their import path, so their names must not stand in for a package's."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"


def test_no_script_shadows_an_installed_package_or_the_standard_library() -> None:
    names = {path.stem for path in SCRIPTS.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert {"attack", "job", "asrtransfer", "study"} <= names
    assert not names & (set(importlib.metadata.packages_distributions()) | set(sys.stdlib_module_names))
