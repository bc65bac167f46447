"""What runs again when: each change to a finished study reruns what it concerns, and nothing else."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from copies import EXTENDED, LAB, SMOKE, Finished, Repository

MODELS = ["seed-1", "seed-2", "seed-1.twin", "seed-1.ulp-1"]
CW = {f"attack cw seed-1 {target} {c}" for target in ("go", "rank-2", "rank-3") for c in ("low", "high")}
PGD = {"attack pgd seed-1 go high"}
TRAIN = {f"train {model}" for model in MODELS}
HEAR = {f"hear {model}" for model in MODELS}
TRANSCRIBE = {f"transcribe seed-1 {model}" for model in MODELS}
AFTER = {"tables", "audit", "verdict", "report", "proofread"}
# Which attacks run again follows from the utterances that selection chooses; once it has, Snakemake adds them.
PAGES = {"report", "verdict", "proofread"}
SELECT = {"select", *PAGES}
AFTER_TRAINING = HEAR | SELECT | CW | PGD | TRANSCRIBE | AFTER
EVERYTHING = {"corpus"} | TRAIN | AFTER_TRAINING

# The first test waits for the study to run.
pytestmark = pytest.mark.timeout(1800)
LIBRARY = "workflow/scripts/asrtransfer"


def cw(**keys: Any) -> dict[str, Any]:
    return {"attacks": {"cw": keys}}


CHANGES: dict[str, tuple[Mapping[str, Any], set[str]]] = {
    "nothing": ({}, set()),
    # What is added takes utterances from the others: these are dealt out.
    "phrase added": (
        cw(phrases=["go", "no"]),
        {f"attack cw seed-1 {phrase} {c}" for phrase in ("go", "no") for c in ("low", "high")} | TRANSCRIBE | AFTER,
    ),
    "phrase added to PGD": (
        {"attacks": {"pgd": {"phrases": ["go", "no"]}}},
        PGD | {"attack pgd seed-1 no high"} | TRANSCRIBE | AFTER,
    ),
    "rank added": (
        cw(ranks=[2, 3, 10]),
        {"attack cw seed-1 rank-10 low", "attack cw seed-1 rank-10 high"} | TRANSCRIBE | AFTER,
    ),
    "words changed": (
        cw(words=[1]),
        {"attack cw seed-1 words-1 low", "attack cw seed-1 words-1 high"} | TRANSCRIBE | AFTER,
    ),
    "surrogate added": (
        {"surrogates": ["seed-1", "seed-2"]},
        {job.replace("seed-1", name, 1) for job in CW | PGD | TRANSCRIBE for name in ("seed-1", "seed-2")} | AFTER,
    ),
    "phrase removed": (cw(phrases=[]), TRANSCRIBE | AFTER),
    "regime removed": (cw(confidences={"low": {"threshold": None}}), TRANSCRIBE | AFTER),
    "attack removed": ({"attacks": {"pgd": None}}, TRANSCRIBE | AFTER),
    "seed added": (
        {"models": [*MODELS, "seed-3"]},
        {"train seed-3", "hear seed-3", "transcribe seed-1 seed-3"} | SELECT | AFTER,
    ),
    "seed added as a surrogate": (
        {"models": [*MODELS, "seed-3"], "surrogates": ["seed-1", "seed-3"]},
        {"train seed-3", "hear seed-3"}
        | {job.replace("seed-1", "seed-3", 1) for job in CW | PGD | TRANSCRIBE}
        | {"transcribe seed-1 seed-3", "transcribe seed-3 seed-1", "transcribe seed-3 seed-3"}
        | SELECT
        | AFTER,
    ),
    "arm added": (
        {"models": [*MODELS, "seed-1.ulp-2"]},
        {"train seed-1.ulp-2", "hear seed-1.ulp-2", "transcribe seed-1 seed-1.ulp-2"} | SELECT | AFTER,
    ),
    "rung added": (
        {"models": [*MODELS, "seed-2.shares-2-of-1", "seed-1.tuned-1"]},
        {
            f"{rule} {name}"
            for name in ("seed-2.shares-2-of-1", "seed-1.tuned-1")
            for rule in ("train", "hear", "transcribe seed-1")
        }
        | SELECT
        | AFTER,
    ),
    "part of the data added": (
        {"models": [*MODELS, "seed-1.data-1"]},
        {"train seed-1.data-1", "hear seed-1.data-1", "transcribe seed-1 seed-1.data-1"} | SELECT | AFTER,
    ),
    "how many parts": ({"families": {"deepspeech": {"parts": 3}}}, set()),
    "judge": ({"attacks": {"pgd": {"judge": "seed-2"}}}, PGD | TRANSCRIBE | AFTER),
    "how arms are tuned": ({"families": {"deepspeech": {"tuning": {"learning_rate": 1e-4}}}}, set()),
    "model removed": ({"models": MODELS[:3]}, SELECT),
    "remotes chosen": ({"remotes": ["seed-2"]}, AFTER),
    "C&W iterations": (cw(iterations=90), CW | TRANSCRIBE | AFTER),
    "C&W bound": (cw(bound=1500), CW | TRANSCRIBE | AFTER),
    "PGD bound": ({"attacks": {"pgd": {"bound": 0.06}}}, PGD | TRANSCRIBE | AFTER),
    "threshold": (cw(threshold=0.8), {job for job in CW if job.endswith("high")} | TRANSCRIBE | AFTER),
    "decoder beam": ({"decoder": {"beam": 50}}, HEAR | SELECT | AFTER),
    "selection seed": ({"selection": {"seed": 1}}, SELECT),
    "training epochs": (
        {"families": {"deepspeech": {"training": {"epochs": 17}}}},
        TRAIN | AFTER_TRAINING,
    ),
    "ensemble added": (
        {"surrogates": ["seed-1", ["seed-1", "seed-2"]]},
        {job.replace("seed-1", name, 1) for job in CW | PGD | TRANSCRIBE for name in ("seed-1", "seed-1+seed-2")}
        | AFTER,
    ),
    "epochs of the transfer curve": ({"neighbours": {"epochs": 2}}, set()),
    "shares of the transfer curve": ({"neighbours": {"shares": [0.5]}}, set()),
    "limit on code of the user's": ({"time_limit": 5}, set()),
    "corpus seed": ({"corpus": {"synthetic": {"seed": 2}}}, EVERYTHING),
    "resamples": ({"statistics": {"resamples": 300}}, AFTER),
    "threads": ({"threads": 2}, EVERYTHING - {"corpus"}),
    "another folder": ({"results": "results-other"}, EVERYTHING),
    "a whole number for a decimal one": (cw(bound=2000), set()),
    "a default written out": ({"decoder": {"beam": 100, "alpha": 0.75}}, set()),
    "a number as text": ({"decoder": {"beam": "100"}}, set()),
    "a language model's weight, without one": ({"decoder": {"alpha": 0.5}}, set()),
    "another corpus's keys": ({"corpus": {"manifest": {"path": "none.csv"}}}, set()),
}


@pytest.mark.parametrize("change", CHANGES)
def test_change_of_the_configuration(smoke: Finished, change: str) -> None:
    config, expected = CHANGES[change]
    assert smoke.plan(config, [SMOKE]).needed == expected


def appended(text: str) -> Callable[[str], str]:
    return lambda source: f"{source}\n{text}\n"


def replaced(old: str, new: str) -> Callable[[str], str]:
    return lambda source: source.replace(old, new, 1)


CODE = appended("EDITED = 1")
REMARK = appended("# A remark.")
EDITS: dict[str, tuple[str, Callable[[str], str], set[str]]] = {
    "C&W": (f"{LIBRARY}/attacks/cw/__init__.py", CODE, CW | TRANSCRIBE | AFTER),
    "PGD": (f"{LIBRARY}/attacks/pgd/__init__.py", CODE, PGD | TRANSCRIBE | AFTER),
    "loop of all attacks": (f"{LIBRARY}/attacks/loop.py", CODE, CW | PGD | TRANSCRIBE | AFTER),
    "model": (f"{LIBRARY}/recognisers/deepspeech/network.py", CODE, TRAIN | AFTER_TRAINING),
    "training": (f"{LIBRARY}/recognisers/deepspeech/training.py", CODE, TRAIN | AFTER_TRAINING),
    "decoder": (f"{LIBRARY}/ctc/flashlight.py", CODE, HEAR | SELECT | AFTER),
    "another decoder": (f"{LIBRARY}/ctc/ctcdecode_backend.py", CODE, set()),
    "neighbours": (f"{LIBRARY}/recognisers/deepspeech/neighbours.py", CODE, set()),
    "selection": (f"{LIBRARY}/hearing/selection.py", CODE, SELECT),
    "controls": (f"{LIBRARY}/hearing/controls.py", CODE, TRANSCRIBE | AFTER),
    "corpus": (f"{LIBRARY}/corpora/synthetic.py", CODE, EVERYTHING),
    "a corpus that is not used": (f"{LIBRARY}/corpora/librispeech.py", CODE, set()),
    "statistics": (f"{LIBRARY}/statistics/bootstrap.py", CODE, AFTER),
    "tables": (f"{LIBRARY}/tables/counting.py", CODE, AFTER),
    "verdict": (f"{LIBRARY}/report/verdict.py", CODE, {"verdict", "proofread"}),
    "facts of verdict and report": (f"{LIBRARY}/report/facts.py", CODE, PAGES),
    "figures": (f"{LIBRARY}/report/figures/base.py", CODE, PAGES),
    "style of the report": ("workflow/report/style.css", appended("p { margin: 0; }"), PAGES),
    "text of the report": ("workflow/report/page.html", appended("<!-- x -->"), PAGES),
    "audit": (f"{LIBRARY}/audit/network.py", CODE, {"audit", "verdict", "report", "proofread"}),
    "text of the audit": ("workflow/report/audit.html", appended("<!-- x -->"), PAGES),
    "a script": ("workflow/scripts/attack.py", CODE, CW | PGD | TRANSCRIBE | AFTER),
    "remark in a module": (f"{LIBRARY}/recognisers/deepspeech/network.py", REMARK, set()),
    "docstring of a module": (
        f"{LIBRARY}/recognisers/deepspeech/network.py",
        lambda source: source.replace('"""The network', '"""A network', 1),
        set(),
    ),
    "remark in a script": ("workflow/scripts/train.py", REMARK, set()),
    "line of a script's progress": (
        "workflow/scripts/attack.py",
        replaced("utterances reached the target", "utterances got there"),
        set(),
    ),
    "how often progress is told": (
        "workflow/scripts/job.py",
        replaced("TERMINAL_INTERVAL = 10.0", "TERMINAL_INTERVAL = 5.0"),
        set(),
    ),
    "log line": (f"{LIBRARY}/machine/compute.py", replaced("utterances in a batch exceed", "utterances exceed"), set()),
    "message of an exception": (
        f"{LIBRARY}/machine/compute.py",
        replaced("its memory is too small", "it has too little memory"),
        set(),
    ),
    "description of a key": (
        f"{LIBRARY}/recognisers/deepspeech/section.py",
        replaced("width of every hidden layer", "width of each hidden layer"),
        set(),
    ),
    "remark in a rule": ("workflow/rules/train.smk", REMARK, set()),
    "meaning of the configuration": ("workflow/scripts/study/config/study.py", CODE, set()),
    "README": ("config/README.md", REMARK, set()),
    "remark in the configuration": (SMOKE, REMARK, set()),
    "requirements": ("envs/requirements.txt", REMARK, set()),
    "profile": ("profiles/default/profile.yaml", appended("printshellcmds: true"), set()),
}


@pytest.mark.parametrize("edit", EDITS)
def test_edit(smoke: Finished, edit: str) -> None:
    name, change, expected = EDITS[edit]
    with smoke.edited(name, change):
        assert smoke.plan(configfiles=[SMOKE]).needed == expected


LISTENER = """
from asrtransfer.recognisers.base import Heard, Recogniser


