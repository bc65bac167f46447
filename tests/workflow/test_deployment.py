"""The workflow as others use it: imported from a folder or from git, deployed, reported on, in an image."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from copies import RESULTS, ROOT, SMOKE, SNAKEFILE, Finished, Repository

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed"),
]
HOSTED = f'"someone/asr-attack-transfer", path="{SNAKEFILE}"'
SOURCES = {
    "folder": f'"{{copy}}/{SNAKEFILE}"',
    "tag on GitHub": f'github({HOSTED}, tag="v1.2.3")',
    "branch on GitHub": f'github({HOSTED}, branch="released")',
    "tag on GitLab": f'gitlab({HOSTED}, tag="v1.2.3")',
    "tag of a clone": f'gitfile("{{clone}}", path="{SNAKEFILE}", tag="v1.2.3")',
    "address of a clone": f'"git+file://{{clone}}/{SNAKEFILE}@v1.2.3"',
}


def git(folder: Path, *arguments: str) -> None:
    names = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *names, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git repository with this workflow under a tag and a branch, and without its packages since."""
    path = tmp_path_factory.mktemp("hosts") / "someone" / "asr-attack-transfer"
    Repository.copy(path)
    git(path, "init", "--quiet")
    git(path, "add", "--all")
    git(path, "commit", "--quiet", "--message", "first")
    git(path, "tag", "--annotate", "v1.2.3", "--message", "first")
    git(path, "branch", "released")
    git(path, "rm", "--quiet", "-r", "workflow/scripts")
    git(path, "commit", "--quiet", "--message", "second")
    return path


