"""docs/recognisers.md: its sections are ones that a study takes, and its table is what the classes say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from asrtransfer import extension
from asrtransfer.recognisers.base import Surrogate
from study import config
from study.config.extensions import class_of

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/recognisers.md").read_text()
TOLD = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0])


@pytest.mark.parametrize("name", TOLD["families"])
def test_each_section_has_keys_of_its_family(name: str) -> None:
    given = TOLD["families"][name]
    class_of("recogniser", name, given["use"]).section.model_validate(given)


def test_the_table_says_what_each_can_be() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| .*? \| ([\w, ]+) \|", PAGE, re.MULTILINE))
    rows.pop("use")
    loaded = [name for name in extension.names("recogniser") if not extension.find("recogniser", name).class_.trained]
    assert set(rows) == set(loaded)
    for name, told in rows.items():
        surrogate = issubclass(extension.find("recogniser", name).class_, Surrogate)
        assert told == ("surrogate, remote" if surrogate else "remote")
    extras = {path.stem for path in (ROOT / "envs/extras").glob("*.in")}
    assert set(re.findall(r"EXTRAS=(\w+)", PAGE)) == extras


def test_a_study_takes_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the folders and files that it names."""
    monkeypatch.chdir(tmp_path)
    for folder, names in {
        "my-lab/wav2vec2-base-960h": ("config.json", "model.safetensors"),
        "my-lab/parakeet-ctc-0.6b": ("config.json", "model.safetensors"),
        "my-lab/bundles": ("hubert_fairseq_large_ll60k_asr_ls960.pth",),
        "my-lab/faster-whisper-small.en": ("model.bin", "config.json"),
        "my-lab/kaldi": ("final.mdl",),
    }.items():
        (tmp_path / folder).mkdir(parents=True)
        for name in names:
            (tmp_path / folder / name).touch()
    default: dict[str, Any] = yaml.safe_load((ROOT / "config/smoke.yaml").read_text())
    base: dict[str, Any] = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    study = config.read(base | {"attacks": default["attacks"]} | TOLD)
    assert study.attacked == ["seed-1", "wav2vec"]
    assert study.voting == ["seed-1", "seed-2", "seed-1.twin", "wav2vec"]


def test_the_lines_of_a_program_are_json() -> None:
    asked, answered = map(json.loads, re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0].splitlines())
    assert set(asked) == {"id", "path"}
    assert asked["id"] == answered["id"]
    assert len(answered["texts"]) == len(answered["scores"])
