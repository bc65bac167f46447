"""Documents are short, their commands are understood, their links lead somewhere, and they agree with the code."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import test_newcomer
import test_style
import yaml
from copies import LAB, Repository, read_recipes
from snakemake.cli import get_argument_parser, parse_config

from asrtransfer.report import words

ROOT = Path(__file__).resolve().parents[2]
TEXTS = {
    str(path.relative_to(ROOT)): path.read_text()
    for pattern in ("*.md", "docs/*.md", "config/*.md", "benchmarks/*.md")
    for path in sorted(ROOT.glob(pattern))
}
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LANGUAGES = {"sh", "text", "python", "yaml", "json", "mermaid"}
INLINE = re.compile(
    r"`((?:make|snakemake|pre-commit|scancel|\.ci/run|\.venv/bin/\w+|PYTHONPATH=\S+)(?: [^`]*|(?<=run)))`"
)

RUN_BY = {
    'make study ARGS="--configfile config/smoke.yaml"': "tests/workflow/test_smoke.py::test_every_output_is_there",
    "make study ARGS=transfer_curve": (
        "tests/workflow/test_smoke.py::test_transfer_falls_along_the_curve_to_a_stranger"
    ),
    "make study ARGS=power": (
        "tests/workflow/test_command_line.py::test_what_claims_can_decide_is_shown_and_nothing_is_made"
    ),
    'make study ARGS="power --configfile my.yaml"': (
        "tests/workflow/test_command_line.py::test_what_claims_can_decide_is_shown_and_nothing_is_made"
    ),
    "snakemake --cores 1 --configfile config/paper.yaml -- power": (
        "tests/workflow/test_command_line.py::test_what_claims_can_decide_is_shown_and_nothing_is_made"
    ),
    "make study ARGS=--cache": "tests/workflow/test_mishaps.py::test_a_second_checkout_trains_nothing",
    "make study ARGS=keys": "tests/workflow/test_extensions.py::test_keys_of_the_users_sections_are_shown",
    'make study ARGS="keys --configfile my.yaml"': (
        "tests/workflow/test_extensions.py::test_keys_of_the_users_sections_are_shown"
    ),
    f'make study ARGS="--configfile config/smoke.yaml {LAB}/mim.yaml"': (
        "tests/workflow/test_extensions.py::test_the_attack_has_rows_in_every_table"
    ),
    "snakemake --unlock": (
        "tests/workflow/test_kills.py::test_a_study_killed_in_training_attack_and_transcription_ends_the_same"
    ),
    "snakemake --profile slurm --configfile config/smoke.yaml": (
        "tests/cluster/test_faults.py::test_everything_that_goes_wrong"
    ),
    "snakemake --cores all --config device=cuda selection='{utterances: 5}' attacks='{pgd: null}'": (
        "tests/workflow/test_command_line.py::test_keys_of_sections_can_be_set_in_the_command"
    ),
    "PYTHONPATH=workflow/scripts python -m study.document": (
        "tests/unit/test_document.py::test_readme_is_what_the_code_says"
    ),
    ".venv/bin/python tests/cluster/local_slurm.py bash": (
        "tests/cluster/test_local_slurm.py::test_without_root_what_is_missing_is_named"
    ),
    'make test ARGS="tests/test_style.py"': "tests/test_style.py::test_tool_finds_nothing",
    "snakemake --report engine.html": (
        "tests/workflow/test_deployment.py::"
        "test_the_report_of_the_engine_holds_tables_and_figures_with_captions_by_category"
    ),
    "snakedeploy deploy-workflow https://github.com/<owner>/asr-attack-transfer my-study --tag <tag> --name transfer": (
        "tests/workflow/test_deployment.py::test_snakedeploy_deploys_a_tag"
    ),
    "PYTHONPATH=workflow/scripts .venv/bin/python": "tests/unit/test_python.py::test_the_first_block_makes_a_sample",
    "PYTHONPATH=workflow/scripts .venv/bin/python -m asrtransfer.quick look "
    "a=results/models/seed-1/weights.safetensors "
    'b=results/models/seed-2/weights.safetensors --attack pgd --phrase "open the door" --folder clips --count 5': (
        "tests/unit/test_quick.py::test_the_command_line"
    ),
    "PYTHONPATH=workflow/scripts .venv/bin/python -m asrtransfer.quick hear "
    "a=results/models/seed-1/weights.safetensors "
    "b=results/models/seed-2/weights.safetensors --files clips one-adversarial.wav "
    '--phrase "open the door" --out heard.csv': "tests/unit/test_listening.py::test_the_command_line",
    "PYTHONPATH=workflow/scripts .venv/bin/python -m asrtransfer.audit results": (
        "tests/workflow/test_audit.py::test_a_finished_study_passes"
    ),
    "PYTHONPATH=workflow/scripts .venv/bin/python -m asrtransfer.quick export results exported": (
        "tests/workflow/test_exporting.py::test_samples_become_files_that_other_programs_open"
    ),
}
"""Commands that a test runs, with that test. What it runs may be smaller; the command itself is planned below."""

PLANNED = "takes too long for a test; planned below"
OF_TESTS = "runs the tests, of which this is one"
BENCHMARK = "measures: run by hand on a machine that does nothing else"
PAPER = "takes GPUs and days; planned below"
LOCAL = "changes the shell, or this checkout"
BUILD = "builds for minutes; .ci/run does, before the tests"
CONTAINER = "needs a container's engine; tests/unit/test_containers.py reads the recipes"
NOT_RUN = {
    **{
        f"make install EXTRAS={extra}": "installs; the packages of the tests hold it, and have the same pins"
        for extra in ("pocketsphinx", "transformers", "whisper")
    },
    "cd my-study": "changes the shell",
    "make ctcdecode": BUILD,
    "make study ARGS=\"--config 'decoder={backend: ctcdecode}'\"": (
        "takes too long; tests/workflow/test_ctcdecode_study.py runs the smoke study so"
    ),
    "snakemake --cores all --sdm conda": "needs conda",
    "snakemake --profile profiles/slurm": "as --profile slurm",
    "docker build --tag asr-attack-transfer --file containers/Dockerfile .": CONTAINER,
    'docker run --rm --gpus all --user "$(id -u):$(id -g)" --volume "$PWD:/study" asr-attack-transfer --cores all': (
        CONTAINER
    ),
    "apptainer build asr-attack-transfer.sif containers/Apptainer.def": CONTAINER,
    "apptainer run --nv asr-attack-transfer.sif --cores all": CONTAINER,
    "make study": PLANNED,
    'make study ARGS="--configfile my.yaml"': PLANNED,
    'make study ARGS="--configfile config/ladder.yaml"': PLANNED,
    'make study ARGS="--configfile config/strong.yaml"': PLANNED,
    'make study ARGS="--configfile config/dose.yaml"': PLANNED,
    'make study ARGS="--configfile config/families.yaml"': PLANNED,
    'make study ARGS="--configfile config/factors.yaml"': PLANNED,
    'make study ARGS="--configfile config/digits.yaml '
    "--config corpus='{manifest: {path: PATH/manifest.csv}}'\"": PLANNED,
    "snakemake --cores all": PLANNED,
    "snakemake --cores 16 --resources gpu=4": "needs GPUs; planned below",
    "snakemake --cores all --configfile config/digits.yaml "
    "--config corpus='{manifest: {path: my-digits/manifest.csv}}'": PLANNED,
    "snakemake --profile slurm --configfile config/paper.yaml": PAPER,
    "snakemake --profile slurm --configfile config/paper.yaml -- plan": PAPER,
    "snakemake --profile slurm --configfile config/paper.yaml -- calibrate": PAPER,
    "snakemake --cores 1 --configfile config/paper.yaml -- calibrate": "takes minutes; planned below",
    "snakemake --cores 32 --resources gpu=8 --configfile config/paper.yaml": PAPER,
    "snakemake --cores 32 --resources gpu=8 --configfile config/paper.yaml --config "
    '"families={deepspeech: {training: {batch: 6, accumulate: 4, gpus: 4}}}"': PAPER,
    "snakemake --cores 1 --configfile config/paper.yaml -- results-paper/models/seed-1/card.json": PAPER,
    "snakemake --cores 1 --configfile config/paper.yaml -- results-paper/corpus/train.parquet": (
        "downloads 60 GB; planned below"
    ),
    "snakemake --cores 1 --configfile config/paper.yaml -- results-paper/corpus/train.parquet "
    "results-paper/language-model/words.arpa": "downloads 60 GB; planned below",
    "scancel --name $(cat .snakemake/slurm-runs/results-paper.run)": "needs a killed run on Slurm",
    "make test": OF_TESTS,
    "make test ARGS='-m \"\"'": OF_TESTS,
    'make test ARGS="-m slow"': OF_TESTS,
    'make test ARGS="-m browser"': OF_TESTS,
    'make test ARGS="-m cluster"': OF_TESTS,
    'make test ARGS="-m pretrained"': OF_TESTS,
    ".ci/run": OF_TESTS,
    "make conformance FILE=mine.py": "the file is the reader's",
    "make lock": "asks the package registry",
    "make audit": "asks the package registry",
    "pre-commit install": LOCAL,
    "export SNAKEMAKE_OUTPUT_CACHE=/some/folder": LOCAL,
    "$EDITOR profiles/slurm/profile.yaml": "a person edits",
    "make benchmark": BENCHMARK,
    "make benchmark ARGS=\"--results results --surrogate seed-1 --phrase 'open the door' --iterations 300\"": BENCHMARK,
    ".venv/bin/python benchmarks/certify.py --results results --surrogate seed-1 --remote seed-2": BENCHMARK,
    ".venv/bin/python benchmarks/profile_iteration.py --checkout . --results results": BENCHMARK,
    ".venv/bin/python benchmarks/listing.py": BENCHMARK,
    "PYTHONPATH=workflow/scripts:tests .venv/bin/python tests/workflow/failing_disks.py 50": "takes half an hour",
    ".venv/bin/python benchmarks/input_pipeline.py --library folder-that-contains-LibriSpeech": BENCHMARK,
    ".venv/bin/python benchmarks/input_pipeline.py --device cuda --units 2048": BENCHMARK,
    ".venv/bin/python benchmarks/decoding.py 100": BENCHMARK,
    ".venv/bin/python benchmarks/decoding_processes.py 1 2 4 8": BENCHMARK,
}
"""Commands that no test runs, with the reason."""
WALKED = {step.command for step in test_newcomer.STEPS}
"""Commands that ``tests/workflow/test_newcomer.py`` types in a clean clone."""


def commands(text: str) -> Iterator[str]:
    """Every command of a document, in a block or within a line, without its comment."""
    for language, block in FENCED.findall(text):
        lines = block.splitlines() if language == "sh" else []
        yield from (line for line in (re.sub(r"\s+#.*", "", line) for line in lines) if line)
    yield from INLINE.findall(FENCED.sub("", text))


COMMANDS = list(dict.fromkeys(command for text in TEXTS.values() for command in commands(text)))


def snakemake_arguments(command: str) -> list[str] | None:
    """What a command hands to Snakemake; None if it plans no study."""
    program, *given = shlex.split(command) if "$" not in command else [command]
    if program == "make" and given[:1] == ["study"]:
        given = ["--cores", "all", *shlex.split(" ".join(given[1:]).removeprefix("ARGS="))]
    elif program != "snakemake" or "--unlock" in given:
        return None
    return given


class Study(NamedTuple):
    """What a command takes its study from: the same for two commands if they differ in cores, profile or targets."""

    config: str
    files: tuple[str, ...]


def parse(given: list[str]) -> tuple[Study, list[str]]:
    """The study that arguments of Snakemake are about, and what they ask of it."""
    parsed = get_argument_parser().parse_args(given)
    study = Study(json.dumps(parse_config(parsed.config)), tuple(map(str, parsed.configfile or [])))
    return study, list(parsed.targets) or ["all"]


ASKED = {command: parse(given) for command in COMMANDS if (given := snakemake_arguments(command)) is not None}


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A copy in which a reader has made the files that documents name."""
    copy = Repository.copy(tmp_path_factory.mktemp("reader") / "repository")
    own = {"my.yaml": "selection: {utterances: 5}\n", "PATH/manifest.csv": "", "my-digits/manifest.csv": ""}
    for name, text in {**own, **read_recipes()}.items():
        (copy.path / name).parent.mkdir(exist_ok=True)
        (copy.path / name).write_text(text)
    return copy


