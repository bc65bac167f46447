"""The samples to hear: which are chosen, and that they play as they were stored."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fabricated import ARMS
from fabricated_report import AudibleStudy
from PIL import Image

from asrtransfer.files.errors import InputError
from asrtransfer.report import gallery
from asrtransfer.speech.audio import decode_flac
from asrtransfer.tables.design import SAMPLE


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> AudibleStudy:
    return AudibleStudy(
        tmp_path_factory.mktemp("study"), utterances=3, says="</script><script>alert('pwned')</script> & <b>"
    ).write()


def heard_in(address: str) -> np.ndarray:
    kind, _, content = address.partition(",")
    assert kind == "data:audio/flac;base64"
    return decode_flac(base64.b64decode(content))


def test_what_plays_is_what_was_stored(study: AudibleStudy) -> None:
    exhibits = study.gallery().exhibits
    assert exhibits
    for exhibit in exhibits:
        original, perturbation, adversarial = (heard_in(sound.audio) for sound in exhibit.sounds)
        utterance = int(str(exhibit.row["utterance_id"])[1:])
        np.testing.assert_array_equal(original, study.original(utterance))
        difference = adversarial.astype(float) - original
        assert np.abs(difference).max() == exhibit.row["linf"]
        assert np.abs(perturbation - difference * exhibit.gain).max() <= 0.5
        assert np.linalg.norm(perturbation.astype(float)) == pytest.approx(
            np.linalg.norm(original.astype(float)), rel=0.01
        )


def test_every_model_is_heard_out(study: AudibleStudy) -> None:
    for exhibit in study.gallery().exhibits:
        surrogate = exhibit.row["surrogate"]
        assert list(exhibit.heard["model"]) == [remote for name, remote in ARMS if name == surrogate]
        for row in exhibit.heard.to_dict("records"):
            expected = exhibit.row["phrase"] if row["arm"] in ("self", "twin") else exhibit.row["text"]
            assert (row["adversarial"], row["clean"]) == (expected, exhibit.row["text"])
            assert row["hit"] == (row["arm"] in ("self", "twin"))


def test_the_gallery_stays_within_its_size(study: AudibleStudy) -> None:
    whole = study.gallery(samples=50)
    size = sum(len(sound.audio) + len(sound.picture) for one in whole.exhibits for sound in one.sounds)
    half = study.gallery(samples=50, megabytes=size / 2e6)
    kept = sum(len(sound.audio) + len(sound.picture) for one in half.exhibits for sound in one.sounds)
    assert 0 < kept <= size / 2
    assert len(study.gallery(megabytes=0).exhibits) == 1
    assert len(study.gallery(samples=3).exhibits) == 3


def candidates() -> pd.DataFrame:
    rows = [
        {
            **{"attack": attack, "surrogate": surrogate, "target": target, "confidence": confidence},
            **{"utterance_id": f"u{utterance}", "iteration": 10, "primary": True, "status": "sample"},
            **{"snr_db": 10.0 * utterance, "transferred": False},
        }
        for attack, confidence in (("cw", "low"), ("cw", "high"), ("pgd", "high"))
        for target in ("a", "b")
        for surrogate in ("seed-1", "seed-2")
        for utterance in range(3)
    ]
    return pd.DataFrame(rows)


def test_every_combination_comes_before_a_second_of_any() -> None:
    cells = ["attack", "confidence", "target"]
    frame = candidates()
    for most in range(1, len(frame) + 1):
        counts = gallery.choose(frame, most).groupby(cells).size()
        assert counts.sum() == most
        assert len(counts) == min(most, 6)
        assert counts.max() - counts.min() <= 1 or most >= 36
    three = gallery.choose(frame, 3)
    assert len(three[["attack", "confidence"]].drop_duplicates()) == 3
    six = gallery.choose(frame, 6)
    assert set(six["surrogate"]) == {"seed-1", "seed-2"}
    assert set(six["utterance_id"]) == {"u0", "u1", "u2"}


def test_the_choice_depends_on_the_rows_and_not_on_their_order() -> None:
    frame = candidates()
    shuffled = frame.sample(frac=1, random_state=3).reset_index(drop=True)
    keys = [*SAMPLE]
    first, second = (set(gallery.choose(one, 8)[keys].itertuples(index=False, name=None)) for one in (frame, shuffled))
    assert first == second


def test_samples_that_transferred_are_heard_first_and_failures_never() -> None:
    frame = candidates()
    frame.loc[[5, 17], "transferred"] = True
    frame.loc[frame["target"] == "b", "status"] = "failed"
    frame.loc[0, "primary"] = False
    chosen = gallery.choose(frame, 3)
    assert {5, 17} <= set(chosen.index)
    assert set(gallery.choose(frame, 100).index) == set(frame.index[(frame["target"] == "a") & frame["primary"]])


def test_amplification_is_by_energy_and_never_clips() -> None:
    clean = np.full(100, 1000, dtype=np.int16)
    assert gallery.amplification(clean, np.full(100, 10.0)) == pytest.approx(100)
    assert gallery.amplification(clean, np.zeros(100)) == 1
    click = np.zeros(100)
    click[3] = 100.0
    assert gallery.amplification(np.full(100, 30000, dtype=np.int16), click) == pytest.approx(327.67)
    assert gallery.amplification(clean, np.full(100, 2000.0)) == 1


def test_a_spectrogram_shows_a_tone_at_its_frequency() -> None:
    tone = np.rint(8000 * np.sin(2 * np.pi * 2000 * np.arange(16000) / 16000)).astype(np.int16)
    image = Image.open(io.BytesIO(gallery.picture_of(gallery.spectrum(tone))))
    shades = np.asarray(image)
    assert shades.shape == (gallery.ROWS, 1 + (16000 - gallery.WINDOW) // gallery.HOP)
    # 2 of 8 kHz, with high frequencies at the top.
    assert set(shades.argmax(axis=0)) <= {gallery.ROWS * 3 // 4 - 1, gallery.ROWS * 3 // 4}
    long = gallery.spectrum(np.tile(tone, 30))
    assert Image.open(io.BytesIO(gallery.picture_of(long))).size[0] <= gallery.LARGEST_PICTURE
    assert gallery.spectrum(np.zeros(10, dtype=np.int16)).shape == (gallery.ROWS, 1)


def test_missing_audio_is_named(study: AudibleStudy, tmp_path: Path) -> None:
    selected = pd.read_parquet(study.folder / "selected.parquet")
    with pytest.raises(InputError, match=r"\.flac: cannot be read .* run again"):
        gallery.build(study.material(), tmp_path, selected, samples=1, megabytes=1)
