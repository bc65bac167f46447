"""A newcomer's walk: README and docs from a clean clone with an empty home, each command as it is typed there.

Commands that download, need GPUs or a cluster, or take long are not walked: ``NOT_RUN`` of
``tests/unit/test_documents.py`` names each with the reason. The clone has the state of the last commit.

The packages are those of the running environment. A ``.venv`` of links, with the stamp that ``envs/install`` leaves,
stands for what ``make study`` would download first; that the environment is the pinned one,
``tests/unit/test_environment.py`` checks.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest
from copies import ROOT, read_recipes

from asrtransfer import quick

SMOKE = "results-smoke"
VERDICT = f"{SMOKE}/verdict.txt"
LISTS = ("envs/requirements.txt", "envs/requirements-test.txt")


def choose_own_configuration(clone: Path) -> None:
    """Copy the default study and change it, as README says."""
    text = (clone / "config/config.yaml").read_text()
    (clone / "my.yaml").write_text(text.replace("  utterances: 70\n", "  utterances: 5\n"))


def save_recipes(clone: Path) -> None:
    """Save the files that docs/extending.md says to save."""
    for name, text in read_recipes().items():
        (clone / name).parent.mkdir(exist_ok=True)
        (clone / name).write_text(text)


def take_smoke_for_default(clone: Path) -> None:
    """Let the smoke study stand for the default study, which takes too long, and some of its audio for own clips."""
    for name in ("results", "results-digits"):
        shutil.rmtree(clone / name, ignore_errors=True)
        shutil.copytree(clone / SMOKE, clone / name)
    (clone / "clips").mkdir()
    for number, path in enumerate(sorted((clone / SMOKE / "corpus/audio").glob("test-*.flac"))[:5]):
        quick.write_audio(clone / "clips" / f"{number or 'one'}.wav", quick.read_audio(path))


def forget_the_default_study(clone: Path) -> None:
    shutil.rmtree(clone / "results")


def read_python_blocks() -> str:
    """What docs/python.md has a reader type into Python."""
    return "\n".join(re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs/python.md").read_text(), re.MULTILINE | re.S))


class Step(NamedTuple):
    """A command of a page.

    Attributes:
        page: where it stands.
        command: as it stands there.
        says: regular expressions, each of which its output must match.
        makes: files that it must leave.
        before: what the page has a reader do first.
        typed: what is then typed into it.
    """

    page: str
    command: str
    says: tuple[str, ...] = ()
    makes: tuple[str, ...] = ()
    before: Callable[[Path], None] | None = None
    typed: Callable[[], str] | None = None


DRY = "^This was a dry-run"
LOOK = r"^intervals: exact, at 95 % confidence; the unit is the utterance$"
STEPS = [
    Step(
        "README.md",
        'make study ARGS="--configfile config/smoke.yaml"',
        (r"^>>> report: file:///\S+/results-smoke/report\.html$",),
        (VERDICT, f"{SMOKE}/report.html", f"{SMOKE}/tables/columns.csv"),
    ),
    Step("README.md", 'make study ARGS="-n --configfile my.yaml"', (DRY,), before=choose_own_configuration),
    Step("docs/rules.md", "make study ARGS=plan", (r"^PLAN: \d+ jobs, into results$",)),
    Step("docs/extending.md", "make conformance FILE=my-lab/mim.py", (r"^\d+ passed",), before=save_recipes),
    Step("docs/extending.md", 'make study ARGS="keys --configfile my.yaml"', (r"^ +iterations: 400$",)),
    Step(
        "docs/extending.md",
        'make study ARGS="--configfile config/smoke.yaml my-lab/mim.yaml"',
        (r"^samples .*MI-FGSM \d+;",),
        (f"{SMOKE}/tables/phrases-mim.csv",),
    ),
    Step("docs/extending.md", "PYTHONPATH=workflow/scripts .venv/bin/python -m study.document"),
    Step("docs/python.md", "make install"),
    Step(
        "docs/python.md",
        "PYTHONPATH=workflow/scripts .venv/bin/python",
        ("^another seed hears: ", LOOK),
        ("one-adversarial.wav", "look/look.txt", "look/look.json", "look/look.html"),
        take_smoke_for_default,
        read_python_blocks,
    ),
    Step(
        "docs/python.md",
        "PYTHONPATH=workflow/scripts .venv/bin/python -m asrtransfer.quick look "
        "a=results/models/seed-1/weights.safetensors b=results/models/seed-2/weights.safetensors "
        '--attack pgd --phrase "open the door" --folder clips --count 5',
        (LOOK, r"^look/look\.html shows it"),
    ),
    Step(
        "docs/python.md",
        "PYTHONPATH=workflow/scripts .venv/bin/python -m asrtransfer.quick hear "
        "a=results/models/seed-1/weights.safetensors b=results/models/seed-2/weights.safetensors "
        '--files clips one-adversarial.wav --phrase "open the door" --out heard.csv',
        ("^one-adversarial.wav$", r"^  a  \"", r"'open the door': "),
        ("heard.csv",),
    ),
    Step(
        "docs/python.md",
        "PYTHONPATH=workflow/scripts .venv/bin/python -m asrtransfer.quick export results exported",
        (r"^exported/samples/metadata\.csv lists \d+ samples",),
        ("exported/samples/metadata.csv",),
    ),
    Step(
        "docs/compare.md",
        "make study ARGS=\"compare --config compare='[results, results-digits]'\"",
        ("results, results-digits side by side",),
        ("comparison/comparison.html",),
    ),
    Step("docs/cluster.md", "make install", before=forget_the_default_study),
    Step("docs/cluster.md", "export PATH=$PWD/.venv/bin:$PATH"),
    Step("docs/cluster.md", "snakemake -n", (DRY,)),
    Step(
        "docs/paper-study.md",
        "snakemake --cores 1 --configfile config/paper.yaml -- plan",
        ("^PLAN: 552 jobs, into results-paper$", "^GPUs +wall time", r"^1 +1,040\.7 h", "^64 "),
    ),
    Step("docs/troubleshooting.md", "make unlock", ("^Unlocked working directory",)),
    Step("docs/troubleshooting.md", "snakemake --unlock", ("^Unlocked working directory",)),
    Step("CONTRIBUTING.md", "export PATH=$PWD/.venv/bin:$PATH"),
    Step("CONTRIBUTING.md", 'make test ARGS="tests/unit/test_audio.py"', (r"= \d+ passed",)),
    Step("CONTRIBUTING.md", "PYTHONPATH=workflow/scripts python -m study.document"),
]
"""In the order of reading."""


@dataclass
class Newcomer:
    """Somebody with a clone, an empty home, and a shell in which exports last."""

    clone: Path
    environment: dict[str, str]
    exported: list[str] = field(default_factory=list)

    def type(self, step: Step) -> str:
        """Type a command and return what it prints; it must end well."""
        if step.before is not None:
            step.before(self.clone)
        if step.command.startswith("export "):
            self.exported.append(step.command)
        done = subprocess.run(
            ["bash", "-c", "\n".join([*self.exported, step.command])],
            cwd=self.clone,
            env=self.environment,
            input=step.typed() if step.typed is not None else "",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, f"{step.page}: {step.command}\n{done.stdout[-5000:]}"
        return done.stdout


@pytest.fixture
def newcomer(tmp_path: Path) -> Newcomer:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: nothing to clone")
    # Whoever runs the tests need not own the checkout.
    (tmp_path / "gitconfig").write_text("[safe]\n\tdirectory = *\n")
    clone, home = tmp_path / "asr-attack-transfer", tmp_path / "home"
    subprocess.run(
        ["git", "clone", "--quiet", str(ROOT), str(clone)],
        env=os.environ | {"GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig")},
        check=True,
    )
    home.mkdir()
    stand_in_for_the_installation(clone)
    own = str(Path(sys.prefix) / "bin")
    folders = [folder for folder in os.environ["PATH"].split(os.pathsep) if folder != own]
    # By these, what is left behind is found.
    watched = {name: os.environ[name] for name in ("TESTS", "TMPDIR")}
    return Newcomer(clone, {"HOME": str(home), "PATH": os.pathsep.join(folders), **watched})


def stand_in_for_the_installation(clone: Path) -> None:
    """Make a ``.venv`` that ``envs/install`` takes for installed."""
    (clone / ".venv").mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        (clone / ".venv" / name).symlink_to(Path(sys.prefix) / name)
    sums = [f"{hashlib.sha256((clone / name).read_bytes()).hexdigest()}  {name}" for name in LISTS]
    (clone / ".venv/installed").write_text("\n".join([str(clone), *sums, ""]))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_pages_can_be_followed_from_a_clean_clone(newcomer: Newcomer) -> None:
    outputs = []
    for step in STEPS:
        output = newcomer.type(step)
        outputs.append(output)
        for pattern in step.says:
            assert re.search(pattern, output, re.MULTILINE), f"{step.page}: {step.command}: {pattern}\n{output[-5000:]}"
        assert [name for name in step.makes if not (newcomer.clone / name).exists()] == [], step.command
    assert "Installing" not in "".join(outputs)
    check_verdict(outputs[0])
    # What is generated is as committed, and results are no part of the repository.
    command = ["git", "status", "--porcelain"]
    changed = subprocess.run(command, cwd=newcomer.clone, capture_output=True, text=True, check=True).stdout
    own = ["clips/", "exported/", "heard.csv", "look/", "my-lab/", "my.yaml", "one-adversarial.wav"]
    assert changed.splitlines() == [f"?? {name}" for name in own]


def check_verdict(output: str) -> None:
    """Check that the run ends with the lines of README's verdict; their figures are another study's."""
    printed = re.findall(r"^```text\n(VERDICT.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    [shown] = re.findall(r"^VERDICT.*?(?=^>>> )", output, re.MULTILINE | re.DOTALL)
    assert label_lines(shown) == label_lines(printed[0])


def label_lines(verdict: str) -> list[str]:
    """The first words of a verdict's lines."""
    return [line[:22].strip() for line in verdict.splitlines() if not line.startswith(" ")]
