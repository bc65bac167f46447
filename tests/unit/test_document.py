"""What is written about the configuration is what the code says."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatch
from pathlib import Path

import jsonschema
import pytest
import yaml

from asrtransfer.corpora import synthetic
from asrtransfer.ctc.base import TOP
from asrtransfer.recognisers.base import MOST_TEXTS
from study import document, names

CONFIGS = sorted((Path(__file__).resolve().parents[2] / "config").glob("*.yaml"))
KEYS = document.keys()
REMEDY = "run: PYTHONPATH=workflow/scripts python -m study.document"


def test_schema_is_what_the_code_says() -> None:
    assert document.SCHEMA.read_text() == document.schema_text(), REMEDY


def test_readme_is_what_the_code_says() -> None:
    assert document.README.read_text() == document.readme_text(), REMEDY


def test_rules_are_what_the_code_says() -> None:
    assert document.RULES.read_text() == document.rules_text(), REMEDY


def test_every_rule_is_in_the_table_of_rules() -> None:
    files = (document.ROOT / "workflow/rules").glob("*.smk")
    defined = {rule for path in files for rule in re.findall(r"^(?:rule|checkpoint) (\w+):", path.read_text(), re.M)}
    assert len(defined) > 15
    assert set(re.findall(r"^\| `(\w+)` \|", document.rules_text(), re.M)) == defined


def test_every_key_has_a_meaning() -> None:
    assert len(KEYS) > 50
    assert [key.name for key in KEYS if not key.meaning or not key.values or not key.default] == []
    unlimited = [key.name for key in KEYS if "number" in key.values and not re.search(" (to|below) ", key.values)]
    assert unlimited == []


def test_every_key_says_what_runs_again() -> None:
    assert all(document.rerun(key.name).words for key in KEYS)
    for name in document.RERUNS:
        assert any(fnmatch(key.name, name) or fnmatch(key.name, f"{name}.*") for key in KEYS), name


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_schema_allows_what_is_shipped(path: Path) -> None:
    default = yaml.safe_load((path.parent / "config.yaml").read_text())
    jsonschema.validate(laid_over(default, yaml.safe_load(path.read_text())), document.schema())


def test_schema_refuses_what_the_code_refuses() -> None:
    default = yaml.safe_load((CONFIGS[0].parent / "config.yaml").read_text())
    for over in ({"trainning": {}}, {"threads": 0}, {"models": ["One"]}, {"selection": {"seed": -1}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(laid_over(default, over), json.loads(document.SCHEMA.read_text()))


def laid_over(base: dict[str, object], over: dict[str, object]) -> dict[str, object]:
    """What Snakemake makes of two files."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = laid_over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def test_limits_are_those_of_the_library() -> None:
    keys = {key.name: key for key in KEYS}
    trained, held_out = synthetic.voice_names()
    assert keys["corpus.synthetic.train_voices"].values == f"whole number from 1 to {len(trained)}"
    assert keys["corpus.synthetic.held_out_voices"].values == f"whole number from 0 to {len(held_out)}"
    for split in ("dev", "test"):
        limit = int(keys[f"corpus.synthetic.{split}_utterances"].values.rpartition(" ")[2])
        assert limit <= len(synthetic.list_sentences(1)[split])
    assert list(range(2, MOST_TEXTS + 1)) == names.RANKS
    assert MOST_TEXTS == TOP
