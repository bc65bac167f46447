"""What a user sees who types something wrong, or sets keys in the command."""

from __future__ import annotations

from pathlib import Path

import pytest
from copies import ROOT, Repository

REFUSED = {
    "unknown key": ("trainning: {epochs: 3}", "configuration: trainning: unknown key; see config/README.md"),
    "wrong type": ("threads: many", "configuration: threads: should be a valid integer (given: 'many')"),
    "out of range": (
        "families: {deepspeech: {network: {units: 0}}}",
        "configuration: families.deepspeech.network.units: should be greater than or equal to 1",
    ),
    "phrase": ("attacks: {cw: {phrases: [Öffne]}}", "configuration: attacks.cw.phrases: 'Öffne' has 'Ö'; allowed are"),
    "two phrases of one name": (
        'attacks: {pgd: {phrases: [its on, "it\'s on"]}}',
        "configuration: attacks.pgd.phrases: 'its on' and \"it's on\" share the name its-on",
    ),
    "surrogate": ("surrogates: [seed-8]", "configuration: surrogates: seed-8 is not a model; add it to models"),
    "no attacks": ("attacks: {cw: null, pgd: null}", "configuration: attacks: none is configured"),
    "results above": ("results: ../../x", "configuration: results: a folder inside this one"),
    "zero byte": (r'results: "a\0b"', "configuration: results: a folder inside this one"),
    "key with a line break": (r'"a\nb": 1', r"configuration: 'a\nb': unknown key"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_configuration_ends_the_run_with_one_line(repository: Repository, tmp_path: Path, case: str) -> None:
    text, message = REFUSED[case]
    (tmp_path / "wrong.yaml").write_text(text, encoding="utf-8")
    before = {path for path in repository.path.rglob("*") if ".snakemake" not in path.parts}
    result = repository.snakemake("--cores", "1", "--configfile", tmp_path / "wrong.yaml", check=False)
    assert result.returncode == 1
    [line] = [line for line in result.stdout.splitlines() if line.startswith("configuration: ")]
    assert line.startswith(message)
    assert "Traceback" not in result.stdout
    assert "rule " not in result.stdout
    after = {path for path in repository.path.rglob("*") if ".snakemake" not in path.parts}
    assert {path for path in after - before if "__pycache__" not in path.parts} == set()


def test_a_training_that_cannot_have_its_gpus_does_not_start(repository: Repository) -> None:
    """Snakemake would let it have fewer, and say nothing; the default profile counts one."""
    keys = [
        "device=cuda",
        "families={deepspeech: {training: {batch: 6, accumulate: 4, gpus: 4}}}",
        "results=results-four",
    ]
    result = repository.snakemake("--cores", "1", "--config", *keys, check=False)
    assert result.returncode == 1
    assert result.stdout.splitlines()[-1] == "training.gpus: 4, and Snakemake grants 1; add --resources gpu=4"
    assert not (repository.path / "results-four/corpus").exists()
    planned = repository.snakemake("-n", "--cores", "1", "--resources", "gpu=4", "--config", *keys).stdout
    assert "gpu=4, nodes=1" in planned
    assert "PLAN" in repository.snakemake("--cores", "1", "--config", *keys, "--", "plan").stdout


def test_what_claims_can_decide_is_shown_and_nothing_is_made(repository: Repository) -> None:
    keys = ["results=results-power", "selection={utterances: 59}"]
    output = repository.snakemake("--cores", "2", "--config", *keys, "--", "power").stdout
    assert "POWER: what the claims of this study can decide, at 95 % confidence" in output
    assert "at most 4.95 % do: below 5 %, so the claim is supported" in output
    assert "with 2 of its jobs at a time" in output
    made = [path for path in (repository.path / "results-power").rglob("*") if path.is_file()]
    assert [path.name for path in made] == ["power.log"]


def test_keys_of_sections_can_be_set_in_the_command(repository: Repository) -> None:
    """As in config/README.md: Snakemake hands over as text what stands in braces."""
    given = ["device=cpu", "selection={utterances: 5}", "attacks={pgd: null, cw: {ranks: [3]}}", "surrogates=[seed-2]"]
    output = repository.snakemake("-n", "--cores", "1", "--config", *given).stdout
    attacks = {line.strip() for line in output.splitlines() if "wildcards: attack=" in line}
    assert len(attacks) == (1 + 1) * 2
    assert all("attack=cw, surrogate=seed-2, target=" in line for line in attacks)


def test_a_manifest_can_be_named_in_the_command(repository: Repository, tmp_path: Path) -> None:
    manifest = tmp_path / "own.csv"
    manifest.touch()
    given = ["--configfile", "config/digits.yaml", "--config", f"corpus={{manifest: {{path: {manifest}}}}}"]
    output = repository.snakemake("-n", "--cores", "1", *given).stdout
    assert f"input: {manifest}" in output


def test_a_manifest_that_is_not_there_is_named(repository: Repository) -> None:
    given = ["--configfile", "config/digits.yaml", "--config", "corpus={manifest: {path: nowhere.csv}}"]
    result = repository.snakemake("-n", "--cores", "1", *given, check=False)
    assert result.returncode != 0
    assert "nowhere.csv" in result.stdout
    assert "Traceback" not in result.stdout


RECORDINGS = ROOT.parent / "shared/data/fsdd-strings"
LIBRISPEECH = ROOT.parent / "shared/data/librispeech"


@pytest.mark.skipif(not RECORDINGS.exists(), reason=f"{RECORDINGS} is not there")
def test_the_corpus_of_a_manifest_is_made(repository: Repository, tmp_path: Path) -> None:
    rows = (RECORDINGS / "manifest.csv").read_text().splitlines()
    some = [rows[0], *(next(row for row in rows if f",{split}," in row) for split in ("train", "dev", "test"))]
    (tmp_path / "manifest.csv").write_text("\n".join(some) + "\n")
    for split in ("train", "dev", "test"):
        (tmp_path / split).symlink_to(RECORDINGS / split)
    corpus = f"corpus={{manifest: {{path: {tmp_path / 'manifest.csv'}}}}}"
    given = ["--configfile", "config/digits.yaml", "--config", corpus, "results=results-manifest"]
    target = "results-manifest/corpus/train.parquet"
    made = repository.snakemake("--cores", "1", *given, "--", target).stdout
    assert "corpus: 3 utterances" in made
    (tmp_path / "manifest.csv").write_text("\n".join([*some, rows[-1]]) + "\n")
    again = repository.snakemake("-n", "--cores", "1", *given, "--", target).stdout
    assert "updated input files: corpus" in " ".join(again.split())


@pytest.mark.slow
@pytest.mark.skipif(not LIBRISPEECH.exists(), reason=f"{LIBRISPEECH} is not there")
def test_the_corpus_of_librispeech_is_read_where_it_lies(repository: Repository, tmp_path: Path) -> None:
    speakers = sorted((LIBRISPEECH / "LibriSpeech/test-other").iterdir())[:3]
    for subset, speaker in zip(("train-clean-100", "dev-clean", "test-clean"), speakers, strict=True):
        folder = tmp_path / "LibriSpeech" / subset
        folder.mkdir(parents=True)
        (folder / speaker.name).symlink_to(speaker)
    subsets = f"{{folder: {tmp_path}, train: [train-clean-100]}}"
    given = ["--config", f"corpus={{kind: librispeech, librispeech: {subsets}}}", "results=results-librispeech"]
    target = "results-librispeech/corpus/train.parquet"
    made = repository.snakemake("--cores", "1", *given, "--", target).stdout
    assert "corpus: 30 utterances" in made
    assert (repository.path / "results-librispeech/corpus/audio").resolve() == tmp_path / "LibriSpeech"
    again = repository.snakemake("-n", "--cores", "1", *given, "--", target).stdout
    assert "Nothing to be done" in again
    twice = f"corpus={{kind: librispeech, librispeech: {{folder: {tmp_path}, train: [dev-clean]}}}}"
    result = repository.snakemake("--cores", "1", "--config", twice, given[2], "--", target, check=False)
    assert result.returncode != 0
    assert "error: corpus: dev: dev-clean is in train already; give it one split" in result.stdout
    assert "Traceback" not in result.stdout
    assert len(list(speakers[0].rglob("*.flac"))) == 10, "a failed job removes a link, not what it points to"


def test_a_configuration_that_makes_objects_is_refused(repository: Repository, tmp_path: Path) -> None:
    made = tmp_path / "made"
    (tmp_path / "evil.yaml").write_text(f'results: !!python/object/apply:os.system ["touch {made}"]\n')
    result = repository.snakemake("-n", "--cores", "1", "--configfile", tmp_path / "evil.yaml", check=False)
    assert result.returncode != 0
    assert "not valid JSON or YAML" in result.stdout
    assert not made.exists()