class Mine(Recogniser):
    identity = "mine"

    def __init__(self, keys, device):
        pass

    def hear(self, utterances):
        return [Heard(["go"]) for _ in utterances]


RECOGNISER = Mine
"""
ATTACK = """
from asrtransfer.attacks.method import Whole
from asrtransfer.attacks.section import AttackSection


class Keys(AttackSection):
    "Changes nothing."


class Mine(Whole):
    label = "Mine"
    section = Keys

    def craft(self, surrogates, audio, phrase, generator):
        return audio


ATTACK = Mine
"""


def test_a_recogniser_that_only_listens_has_no_say_in_what_is_attacked(smoke: Finished, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(LISTENER)
    added = {"models": [*MODELS, "mine"], "families": {"mine": {"use": str(tmp_path / "mine.py")}}}
    assert smoke.plan(added, [SMOKE]).needed == {"describe mine", "hear mine", "transcribe seed-1 mine"} | AFTER


def test_an_attack_of_the_users_runs_by_itself(smoke: Finished, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(ATTACK)
    added = {"attacks": {"mine": {"use": str(tmp_path / "mine.py"), "phrases": ["go"]}}}
    assert smoke.plan(added, [SMOKE]).needed == {"attack mine seed-1 go high"} | TRANSCRIBE | AFTER


SURROGATES = ("seed-1", "seed-1+seed-2")
MIM = {f"attack mim {surrogate} go high" for surrogate in SURROGATES}
LOUDNESS = {f"transcribe {surrogate} loudness" for surrogate in SURROGATES}
ALL_TRANSCRIBE = {f"transcribe {surrogate} {model}" for surrogate in SURROGATES for model in [*MODELS, "loudness"]}
ALL_CW = {f"attack cw {surrogate} go {c}" for surrogate in SURROGATES for c in ("low", "high")}
USERS_EDITS: dict[str, tuple[str, Callable[[str], str], set[str]]] = {
    "attack": (f"{LAB}/mim.py", CODE, MIM | ALL_TRANSCRIBE | AFTER),
    "remark in an attack": (f"{LAB}/mim.py", REMARK, set()),
    "recogniser": (f"{LAB}/loudness.py", CODE, {"describe loudness", "hear loudness"} | LOUDNESS | AFTER),
    "remark in a recogniser": (f"{LAB}/loudness.py", REMARK, set()),
    "attack of this project": (f"{LIBRARY}/attacks/cw/__init__.py", CODE, ALL_CW | ALL_TRANSCRIBE | AFTER),
}


@pytest.mark.slow
@pytest.mark.parametrize("edit", USERS_EDITS)
def test_edit_of_the_users(extended: Finished, edit: str) -> None:
    name, change, expected = USERS_EDITS[edit]
    assert extended.plan(configfiles=[SMOKE, EXTENDED]).needed == set()
    with extended.edited(name, change):
        assert extended.plan(configfiles=[SMOKE, EXTENDED]).needed == expected


CURVE = {"neighbours seed-1", "transfer_curve"}


@pytest.mark.slow
def test_the_transfer_curve_follows_its_keys_and_its_code(curved: Repository) -> None:
    def needed(**neighbours: object) -> set[str]:
        return curved.plan({"neighbours": neighbours}, [SMOKE], ["transfer_curve"]).needed

    assert needed() == set()
    assert needed(epochs=3) == set()
    assert needed(epochs=2) == CURVE
    assert needed(shares=[0.0, 1.0]) == CURVE
    with curved.edited(f"{LIBRARY}/recognisers/deepspeech/neighbours.py", CODE):
        assert needed() == CURVE
        assert curved.plan(configfiles=[SMOKE]).needed == set()


def test_cores_rerun_nothing(smoke: Finished) -> None:
    assert smoke.plan(configfiles=[SMOKE], cores=64).needed == set()


@pytest.mark.parametrize("arguments", [["--workflow-profile", "none"], ["--profile", "own.yaml"]])
def test_another_profile_reruns_nothing(smoke: Finished, arguments: list[str]) -> None:
    (smoke.path / "own.yaml").write_text("cores: 3\nlatency-wait: 1\ndefault-resources:\n  runtime: 5\n")
    result = smoke.snakemake("-n", "--cores", "1", "--configfile", SMOKE, *arguments)
    assert "Nothing to be done" in result.stdout


def test_files_that_are_touched_but_unchanged_rerun_nothing(smoke: Finished) -> None:
    later = time.time() + 60
    files = list((smoke.path / "results-smoke").rglob("*.parquet"))
    files += [*smoke.path.rglob("*.py"), *smoke.path.rglob("*.smk"), *smoke.path.rglob("*.safetensors")]
    before = {path: path.stat() for path in files}
    for path in files:
        os.utime(path, (later, later))
    try:
        assert smoke.plan(configfiles=[SMOKE]).needed == set()
    finally:
        for path, status in before.items():
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_moving_the_repository_reruns_nothing(smoke: Finished, tmp_path: Path) -> None:
    moved = Repository.copy(tmp_path / "elsewhere", smoke.path)
    assert moved.plan(configfiles=[SMOKE]).needed == set()


@pytest.mark.slow
def test_attacks_are_cut_off_where_the_decoder_selects_the_same(smoke: Finished, tmp_path: Path) -> None:
    """Executed: selection chooses the same, so no attack runs, and tables wait for what is heard again."""
    copy = Repository.copy(tmp_path / "copy", smoke.path)

    def times(folder: str) -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in copy.path.glob(f"results-smoke/{folder}/**/*.parquet")}

    attacks, transcripts = times("attacks"), times("transcripts")
    table = "results-smoke/tables/arms.csv"
    copy.snakemake("--cores", "2", table, "--configfile", SMOKE, "--config", "decoder={beam: 50}")
    assert times("attacks") == attacks
    assert all(time > transcripts[path] for path, time in times("transcripts").items())
    assert copy.plan({"decoder": {"beam": 50}}, [SMOKE], [table]).needed == set()


@pytest.mark.slow
def test_a_model_more_and_a_phrase_less(smoke: Finished, tmp_path: Path) -> None:
    """Executed: a model that hears as another does leaves the selection and all attacks as they are, and
    no table knows the phrase any more."""
    copy = Repository.copy(tmp_path / "copy", smoke.path)
    attacks = {path: path.stat().st_mtime_ns for path in copy.path.rglob("results-smoke/attacks/**/*.parquet")}
    (copy.path / "changed.yaml").write_text(
        f"models: {[*MODELS, 'seed-2.twin']}\nattacks: {{cw: {{phrases: []}}, pgd: null}}\n"
    )
    run = ("--cores", "2", "results-smoke/tables/arms.csv", "--configfile", SMOKE, "changed.yaml")
    copy.snakemake(*run)
    assert {path: path.stat().st_mtime_ns for path in attacks} == attacks
    tables = sorted((copy.path / "results-smoke/tables").glob("*.parquet"))
    assert tables
    for path in tables:
        if path.stem == "columns":
            continue
        rows = pd.read_parquet(path)
        for column in ("target", "attack"):
            if column in rows:
                assert not {"go", "pgd"} & set(rows[column]), path
    heard = pd.read_parquet(copy.path / "results-smoke/transcripts/seed-1/seed-2.twin.parquet")
    assert len(heard) > 0
    assert set(heard["target"]) == {"rank-2", "rank-3"}
    assert "Nothing to be done" in copy.snakemake(*run).stdout


def test_a_rerun_of_selection_that_chooses_others_reruns_the_attacks(smoke: Finished, tmp_path: Path) -> None:
    copy = Repository.copy(tmp_path / "copy", smoke.path)
    selected = copy.path / "results-smoke/selected.parquet"
    before = pd.read_parquet(selected)
    changed = {"selection": {"seed": 5, "utterances": 4}}
    target = "results-smoke/selected.parquet"
    given = ["--configfile", SMOKE, "--config", "selection={seed: 5, utterances: 4}"]
    copy.snakemake("--cores", "1", *given, "--", target)
    assert len(pd.read_parquet(selected)) == 4 > len(before)
    assert copy.plan(changed, [SMOKE]).needed == CW | PGD | TRANSCRIBE | AFTER