def test_every_command_is_run_or_says_why_not() -> None:
    assert len(COMMANDS) > 40
    known = RUN_BY.keys() | NOT_RUN.keys() | WALKED
    assert set(COMMANDS) - known == set(), "add them to RUN_BY, to NOT_RUN or to the steps of test_newcomer.py"
    assert known - set(COMMANDS) == set(), "no document has these commands"
    assert NOT_RUN.keys() & (RUN_BY.keys() | WALKED) == set()
    assert {command for command, reason in NOT_RUN.items() if "planned" in reason} <= ASKED.keys()


@pytest.mark.parametrize("step", test_newcomer.STEPS, ids=lambda step: f"{step.page}: {step.command}")
def test_the_newcomer_types_what_the_page_says(step: test_newcomer.Step) -> None:
    assert step.command in commands(TEXTS[step.page])


@pytest.mark.parametrize("command", RUN_BY)
def test_the_test_that_runs_a_command_exists(command: str) -> None:
    path, _, name = RUN_BY[command].partition("::")
    assert f"\ndef {name}(" in (ROOT / path).read_text()


@pytest.mark.parametrize(
    "study",
    [
        # The default study has no files; test_jobs plans the small ones of the others, too.
        pytest.param(one, marks=[pytest.mark.slow] * bool(one.files))
        for one in dict.fromkeys(s for s, _ in ASKED.values())
    ],
    ids=lambda study: " ".join(study.files),
)
def test_commands_of_snakemake_can_be_planned(reader: Repository, study: Study) -> None:
    targets = {target for one, asked in ASKED.values() if one == study for target in asked}
    plan = reader.plan(json.loads(study.config), study.files, targets)
    # Rules that only show something have no files.
    assert plan.outputs or targets <= {"plan", "power", "keys"}
    assert {job.split()[0] for job in plan.jobs} >= {target for target in targets if "/" not in target} - {"all"}


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("make ")])
def test_a_command_of_make_is_understood(command: str) -> None:
    shown = make("--dry-run", *shlex.split(command)[1:])
    if command.startswith("make study"):
        [arguments] = shlex.split(command)[2:] or ["ARGS="]
        assert f"snakemake --cores all {arguments.removeprefix('ARGS=')}".strip() in shown


