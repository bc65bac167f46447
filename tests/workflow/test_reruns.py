"""What runs again when: each change to a finished study reruns what it concerns, and nothing else."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from copies import SMOKE, Finished, Repository

from study import document

MODELS = ["seed-1", "seed-2", "seed-1.twin", "seed-1.ulp-1"]
CW = {f"attack cw seed-1 {target} {c}" for target in ("go", "rank-2", "rank-3") for c in ("low", "high")}
PGD = {"attack pgd seed-1 go high"}
TRAIN = {f"train {model}" for model in MODELS}
HEAR = {f"hear {model}" for model in MODELS}
TRANSCRIBE = {f"transcribe seed-1 {model}" for model in MODELS}
AFTER = {"tables", "verdict", "report"}
# Before selection has run, Snakemake cannot know that it will choose the same utterances.
AFTER_SELECTION = {"select"} | CW | PGD | TRANSCRIBE | AFTER
EVERYTHING = {"corpus"} | TRAIN | HEAR | AFTER_SELECTION

# The first test waits for the study to run.
pytestmark = pytest.mark.timeout(1800)
LIBRARY = "workflow/scripts/asrtransfer"


def cw(**keys: Any) -> dict[str, Any]:
    return {"attacks": {"cw": keys}}


CHANGES: dict[str, tuple[Mapping[str, Any], set[str]]] = {
    "nothing": ({}, set()),
    "phrase added": (
        cw(phrases=["go", "no"]),
        {"attack cw seed-1 no low", "attack cw seed-1 no high"} | TRANSCRIBE | AFTER,
    ),
    "phrase added to PGD": (
        {"attacks": {"pgd": {"phrases": ["go", "no"]}}},
        {"attack pgd seed-1 no high"} | TRANSCRIBE | AFTER,
    ),
    "rank added": (
        cw(ranks=[2, 3, 10]),
        {"attack cw seed-1 rank-10 low", "attack cw seed-1 rank-10 high"} | TRANSCRIBE | AFTER,
    ),
    "surrogate added": (
        {"surrogates": ["seed-1", "seed-2"]},
        {job.replace("seed-1", "seed-2", 1) for job in CW | PGD | TRANSCRIBE} | AFTER,
    ),
    "phrase removed": (cw(phrases=[]), TRANSCRIBE | AFTER),
    "regime removed": (cw(confidences=["low"]), TRANSCRIBE | AFTER),
    "attack removed": ({"attacks": {"pgd": None}}, TRANSCRIBE | AFTER),
    "seed added": (
        {"models": [*MODELS, "seed-3"]},
        {"train seed-3", "hear seed-3", "transcribe seed-1 seed-3"} | AFTER_SELECTION,
    ),
    "seed added as a surrogate": (
        {"models": [*MODELS, "seed-3"], "surrogates": ["seed-1", "seed-3"]},
        {"train seed-3", "hear seed-3"}
        | {job.replace("seed-1", "seed-3", 1) for job in CW | PGD | TRANSCRIBE}
        | {"transcribe seed-1 seed-3", "transcribe seed-3 seed-1", "transcribe seed-3 seed-3"}
        | AFTER_SELECTION,
    ),
    "arm added": (
        {"models": [*MODELS, "seed-1.ulp-2"]},
        {"train seed-1.ulp-2", "hear seed-1.ulp-2", "transcribe seed-1 seed-1.ulp-2"} | AFTER_SELECTION,
    ),
    "model removed": ({"models": MODELS[:3]}, AFTER_SELECTION - {"transcribe seed-1 seed-1.ulp-1"}),
    "remotes chosen": ({"remotes": ["seed-2"]}, AFTER),
    "C&W iterations": (cw(iterations=90), CW | TRANSCRIBE | AFTER),
    "C&W bound": (cw(bound=1500), CW | TRANSCRIBE | AFTER),
    "PGD bound": ({"attacks": {"pgd": {"bound": 0.06}}}, PGD | TRANSCRIBE | AFTER),
    "threshold": (cw(threshold=0.8), {job for job in CW if job.endswith("high")} | TRANSCRIBE | AFTER),
    "decoder beam": ({"decoder": {"beam": 50}}, HEAR | AFTER_SELECTION),
    "selection seed": ({"selection": {"seed": 1}}, AFTER_SELECTION),
    "training epochs": ({"training": {"epochs": 17}}, TRAIN | HEAR | AFTER_SELECTION),
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


CODE = appended("EDITED = 1")
REMARK = appended("# A remark.")
EDITS: dict[str, tuple[str, Callable[[str], str], set[str]]] = {
    "C&W": (f"{LIBRARY}/attacks/cw.py", CODE, CW | TRANSCRIBE | AFTER),
    "PGD": (f"{LIBRARY}/attacks/pgd.py", CODE, PGD | TRANSCRIBE | AFTER),
    "loop of all attacks": (f"{LIBRARY}/attacks/loop.py", CODE, CW | PGD | TRANSCRIBE | AFTER),
    "model": (f"{LIBRARY}/recognisers/deepspeech/network.py", CODE, TRAIN | HEAR | AFTER_SELECTION),
    "training": (f"{LIBRARY}/recognisers/deepspeech/training.py", CODE, TRAIN | HEAR | AFTER_SELECTION),
    "decoder": (f"{LIBRARY}/ctc/flashlight.py", CODE, HEAR | AFTER_SELECTION),
    "selection": (f"{LIBRARY}/hearing/selection.py", CODE, AFTER_SELECTION),
    "controls": (f"{LIBRARY}/hearing/controls.py", CODE, TRANSCRIBE | AFTER),
    "corpus": (f"{LIBRARY}/corpora/synthetic.py", CODE, EVERYTHING),
    "a corpus that is not used": (f"{LIBRARY}/corpora/librispeech.py", CODE, set()),
    "statistics": (f"{LIBRARY}/statistics/bootstrap.py", CODE, AFTER),
    "tables": (f"{LIBRARY}/tables/counting.py", CODE, AFTER),
    "verdict": (f"{LIBRARY}/report/verdict.py", CODE, {"verdict", "report"}),
    "figures": (f"{LIBRARY}/report/figures.py", CODE, {"report"}),
    "style of the report": ("workflow/report/style.css", appended("p { margin: 0; }"), {"report"}),
    "text of the report": ("workflow/report/page.html", appended("<!-- x -->"), {"report"}),
    "a script": ("workflow/scripts/attack.py", CODE, CW | PGD | TRANSCRIBE | AFTER),
    "remark in a module": (f"{LIBRARY}/recognisers/deepspeech/network.py", REMARK, set()),
    "docstring of a module": (
        f"{LIBRARY}/recognisers/deepspeech/network.py",
        lambda source: source.replace('"""The network', '"""A network', 1),
        set(),
    ),
    "remark in a script": ("workflow/scripts/train.py", REMARK, set()),
    "remark in a rule": ("workflow/rules/train.smk", REMARK, set()),
    "meaning of the configuration": ("workflow/scripts/study/config.py", CODE, set()),
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


def test_attacks_are_cut_off_where_the_decoder_selects_the_same(smoke: Finished, tmp_path: Path) -> None:
    """Executed, by touching: when selection has run and its files are as before, no attack runs."""
    copy = Repository.copy(tmp_path / "copy", smoke.path)
    done = copy.plan({"decoder": {"beam": 50}}, [SMOKE], executor="touch").needed
    assert done == HEAR | {"select"} | TRANSCRIBE | AFTER


def test_a_model_more_and_a_phrase_less(smoke: Finished, tmp_path: Path) -> None:
    """Executed in full: a model that hears as another does leaves the selection and all attacks as they are, and
    no table knows the phrase any more."""
    copy = Repository.copy(tmp_path / "copy", smoke.path)
    attacks = {path: path.stat().st_mtime_ns for path in copy.path.rglob("results-smoke/attacks/**/*.parquet")}
    (copy.path / "changed.yaml").write_text(
        f"models: {[*MODELS, 'seed-2.twin']}\nattacks: {{cw: {{phrases: []}}, pgd: null}}\n"
    )
    files = ["--configfile", SMOKE, "changed.yaml"]
    copy.snakemake("--cores", "2", *files)
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
    assert "Nothing to be done" in copy.snakemake("--cores", "1", *files).stdout


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


# A change of every key, and the rules that the table in config/README.md says run first.
VALUES: dict[str, Any] = {
    "results": "results-other",
    "corpus.synthetic.seed": 2,
    "corpus.synthetic.train_minutes": 9,
    "corpus.synthetic.train_voices": 2,
    "corpus.synthetic.held_out_voices": 1,
    "corpus.synthetic.dev_utterances": 6,
    "corpus.synthetic.test_utterances": 61,
    "models": [*MODELS, "seed-3"],
    "surrogates": ["seed-1", "seed-2"],
    "remotes": ["seed-1"],
    "network.units": 97,
    "network.dropout": 0.01,
    "training.epochs": 17,
    "training.batch": 7,
    "training.learning_rate": 0.005,
    "training.order": "length",
    "training.order_seed": 1,
    "training.schedule": "constant",
    "training.clip": 11,
    "training.accumulate": 2,
    "training.precision": "bf16",
    "training.spec_augment.frequency_masks": 1,
    "training.spec_augment.frequency_width": 8,
    "training.spec_augment.time_masks": 1,
    "training.spec_augment.time_width": 40,
    "training.give_up": 0.6,
    "decoder.backend": "ctcdecode",
    "decoder.beam": 101,
    "decoder.certify": True,
    "decoder.alpha": 0.5,
    "decoder.beta": 0.5,
    "decoder.language_model": "config/smoke.yaml",
    "selection.utterances": 2,
    "selection.seed": 1,
    "statistics.confidence_level": 0.9,
    "statistics.resamples": 201,
    "statistics.seed": 1,
    "device": "cuda",
    "threads": 2,
    "attacks.*.phrases": ["go", "no"],
    "attacks.*.ranks": [2, 3, 4],
    "attacks.*.iterations": 81,
    "attacks.*.threshold": 0.8,
    "attacks.*.test_every": 2,
    "attacks.*.keep": 1,
    "attacks.*.cap": 5,
    "attacks.*.seed": 1,
    "attacks.cw.confidences": ["high"],
    "attacks.cw.learning_rate": 90,
    "attacks.cw.bound": 1900,
    "attacks.cw.shrink": 0.7,
    "attacks.cw.noise": 1,
    "attacks.cw.gradient": "whole",
    "attacks.pgd.confidences": ["low", "high"],
    "attacks.pgd.bound": 0.04,
    "attacks.pgd.bound_of": "peak",
    "attacks.pgd.step": 0.06,
    "attacks.pgd.start": "random",
}
# Keys of what the smoke study does not use.
KEYS = document.keys()
UNUSED = ("corpus.manifest", "corpus.librispeech", "neighbours", "scoring", "training.gpus")
# These values take something away; what the table says runs first when something is added.
TAKEN_AWAY = {"remotes": {"tables"}, "attacks.cw.confidences": {"transcribe"}}


def nested(name: str, value: Any) -> dict[str, Any]:
    for part in reversed(name.replace("*", "cw").split(".")):
        value = {part: value}
    return value


def test_a_change_of_every_key_is_tried() -> None:
    assert set(VALUES) == {key.name for key in KEYS if not key.name.startswith(UNUSED)} - {"corpus.kind"}


@pytest.mark.parametrize("name", VALUES)
def test_first_to_run_is_what_the_table_of_keys_says(smoke: Finished, name: str) -> None:
    first = smoke.plan(nested(name, VALUES[name]), [SMOKE]).first
    assert first == TAKEN_AWAY.get(name, set(document.rerun(name).first))
