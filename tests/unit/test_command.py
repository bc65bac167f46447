"""A program as a recogniser: what it may do wrong ends in one line, and nothing of it stays."""

from __future__ import annotations

import gc
import json
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import tiny_models

from asrtransfer import recognisers
from asrtransfer.files.errors import InputError
from asrtransfer.recognisers.base import Recogniser
from asrtransfer.recognisers.command import CommandSection

AUDIO = [np.zeros(20000, np.int16), np.zeros(8000, np.int16)]
ANSWER = "import json, sys\nfor line in sys.stdin:\n    asked = json.loads(line)\n    {work}\n"


def start(folder: Path, work: str, patience: float = 20.0) -> Recogniser:
    command = tiny_models.make_program(folder, ANSWER.format(work=work))
    return recognisers.load("command", {"command": command, "patience": patience}, "cpu")


def test_texts_are_brought_to_the_alphabet_and_the_raw_one_is_kept(tmp_path: Path) -> None:
    program = recognisers.load("command", {"command": tiny_models.make_program(tmp_path)}, "cpu")
    loud, quiet = program.hear(AUDIO)
    assert (loud.texts, loud.scores, loud.raw) == (["loud", "so so"], [-0.5, -1.0], "LOUD!")
    assert quiet.texts[0] == "quiet"


@pytest.mark.parametrize(
    ("work", "message"),
    [
        ("sys.exit(3)", "has ended with status 3"),
        ("raise ValueError('it went wrong')", "(ValueError: it went wrong)"),
        ("print('no', flush=True)", "said 'no', which is no JSON"),
        ("print('[1]', flush=True)", "an object with the id '0' is needed"),
        ("print(json.dumps({'id': 'x', 'texts': ['a']}), flush=True)", "an object with the id '0' is needed"),
        ("print(json.dumps({'id': asked['id']}), flush=True)", "texts are null"),
        ("print(json.dumps({'id': asked['id'], 'texts': []}), flush=True)", "texts are []"),
        ("print(json.dumps({'id': asked['id'], 'texts': ['a'], 'scores': [1]}), flush=True)", "scores are [1]"),
        ("print(json.dumps({'id': asked['id'], 'texts': ['a'], 'scores': []}), flush=True)", "scores are []"),
        ("sys.stdout.write('x' * 3_000_000); sys.stdout.flush()", "said more than 1000000 bytes"),
    ],
)
def test_what_a_program_does_wrong_is_one_line(tmp_path: Path, work: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        start(tmp_path, work).hear(AUDIO)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_silent_program_is_waited_for_and_then_not(tmp_path: Path) -> None:
    begun = time.monotonic()
    with pytest.raises(InputError, match=r"was silent for 0.5 s; raise patience"):
        start(tmp_path, "pass", patience=0.5).hear(AUDIO)
    assert time.monotonic() - begun < 10


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"command: no-such-program: No such file or directory"):
        recognisers.load("command", {"command": "no-such-program --now"}, "cpu").hear(AUDIO)
    assert "quote its arguments" in str(CommandSection(command='a "b').check("cpu"))
    assert "no such file" in str(CommandSection(command="a", reads=[str(tmp_path / "x")]).check("cpu"))


def test_the_program_ends_with_the_recogniser(tmp_path: Path) -> None:
    # It says its number as a text of letters: a for 0.
    told = "''.join(chr(97 + int(d)) for d in str(__import__('os').getpid()))"
    program = start(tmp_path, f"print(json.dumps({{'id': asked['id'], 'texts': [{told}]}}), flush=True)")
    (heard, again) = program.hear(AUDIO)
    assert heard.texts == again.texts
    number = int("".join(str(ord(letter) - 97) for letter in heard.texts[0]))
    assert psutil.pid_exists(number)
    del program
    gc.collect()
    assert not psutil.pid_exists(number)


def test_files_that_it_reads_are_part_of_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("one")
    keys = {"command": "program", "reads": [str(tmp_path / "model")]}
    first = recognisers.load("command", keys, "cpu").identity
    assert CommandSection(**keys).files() == [str(tmp_path / "model")]
    (tmp_path / "model").write_text("two")
    assert recognisers.load("command", keys, "cpu").identity != first
    assert json.dumps(first)