def test_make_help_lists_the_targets() -> None:
    targets = set(re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[0].split())
    assert set(re.findall(r"make (\w+)", make("help"))) == targets - {"help"}


def make(*arguments: str) -> str:
    """What a command of make prints, whoever started the tests."""
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "ARGS")}
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout


def test_readme_is_read_in_a_few_minutes() -> None:
    assert len(TEXTS["README.md"].split()) < 900


@pytest.mark.parametrize("name", TEXTS)
def test_blocks_have_a_language(name: str) -> None:
    """So that no command escapes the tests above."""
    assert {language for language, _ in FENCED.findall(TEXTS[name])} <= LANGUAGES
    assert [line for line in FENCED.sub("", TEXTS[name]).splitlines() if line.startswith(("    ", "\t", "```"))] == []


@pytest.mark.parametrize("name", TEXTS)
def test_links_lead_somewhere(name: str) -> None:
    missing = []
    for link in re.findall(r"\]\(([^)\s]+)\)", FENCED.sub("", TEXTS[name])):
        path, _, anchor = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        if link.startswith(("https://", "mailto:")):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
            missing.append(link)
    assert missing == []


def anchors(text: str) -> set[str]:
    """The names that GitHub gives to headings."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", TEXTS)
def test_files_that_are_named_exist(name: str) -> None:
    folders = "benchmarks|config|docs|envs|profiles|tests|workflow"
    named = re.findall(rf"(?<![\w/-])((?:{folders})/[\w/.-]+\.\w+)", TEXTS[name])
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_index_lists_every_document() -> None:
    listed = set(re.findall(r"\]\(([\w-]+\.md)\)", TEXTS["docs/README.md"]))
    assert listed == {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}


def test_the_drawn_graph_is_that_of_the_rules(repository_graph: set[tuple[str, str]]) -> None:
    [diagram] = [block for language, block in FENCED.findall(TEXTS["README.md"]) if language == "mermaid"]
    drawn = set(re.findall(r"^ +(\w+) -->? ?(?:[\w ]+ -->)? ?(\w+)$", diagram, re.MULTILINE))
    assert len(drawn) == len(diagram.splitlines()) - 1
    assert drawn <= repository_graph
    # An edge may be left out only where a path leads the same way.
    assert closure(drawn) == closure(repository_graph)


@pytest.fixture(scope="module")
def repository_graph(reader: Repository) -> set[tuple[str, str]]:
    """Pairs of rules of the default study, of which the second waits for the first."""
    graph = reader.snakemake("--cores", "1", "--quiet", "--rulegraph").stdout
    names = dict(re.findall(r'(\d+)\[label = "(\w+)"', graph))
    edges = {(names[first], names[second]) for first, second in re.findall(r"(\d+) -> (\d+)", graph)}
    return {edge for edge in edges if "all" not in edge}


def closure(edges: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """All pairs that a path connects."""
    found = set(edges)
    while more := {(a, d) for a, b in found for c, d in found if b == c} - found:
        found |= more
    return found


def test_the_glossary_has_every_arm() -> None:
    arms = TEXTS["docs/glossary.md"].partition("## Arms")[2]
    assert set(re.findall(r"^\| `(\w+)` \|", arms, re.MULTILINE)) == words.ARMS.keys()


def test_the_citation_can_be_cited() -> None:
    """The fields that the Citation File Format 1.2.0 demands, and the version of the code."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["cff-version"] == "1.2.0"
    assert all(isinstance(citation[field], str) and citation[field] for field in ("message", "title", "version"))
    assert citation["type"] == "software"
    assert citation["license"] == "MIT"
    assert citation["authors"] and all("name" in author or "family-names" in author for author in citation["authors"])
    for reference in citation["references"]:
        assert {"type", "title", "authors"} <= reference.keys()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert citation["version"] == project["version"]


