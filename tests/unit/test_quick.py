"""A quick look counts as a study does, and says what it cannot trust."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from asrtransfer import quick
from asrtransfer.files.errors import InputError
from asrtransfer.quick import __main__ as command
from asrtransfer.quick.findings import Look
from asrtransfer.recognisers.base import Heard, Recogniser
from asrtransfer.recognisers.deepspeech import DeepSpeech
from asrtransfer.recognisers.deepspeech.network import save_weights
from asrtransfer.speech.audio import decode_flac
from asrtransfer.speech.utterances import Speech

KEYS = {"iterations": 200}


class Parrot(Recogniser):
    """Hears the same in everything."""

    def __init__(self, says: str) -> None:
        self.says = says

    @property
    def identity(self) -> str:
        return f"parrot {self.says}"

    def hear(self, utterances: list[np.ndarray]) -> list[Heard]:  # type: ignore[override]
        return [Heard([self.says]) for _ in utterances]


@pytest.fixture(scope="module")
def found(toy: DeepSpeech, clips: Path) -> Look:
    listeners = {"toy": toy, "twin": toy, "deaf": Parrot("cab"), "parrot": Parrot("abc")}
    return quick.look(listeners, "pgd", "abc", clips, 3, keys=KEYS, surrogates=["toy"])


def test_utterances_are_the_first_by_name_with_folders(found: Look, clips: Path) -> None:
    assert list(found.clean) == ["a.flac", "b.wav", "more/c.wav"]
    for name, audio in found.clean.items():
        assert np.array_equal(audio, quick.read_audio(clips / name))


def test_pairs_are_counted_by_utterance(found: Look) -> None:
    made = found.samples["utterance_id"].nunique()
    assert made >= 2
    pairs = {pair.remote: pair for pair in found.pairs}
    assert {name: pair.relation for name, pair in pairs.items()} == {
        "toy": "itself",
        "twin": "equal weights",
        "deaf": "another recogniser",
        "parrot": "another recogniser",
    }
    assert {name: (pair.utterances_hit, pair.utterances) for name, pair in pairs.items()} == {
        "toy": (made, made),
        "twin": (made, made),
        "deaf": (0, made),
        "parrot": (made, made),
    }
    # 1 - 0.05^(1/n), exact.
    assert pairs["deaf"].bound == pytest.approx(1 - 0.05 ** (1 / made))
    assert pairs["parrot"].bound == pytest.approx(0.05 ** (1 / made))
    assert pairs["deaf"].lower == 0
    assert pairs["deaf"].upper == pytest.approx(1 - 0.025 ** (1 / made))


def test_twins_are_no_other_recognisers(found: Look) -> None:
    heard = found.hearings[found.hearings["kind"] == "adversarial"]
    assert found.others.hearings == len(heard[heard["remote"].isin(["deaf", "parrot"])])
    assert found.others.transfers == len(heard[heard["remote"] == "parrot"])


def test_controls_are_heard_beside_every_sample(found: Look) -> None:
    counts = found.hearings[found.hearings["remote"] == "deaf"]["kind"].value_counts().to_dict()
    assert set(counts) == {"adversarial", "clean", "shuffled", "moved", "noise", "spoken"}
    assert len(set(counts.values())) == 1
    pairs = {pair.remote: pair for pair in found.pairs}
    assert pairs["deaf"].controls_hit == 0
    assert pairs["parrot"].controls_hit == pairs["parrot"].controls > 0


def test_the_verdict_and_the_text(found: Look) -> None:
    assert found.verdict[0].startswith("Some samples are heard as “abc” by another recogniser: ")
    text = found.text()
    assert text == str(found)
    assert "toy -> deaf    another recogniser: 0 of " in text
    assert "samples heard as the phrase by their own surrogate" in text
    assert "the unit is the utterance" in text


def test_no_verdict_where_a_positive_control_fails(found: Look) -> None:
    hearings = found.hearings.copy()
    hearings.loc[hearings["arm"] == "self", "hit"] = False
    broken = Look(**{**found.__dict__, "hearings": hearings})
    assert broken.verdict[0].startswith("There is no verdict")
    assert "no verdict" in broken.html()


def test_without_a_sample_nothing_is_said_of_transfer(toy: DeepSpeech, clips: Path) -> None:
    look = quick.look(
        {"toy": toy, "deaf": Parrot("cab")}, "pgd", "abc", clips, 1, keys={"iterations": 1, "bound": 1e-4}
    )
    assert look.verdict[0] == "The attack left no sample: this look says nothing about transfer."
    assert "toy -> deaf  another recogniser: no sample" in look.text()
    assert json.loads(look.json())["pairs"][1]["hearings"] == 0
    assert "0 samples" in look.html()


def test_json_holds_what_was_counted(found: Look) -> None:
    plain = json.loads(found.json())
    assert plain["unit"] == "utterance"
    assert len(plain["attempts"]) == len(found.attempts)
    assert len(plain["hearings"]) == len(found.hearings)
    assert [pair["remote"] for pair in plain["pairs"]] == ["toy", "twin", "deaf", "parrot"]
    assert all(check["passed"] for check in plain["checks"])
    assert {type(row["hit"]) for row in plain["hearings"]} == {bool}


def test_the_page_loads_nothing_and_holds_every_sample(found: Look) -> None:
    class Page(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.links: list[str] = []
            self.sounds = 0

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.sounds += tag == "audio"
            self.links += [value or "" for name, value in attrs if name in ("src", "href")]

    page = Page()
    page.feed(found.html())
    assert page.sounds == 3 * len(found.samples)
    assert all(link.startswith(("#", "data:")) for link in page.links)
    assert found.html() == found.html()


def test_the_same_look_gives_the_same_samples(found: Look, toy: DeepSpeech, clips: Path) -> None:
    again = quick.look({"toy": toy}, "pgd", "abc", clips, 3, keys=KEYS)
    pd.testing.assert_frame_equal(again.attempts, found.attempts)


def test_several_surrogates_at_once(toy: DeepSpeech, dev_split: Speech) -> None:
    audio = dev_split.samples(0)
    one = quick.attack(toy, audio, "abc", "pgd", keys=KEYS | {"keep": 1})
    both = quick.attack([toy, toy], audio, "abc", "pgd", keys=KEYS | {"keep": 1})
    assert one.status == both.status == "sample"
    assert quick.transcribe(toy, both.samples[-1].audio) == "abc"


def test_audio_is_written_bit_for_bit(dev_split: Speech, tmp_path: Path) -> None:
    audio = dev_split.samples(0)
    for name in ("a.wav", "a.flac"):
        quick.write_audio(tmp_path / name, audio)
        assert np.array_equal(quick.read_audio(tmp_path / name), audio)
    assert np.array_equal(decode_flac((tmp_path / "a.flac").read_bytes()), audio)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"phrase": "Abc"}, "is not in the alphabet"),
        ({"phrase": "a  b"}, "double spaces"),
        ({"confidence": "mid"}, "use high"),
        ({"attack": "cv"}, "there is no attack 'cv'"),
        ({"keys": {"iteration": 3}}, "pgd.iteration:"),
        ({"count": 4}, "holds 3 audio files, and count is 4"),
        ({"count": 0}, "ask for one utterance"),
        ({"folder": "nowhere"}, "nowhere: no such folder"),
        ({"surrogates": ["deaf"]}, "deaf hears and cannot be attacked"),
        ({"surrogates": ["who"]}, "who is none of the recognisers"),
        ({"recognisers": {"deaf": Parrot("a")}}, "none of them can be attacked"),
        ({"recognisers": {}}, "recognisers: none"),
        ({"recognisers": {"a": "model.pt"}}, "neither weights.safetensors nor a Python file"),
        ({"recognisers": {"a": {"use": "deepspeech"}}}, "no weights are given"),
    ],
)
def test_errors_are_a_line_that_says_what_to_do(
    toy: DeepSpeech, clips: Path, changes: dict[str, object], message: str
) -> None:
    given = {"recognisers": {"toy": toy, "deaf": Parrot("cab")}, "attack": "pgd", "phrase": "abc", "folder": clips}
    with pytest.raises(InputError, match=message):
        quick.look(**(given | {"count": 1} | changes))  # type: ignore[arg-type]


def test_the_command_line(toy: DeepSpeech, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_weights(toy.network, tmp_path / "toy.safetensors")
    given = ["look", f"toy={tmp_path / 'toy.safetensors'}", "--phrase", "abc", "--folder", str(clips), "--count", "1"]
    assert command.main([*given, "--keys", '{"iterations": 50}', "--out", str(tmp_path / "out")]) == 0
    assert "toy -> toy" in capsys.readouterr().out
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".txt", ".json", ".html"}
    assert command.main([*given, "--keys", "3"]) == 1
    assert capsys.readouterr().err.startswith("error: --keys: no JSON object")
    assert command.main(["look", "toy", *given[2:]]) == 1
    assert "'toy' is not NAME=FILE" in capsys.readouterr().err
