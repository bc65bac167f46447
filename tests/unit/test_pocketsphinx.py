"""PocketSphinx on real speech: its word error rate, and that no utterance leaves a trace in the next."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from asrtransfer import recognisers
from asrtransfer.text import error_rates

CLIPS = Path(__file__).resolve().parents[3] / "shared/data/librispeech/LibriSpeech/test-clean"


def read_clips() -> list[tuple[object, str]]:
    """Audio and text of each clip."""
    found = []
    for listed in sorted(CLIPS.rglob("*.trans.txt")):
        for line in listed.read_text().splitlines():
            name, _, text = line.partition(" ")
            audio, rate = soundfile.read(listed.with_name(f"{name}.flac"), dtype="int16")
            assert rate == 16000
            found.append((audio, text.lower()))
    return found


@pytest.mark.slow
@pytest.mark.skipif(not CLIPS.is_dir(), reason="the clips of LibriSpeech are not here: PocketSphinx hears none of them")
def test_it_hears_read_speech() -> None:
    sphinx = recognisers.load("pocketsphinx", {}, "cpu")
    clips = read_clips()
    heard = sphinx.hear([audio for audio, _ in clips])
    # 31 % was measured on these four clips.
    assert error_rates.wer([text for _, text in clips], [one.texts[0] for one in heard]) < 0.5
    assert all(len(one.texts) > 1 for one in heard)
    again = sphinx.hear([audio for audio, _ in clips[::-1]])[::-1]
    assert [one.texts for one in again] == [one.texts for one in heard]
    fresh = recognisers.load("pocketsphinx", {}, "cpu")
    assert fresh.identity == sphinx.identity
    assert fresh.hear([clips[-1][0]])[0].texts == heard[-1].texts


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    section = recognisers.extension.find("recogniser", "pocketsphinx").class_.section
    assert str(section(dictionary=str(tmp_path / "words")).check("cpu")).startswith("dictionary: ")
    (tmp_path / "words").write_text("go G OW\n")
    assert section(dictionary=str(tmp_path / "words")).files() == [str(tmp_path / "words")]