def test_the_changelog_has_the_version() -> None:
    versions = re.findall(r"^## \[(.+)\](?: - (\d{4}-\d\d-\d\d))?$", TEXTS["CHANGELOG.md"], re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert versions[0] == ("Unreleased", "")
    assert versions[1][0] == project["version"]
    assert all(date for _, date in versions[1:])
    kinds = set(re.findall(r"^### (.+)$", TEXTS["CHANGELOG.md"], re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_hooks_are_the_tools_of_the_style_tests() -> None:
    [parameters] = [mark.args[1] for mark in test_style.test_tool_finds_nothing.pytestmark]
    tools = {parameter.id: " ".join(parameter.values[0]) for parameter in parameters}
    [repository] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"
    hooks = {hook["id"]: hook["entry"].removeprefix(".venv/bin/") for hook in repository["hooks"]}
    # The linter reads no file of its own choice: it starts Snakemake.
    assert hooks == {name: command for name, command in tools.items() if name != "snakemake-lint"}
    assert {hook["language"] for hook in repository["hooks"]} == {"system"}


def test_the_workflow_on_github_runs_what_every_change_must_pass() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    [job] = workflow["jobs"].values()
    assert job["steps"][-1] == {"run": ".ci/run"}
    assert os.access(ROOT / ".ci/run", os.X_OK)
