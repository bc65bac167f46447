"""Ask the package registry whether it knows advisories on the pins of envs/*.txt; `make audit` runs this.

Ends with 0 where every pin was asked about and none has an advisory, with 1 where one has, and with 2 where a pin could
not be asked about, as behind a mirror without advisories. pip-audit asks; it is installed into a folder that is removed
afterwards, from pins of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ENVS = Path(__file__).resolve().parent
LISTS = sorted(path for path in ENVS.rglob("*.txt") if path.name != "overrides.txt")
ADVISED, UNKNOWN = 1, 2
"""Exit codes."""


def install_pip_audit(folder: Path) -> Path:
    """Install pip-audit, and return its command."""
    uv = str(ENVS.parent / ".venv/bin/uv")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    python = str(folder / "bin/python")
    pins = ["--require-hashes", "--no-deps", "-r", str(ENVS / "audit.txt")]
    subprocess.run([uv, "pip", "install", "--quiet", "--system-certs", "--python", python, *pins], check=True)
    return folder / "bin/pip-audit"


def ask(command: Path) -> list[dict[str, Any]]:
    """Ask about every pin of every list.

    Returns:
        An entry a pin: its name, and ``version`` and ``vulns``, or the ``skip_reason``.

    Raises:
        ConnectionError: if pip-audit cannot ask at all; holds its last line.
    """
    options = ["--disable-pip", "--no-deps", "--format", "json", "--progress-spinner", "off"]
    found: dict[str, dict[str, Any]] = {}
    # One list after the other: pip-audit refuses a package that is in two.
    for path in LISTS:
        asked = subprocess.run([command, *options, "-r", path], capture_output=True, text=True)
        try:
            pins = json.loads(asked.stdout)["dependencies"]
        except (ValueError, KeyError):
            raise ConnectionError((asked.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1]) from None
        found |= {f"{pin['name']} {pin.get('version')}": pin for pin in pins}
    return list(found.values())


def summarise(pins: list[dict[str, Any]]) -> tuple[list[str], int]:
    """Say what is known of the pins: lines for a terminal, and the exit code."""
    lines = []
    for pin in pins:
        for advisory in pin.get("vulns", []):
            fixed = ", ".join(advisory["fix_versions"]) or "no version yet"
            lines.append(f"audit: {pin['name']} {pin['version']}: {advisory['id']}, fixed in {fixed}")
    advised = sum(bool(pin.get("vulns")) for pin in pins)
    skipped = [pin for pin in pins if "skip_reason" in pin]
    asked = len(pins) - len(skipped)
    lines.append(f"audit: {asked} of {len(pins)} pins asked about, {advised} with an advisory")
    if skipped:
        lines.append(f"audit: nothing is known of the other {len(skipped)}; the first: {skipped[0]['skip_reason']}")
    return lines, ADVISED if advised else UNKNOWN if skipped or not pins else 0


def main() -> int:
    """Ask, print what is known, and return the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            lines, code = summarise(ask(install_pip_audit(Path(folder, "venv"))))
        except (subprocess.CalledProcessError, ConnectionError) as error:
            lines, code = [f"audit: could not ask, so nothing is known of any pin: {error}"], UNKNOWN
    print("\n".join(lines))
    return code


if __name__ == "__main__":
    sys.exit(main())