@pytest.fixture(scope="module", autouse=True)
def hosts(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """GitHub and GitLab are folders of this machine, and Snakemake's cache is empty."""
    folder = f"url.file://{clone.parents[1]}/.insteadOf"
    settings = {"0": "https://github.com/", "1": "https://gitlab.com/"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        patch.setenv("GIT_CONFIG_COUNT", str(len(settings)))
        for number, address in settings.items():
            patch.setenv(f"GIT_CONFIG_KEY_{number}", folder)
            patch.setenv(f"GIT_CONFIG_VALUE_{number}", address)
        yield


def module(source: str, *lines: str, name: str = "transfer") -> str:
    """Snakemake's words for importing a workflow."""
    return "\n    ".join([f"module {name}:", f"snakefile: {source}", "config: config", *lines]) + "\n"


def importing(path: Path, *parts: str) -> Repository:
    """A folder with a configuration and a workflow that imports this one."""
    shutil.copytree(ROOT / "config", path / "config")
    (path / "Snakefile").write_text("\n".join(['configfile: "config/config.yaml"', *parts]))
    return Repository(path)


def jobs_of(output: str) -> dict[str, int]:
    """Number of jobs by rule, as a dry run shows them."""
    table = output.partition("Job stats:")[2].partition("total")[0]
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}


# One from a folder, one from a host and one from a clone are enough on a workstation.
OTHERS = {"branch on GitHub", "tag on GitLab", "address of a clone"}


@pytest.mark.parametrize(
    "source",
    [pytest.param(source, id=name, marks=[pytest.mark.slow] * (name in OTHERS)) for name, source in SOURCES.items()],
)
def test_another_workflow_imports_this_one(repository: Repository, clone: Path, tmp_path: Path, source: str) -> None:
    source = source.format(copy=repository.path, clone=clone)
    other = importing(tmp_path / "other", module(source), "use rule * from transfer")
    jobs = jobs_of(other.snakemake("-n", "--cores", "1", "--configfile", SMOKE).stdout)
    assert jobs.pop("all") == 1
    assert jobs == repository.plan(configfiles=[SMOKE]).counts()


def test_the_snakefile_of_the_documentation_works(tmp_path: Path) -> None:
    text = (ROOT / "docs/deployment.md").read_text().replace("<owner>", "someone").replace("<tag>", "v1.2.3")
    [snakefile] = re.findall("^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    other = importing(tmp_path / "other")
    (other.path / "Snakefile").write_text(snakefile)
    assert jobs_of(other.snakemake("-n", "--cores", "1", "--configfile", SMOKE).stdout)["attack"] == 7


def test_files_by_their_address_alone_are_refused_in_one_line(clone: Path, tmp_path: Path) -> None:
    git(clone, "worktree", "add", "--quiet", str(tmp_path / "served"), "v1.2.3")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "served"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        source = f'"http://127.0.0.1:{server.server_port}/{SNAKEFILE}"'
        other = importing(tmp_path / "other", module(source), "use rule * from transfer")
        result = other.snakemake("-n", "--cores", "1", check=False)
        server.shutdown()
    assert result.returncode == 1
    assert "name the Snakefile of a local clone, or use github(), gitlab() or gitfile()" in result.stdout
    assert "Traceback" not in result.stdout


def test_rules_get_other_names_and_folders_beside_other_rules(repository: Repository, tmp_path: Path) -> None:
    source = f'"{repository.path}/{SNAKEFILE}"'
    other = importing(
        tmp_path / "other",
        module(source, 'prefix: "first"'),
        module(source, 'pathvars: results="second"', name="again"),
        "use rule * from transfer as transfer_*",
        "use rule * from again as again_*",
        "rule own:",
        f'    input: "first/{RESULTS}/verdict.txt", "second/report.html"',
        '    output: "own.txt"',
        '    shell: "cat {input} > {output}"',
    )
    given = ["-n", "--cores", "1", "--configfile", SMOKE, "--", "own"]
    shown = other.snakemake(*given).stdout
    counts = repository.plan(configfiles=[SMOKE]).counts()
    expected = {f"transfer_{rule}": count for rule, count in counts.items() if rule != "proofread"}
    expected |= {f"again_{rule}": count for rule, count in counts.items() if rule not in ("verdict", "proofread")}
    assert jobs_of(shown) == expected | {"own": 1}
    files = re.findall(r"^    (?:input|output|log|benchmark): (.*)$", shown, re.MULTILINE)
    places = {name.split("/")[0] for line in files for name in line.split(", ")}
    assert places <= {"first", "second", "own.txt", "<TBD>"}

    rates = other.path / "first" / RESULTS / "rates.json"
    rates.parent.mkdir(parents=True)
    rates.write_text("{")
    refused = other.snakemake(*given, check=False)
    assert refused.returncode == 1
    assert f"first/{RESULTS}/rates.json" in refused.stdout


def test_rules_with_other_names_can_share_their_results(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SNAKEMAKE_OUTPUT_CACHE", str(tmp_path))
    source = f'"{repository.path}/{SNAKEFILE}"'
    other = importing(tmp_path / "other", module(source), "use rule * from transfer as transfer_*")
    shown = other.snakemake("-n", "--cores", "1", "--configfile", SMOKE, "--cache", "--", "transfer_corpus").stdout
    assert "benchmark:" not in shown


@pytest.mark.slow
def test_a_job_on_another_machine_finds_the_packages(tmp_path: Path) -> None:
    """A cluster's job parses the workflow anew, with no other trace of the run that submitted it."""
    source = SOURCES["tag on GitHub"]
    other = importing(tmp_path / "other", module(source, 'prefix: "first"'), "use rule * from transfer as transfer_*")
    small = "corpus={synthetic: {train_minutes: 1, dev_utterances: 2, test_utterances: 5}}"
    job = ["--mode", "subprocess", "--target-jobs", "transfer_corpus:", "--allowed-rules", "transfer_corpus"]
    other.snakemake(*job, "--force", "--cores", "1", "--configfile", SMOKE, "--config", small)
    assert (other.path / "first" / RESULTS / "corpus/train.parquet").stat().st_size > 0


@pytest.mark.parametrize("name", ["folder", "tag on GitHub"])
def test_a_finished_study_is_finished_for_who_imports_the_workflow(
    smoke: Finished, repository: Repository, tmp_path: Path, name: str
) -> None:
    copy = Repository.copy(tmp_path / "copy", smoke.path)
    shutil.rmtree(copy.path / "config")
    importing(copy.path, module(SOURCES[name].format(copy=repository.path)), "use rule * from transfer")
    shown = copy.snakemake("-n", "--cores", "1", "--snakefile", "Snakefile", "--configfile", SMOKE).stdout
    assert "Nothing to be done" in shown


def test_who_imports_the_workflow_can_have_its_last_words(
    smoke: Finished, repository: Repository, tmp_path: Path
) -> None:
    copy = Repository.copy(tmp_path / "copy", smoke.path)
    shutil.rmtree(copy.path / "config")
    importing(
        copy.path,
        module(f'"{repository.path}/{SNAKEFILE}"'),
        "use rule * from transfer as transfer_*",
        "onstart:",
        "    transfer.onstart()",
        "onsuccess:",
        "    transfer.onsuccess()",
    )
    path = copy.path / RESULTS / "verdict.txt"
    verdict = path.read_text()
    path.unlink()
    given = ["--cores", "1", "--snakefile", "Snakefile", "--configfile", SMOKE, "--", str(path.relative_to(copy.path))]
    assert verdict in copy.snakemake(*given).stdout


@pytest.mark.slow
def test_the_report_of_the_engine_holds_tables_and_figures_with_captions_by_category(
    smoke: Finished, tmp_path: Path
) -> None:
    copy = Repository.copy(tmp_path / "copy", smoke.path)
    copy.snakemake("--report", "engine.html", "--configfile", SMOKE)
    page = (copy.path / "engine.html").read_text()
    assert re.findall(r'<(?:script|link|img)\b[^>]*\b(?:src|href)="(?!data:)', page) == []

    def find_variable(name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.JSONDecoder().raw_decode(page.split(f"var {name} = ", 1)[1])[0]
        return found

    shown = {
        category: sorted(name for part in parts.values() for name in part)
        for category, parts in find_variable("categories").items()
    }
    tables = sorted((copy.path / RESULTS / "tables").glob("*.csv"))
    assert shown == {
        "Report": [f"{RESULTS}/{name}" for name in ("audit.html", "report.html", "verdict.txt")],
        "Tables": [f"{RESULTS}/tables/{path.name}" for path in tables],
    }
    results = page.partition('id="results">')[2].partition("var results = ")[2]
    entries = json.JSONDecoder().raw_decode(results)[0]
    for name, entry in entries.items():
        assert re.search(r"<p>\w", entry["caption"]), f"{name} has no caption"
        assert entry["labels"], f"{name} has no label"
        assert base64.b64decode(entry["data_uri"].partition("base64,")[2]) == (copy.path / name).read_bytes()
    assert "<svg" in (copy.path / RESULTS / "report.html").read_text()


def test_snakedeploy_deploys_a_tag(tmp_path: Path) -> None:
    address = "https://github.com/someone/asr-attack-transfer"
    command = [
        Path(sys.executable).with_name("snakedeploy"),
        "deploy-workflow",
        address,
        str(tmp_path / "own"),
        "--tag",
        "v1.2.3",
        "--name",
        "transfer",
    ]
    subprocess.run(command, check=True)
    shown = Repository(tmp_path / "own").snakemake("-n", "--cores", "1", "--configfile", SMOKE).stdout
    assert jobs_of(shown)["attack"] == 7


def test_the_catalog_finds_what_it_asks_for() -> None:
    entry = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())
    deployment = entry["usage"]["software-stack-deployment"]
    assert deployment == {"conda": True, "apptainer": False, "apptainer+conda": False, "report": True}
    assert (ROOT / SNAKEFILE).is_file()
    assert (ROOT / "config/README.md").is_file()
