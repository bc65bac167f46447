"""A copy of the repository in which a study can be planned in process, or run for real."""

from __future__ import annotations

import gc
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from snakemake.api import SnakemakeApi
from snakemake.settings.enums import RerunTrigger
from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, ResourceSettings

import study.tables  # noqa: F401, before a copy's Snakefile finds its own
from asrtransfer.attacks import cw, pgd  # noqa: F401, as above
from asrtransfer.recognisers import deepspeech  # noqa: F401, as above

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("Snakefile", "config", "envs", "profiles", "slurm", "workflow")
SNAKEFILE = "workflow/Snakefile"
SMOKE = "config/smoke.yaml"
RESULTS = "results-smoke"
LAB = "my-lab"
EXTENDED = f"{LAB}/extended.yaml"
"""Laid over the smoke study: the attack and the recogniser of docs/extending.md, and a surrogate of two models."""


@dataclass(frozen=True)
class Plan:
    """The jobs of a study, each as its rule and wildcards.

    Attributes:
        jobs: all of them.
        needed: those that would run.
        first: rules of those that would run for their own sake, and not for a job before them.
        outputs: files of all.
        kept: files of those that would not run.
    """

    jobs: set[str]
    needed: set[str]
    first: set[str]
    outputs: set[Path]
    kept: set[Path]

    def counts(self) -> dict[str, int]:
        """Number of jobs by rule."""
        return Counter(job.split()[0] for job in self.jobs)


@dataclass(frozen=True)
class Repository:
    """A copy of what a study needs."""

    path: Path

    @classmethod
    def copy(cls, path: Path, source: Path = ROOT) -> Repository:
        """Copy the repository, or a copy of it with all that has been made there."""
        if source == ROOT:
            ignore = shutil.ignore_patterns("__pycache__", ".mypy_cache")
            for part in PARTS:
                if (source / part).is_dir():
                    shutil.copytree(source / part, path / part, ignore=ignore)
                else:
                    path.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(source / part, path / part)
        else:
            shutil.copytree(source, path, symlinks=True)
        return cls(path)

    def plan(
        self,
        config: Mapping[str, Any] | None = None,
        configfiles: Sequence[str] = (),
        targets: Sequence[str] = (),
        cores: int = 1,
        incomplete: bool = False,
    ) -> Plan:
        """What ``snakemake -n`` would do, with the default profile's triggers; a tenth of a second a call.

        What an interrupted run left ``incomplete`` is refused, or planned again.
        """
        profile = yaml.safe_load((self.path / "profiles/default/profile.yaml").read_text())
        triggers = frozenset(RerunTrigger.parse_choice(name) for name in profile["rerun-triggers"])
        with SnakemakeApi(OutputSettings()) as api, _unchanged(sys.path):
            workflow = api.workflow(
                ResourceSettings(cores=cores),
                ConfigSettings(config or {}, configfiles=[self.path / name for name in configfiles]),
                snakefile=self.path / SNAKEFILE,
                workdir=self.path,
            )
            settings = DAGSettings(targets=set(targets), rerun_triggers=triggers, force_incomplete=incomplete)
            dag = workflow.dag(settings)
            dag.execute_workflow(executor="dryrun")
            graph = workflow._workflow.dag
            jobs = [job for job in graph.jobs if job.rule.name != "all"]
            needed = {job for job in jobs if graph.finished(job)}
            return Plan(
                {_name(job) for job in jobs},
                {_name(job) for job in needed},
                {job.rule.name for job in needed if not needed & set(graph.dependencies[job])},
                {self.path / file for job in jobs for file in job.output},
                {self.path / file for job in jobs if job not in needed for file in job.output},
            )

    def snakemake(self, *arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run Snakemake as a user does; standard error is in stdout."""
        result = subprocess.run(
            [sys.executable, "-m", "snakemake", *map(str, arguments)],
            cwd=self.path,
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": ""},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert not check or result.returncode == 0, result.stdout[-5000:]
        # One that fails may have met the lock of another run.
        assert result.returncode or not any(self.path.glob(".snakemake/locks/*")), "a lock is left"
        return result

    def remove_others(self, configfiles: Sequence[str]) -> None:
        """Remove what jobs of another study have made here, so that a study has the files that it has alone."""
        outputs = self.plan(configfiles=configfiles).outputs
        for folder in ("attacks", "clean", "models", "near-targets", "transcripts"):
            for path in (self.path / RESULTS / folder).rglob("*"):
                if path.is_file() and not outputs & {path, *path.parents}:
                    path.unlink()

    @contextmanager
    def edited(self, name: str, edit: Callable[[str], str]) -> Iterator[None]:
        """Change the text of a file for a while."""
        path = self.path / name
        text, status = path.read_text(), path.stat()
        assert edit(text) != text, f"{name} stays as it is"
        path.write_text(edit(text))
        try:
            yield
        finally:
            path.write_text(text)
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def read_recipes() -> dict[str, str]:
    """The files that docs/extending.md says to save, by path: the text of the page itself."""
    page = (ROOT / "docs/extending.md").read_text()
    pattern = rf"`({LAB}/[a-z_]+\.(?:py|yaml))`(?:[^`]|`(?!``))*?\n```(?:python|yaml)\n(.*?)```"
    return dict(re.findall(pattern, page, re.DOTALL))


def add_extensions(folder: Path) -> None:
    """Save the page's attack and recogniser where a study runs, and a configuration that uses them."""
    recipes = read_recipes()
    (folder / LAB).mkdir()
    for name in (f"{LAB}/mim.py", f"{LAB}/loudness.py"):
        (folder / name).write_text(recipes[name])
    content: dict[str, Any] = {"surrogates": ["seed-1", ["seed-1", "seed-2"]]}
    for name in (f"{LAB}/mim.yaml", f"{LAB}/loudness.yaml"):
        content |= yaml.safe_load(recipes[name])
    # The smoke study itself has near targets, and these studies are run by many tests.
    content["attacks"]["cw"] = {"ranks": []}
    (folder / EXTENDED).write_text(yaml.safe_dump(content))


@contextmanager
def _unchanged(entries: list[str]) -> Iterator[None]:
    """Give a list back as it was: a Snakefile puts its folder first on the search path, and freezes what there is."""
    before = list(entries)
    try:
        yield
    finally:
        entries[:] = before
        gc.unfreeze()


def _name(job: Any) -> str:
    return " ".join([job.rule.name, *(str(value) for value in job.wildcards_dict.values())])


@dataclass(frozen=True)
class Finished(Repository):
    """A copy in which the smoke study has been run; ``output`` is what the terminal showed."""

    output: str

    @classmethod
    def smoke(cls, path: Path) -> Finished:
        """Run the smoke study."""
        output = Repository.copy(path).snakemake("--cores", "2", "--configfile", SMOKE).stdout
        (path / "output.txt").write_text(output)
        return cls(path, output)

    @classmethod
    def extended(cls, path: Path, smoke: Finished) -> Finished:
        """Run what the extensions add to a finished smoke study."""
        copy = Repository.copy(path, smoke.path)
        add_extensions(path)
        copy.remove_others([SMOKE, EXTENDED])
        output = copy.snakemake("--cores", "2", "--configfile", SMOKE, EXTENDED).stdout
        (path / "output.txt").write_text(output)
        return cls(path, output)
