"""Audio files, heard: texts, probabilities and the place of a phrase, as a table and as a list."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_quick import Parrot

from asrtransfer import quick
from asrtransfer.ctc import decoding
from asrtransfer.files.errors import InputError
from asrtransfer.hearing.hear import hear
from asrtransfer.quick import __main__ as command
from asrtransfer.recognisers.deepspeech import DeepSpeech
from asrtransfer.recognisers.deepspeech.network import save_weights
from asrtransfer.speech.utterances import Speech


def test_what_is_heard_is_what_a_study_hears(toy: DeepSpeech, clips: Path, dev_split: Speech) -> None:
    found = quick.listen({"toy": toy, "deaf": Parrot("cab")}, [clips], "cab").table
    assert list(found["file"]) == ["a.flac", "a.flac", "b.wav", "b.wav", "more/c.wav", "more/c.wav"]
    rows = found[found["recogniser"] == "toy"].set_index("file")
    for file, number in (("b.wav", 0), ("a.flac", 1), ("more/c.wav", 2)):
        (heard,) = hear(toy, decoding.build("flashlight"), [dev_split.samples(number)], ["cab"])
        row = rows.loc[file]
        assert [row["text"], *row["alternatives"]] == heard.texts
        assert heard.loss is not None and heard.log_probabilities is not None
        assert row["phrase_probability"] == pytest.approx(math.exp(-heard.loss))
        assert row["probability"] == pytest.approx(math.exp(heard.log_probabilities[0]))
        assert pd.isna(row["phrase_rank"]) or heard.texts[int(row["phrase_rank"]) - 1] == "cab"
    deaf = found[found["recogniser"] == "deaf"]
    assert set(deaf["text"]) == {"cab"} and set(deaf["phrase_rank"]) == {1}
    assert deaf["probability"].isna().all() and deaf["phrase_probability"].isna().all()


def test_the_list_for_people(clips: Path) -> None:
    found = quick.listen({"deaf": Parrot("cab")}, [clips / "a.flac"], "dad")
    assert found.text() == f"{clips / 'a.flac'}\n  deaf  \"cab\"\n        'dad': not among its texts\n"


@pytest.mark.parametrize(
    ("recognisers", "files", "phrase", "message"),
    [
        ({"deaf": Parrot("a")}, ["nowhere.wav"], None, "nowhere.wav: no such file or folder"),
        ({"deaf": Parrot("a")}, [], None, "files: none"),
        ({}, [__file__], None, "recognisers: none"),
        ({"deaf": Parrot("a")}, [__file__], "Go", "'G'"),
        ({"deaf": Parrot("a")}, [__file__], None, "test_listening.py"),
        ({"a": {"use": "nobody"}}, [], None, "there is no recogniser 'nobody'"),
    ],
)
def test_errors_are_a_line_that_says_what_to_do(
    clips: Path, recognisers: dict[str, object], files: list[str], phrase: str | None, message: str
) -> None:
    given = files or ([clips] if "a" in recognisers else [])
    with pytest.raises(InputError, match=message):
        quick.listen(recognisers, given, phrase)  # type: ignore[arg-type]


def test_the_command_line(toy: DeepSpeech, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_weights(toy.network, tmp_path / "toy.safetensors")
    (tmp_path / "mine.py").write_text(
        "from asrtransfer.recognisers.base import Heard, Recogniser\n"
        "from asrtransfer.recognisers.section import LoadedSection\n"
        "from asrtransfer.section import Field\n\n\n"
        "class Keys(LoadedSection):\n"
        '    "Says a text."\n'
        '    text: str = Field(default="a", description="that it says")\n\n\n'
        "class Mine(Recogniser):\n"
        "    section = Keys\n"
        "    def __init__(self, keys, device):\n"
        "        self.keys = keys\n"
        "    identity = 'mine'\n"
        "    def hear(self, utterances):\n"
        "        return [Heard([self.keys.text]) for _ in utterances]\n\n\n"
        "RECOGNISER = Mine\n"
    )
    models = [f"toy={tmp_path / 'toy.safetensors'}", f'mine={tmp_path / "mine.py"}:{{"text": "dad"}}']
    out = tmp_path / "heard.csv"
    given = ["hear", *models, "--files", str(clips), "--phrase", "dad"]
    assert command.main([*given, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith('a.flac\n  toy   "')
    assert "  mine  \"dad\"\n        'dad': its text 1\n" in printed
    table = pd.read_csv(out)
    assert list(table["file"]) == ["a.flac", "a.flac", "b.wav", "b.wav", "more/c.wav", "more/c.wav"]
    toys = table[table["recogniser"] == "toy"]
    assert (toys["alternatives"].str.count(r" \| ") == 8).all()
    assert np.isfinite(toys["probability"]).all()
    assert command.main(["hear", "toy", "--files", str(clips)]) == 1
    assert "'toy' is not NAME=FILE" in capsys.readouterr().err
    assert command.main(["hear", f"m={tmp_path / 'mine.py'}:{{text}}", "--files", str(clips)]) == 1
    assert capsys.readouterr().err.startswith("error: recognisers.m: no JSON")
