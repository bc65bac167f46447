"""Rates are read, laid over one another, and refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from study.config import ConfigError
from study.cost import rates

SHIPPED = Path(__file__).resolve().parents[2] / "config/rates.json"


def test_shipped_rates_are_read_and_say_where_they_are_from(tmp_path: Path) -> None:
    found = rates.read([SHIPPED, tmp_path / "none.json"])
    assert "measured" in found.cpu.source
    assert "computed" in found.cuda.source


def test_measured_rates_are_laid_over_the_shipped_ones(tmp_path: Path) -> None:
    own = tmp_path / "rates.json"
    own.write_text(json.dumps({"cuda": {"training": 1, "source": "measured"}, "decoding": 2}))
    shipped, found = rates.read([SHIPPED]), rates.read([SHIPPED, own])
    assert (found.cuda.training, found.cuda.source, found.decoding) == (1, "measured", 2)
    assert found.cuda.attack == shipped.cuda.attack
    assert found.cpu == shipped.cpu


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"cuda": {"training": 0}}', "cuda.training: input should be greater than 0"),
        ('{"decodin": 1}', "decodin: extra inputs are not permitted"),
        ('{"cpu": 3}', "cpu: input should be a valid dictionary"),
        ("[1]", "cannot be read"),
        ("{", "cannot be read"),
    ],
)
def test_wrong_rates_are_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    own = tmp_path / "rates.json"
    own.write_text(text)
    with pytest.raises(ConfigError) as refused:
        rates.read([SHIPPED, own])
    assert message in str(refused.value)
    assert str(own) in str(refused.value)
    assert "\n" not in str(refused.value)
