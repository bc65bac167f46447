"""Word error rates with a language model: fetched, tuned on dev, and what it does not know is said."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
import yaml

from asrtransfer.ctc import librispeech_models
from asrtransfer.ctc.language_model import LanguageModelDecoder
from asrtransfer.files.errors import InputError
from asrtransfer.hearing import scoring
from asrtransfer.recognisers.deepspeech import DeepSpeech
from asrtransfer.speech.utterances import Speech
from asrtransfer.text import error_rates

ROOT = Path(__file__).resolve().parents[2]
NAME = "3-gram.pruned.3e-7"
ARPA = """\\data\\
ngram 1=8
ngram 2=1

\\1-grams:
-3\t<UNK>
-99\t<s>\t-0.3
-1\t</s>
-1.2\tOPEN\t-0.3
-1.2\tTHE\t-0.3
-1.3\tDOOR\t-0.3
-2\tO'ER\t-0.3
-2\t9TH\t-0.3

\\2-grams:
-0.5\tOPEN THE

\\end\\
"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "server"
    folder.mkdir()
    (folder / f"{NAME}.arpa.gz").write_bytes(gzip.compress(ARPA.encode()))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_librispeechs_models_are_fetched_in_lower_case(tmp_path: Path, mirror: str) -> None:
    path = tmp_path / "words.arpa"
    librispeech_models.fetch(NAME, path, mirror)
    assert path.read_text() == ARPA.lower()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["server", "words.arpa"]
    assert LanguageModelDecoder(language_model=path).words == {"open", "the", "door", "o'er"}


def test_a_model_that_is_another_is_refused(tmp_path: Path, mirror: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(librispeech_models.CHECKSUMS, NAME, hashlib.sha256(b"other").hexdigest())
    with pytest.raises(InputError, match=r"3-gram\.pruned\.3e-7\.arpa\.gz: .* SHA-256"):
        librispeech_models.fetch(NAME, tmp_path / "words.arpa", mirror)
    assert not list(tmp_path.glob("*arpa*"))


def test_half_an_archive_is_removed(tmp_path: Path) -> None:
    archive = tmp_path / f"{NAME}.arpa.gz"
    archive.write_bytes(gzip.compress(ARPA.encode())[:-30])
    with pytest.raises(InputError, match="the archive is damaged"):
        librispeech_models.fetch(NAME, tmp_path / "words.arpa", None)
    assert not (tmp_path / "words.arpa").exists()
    assert not archive.exists()


def test_the_published_phrases_are_checked_against_the_vocabulary() -> None:
    phrases = yaml.safe_load((ROOT / "config/paper.yaml").read_text())["attacks"]["cw"]["phrases"]
    assert len(phrases) == 11
    words = {word for phrase in phrases for word in phrase.split()}
    assert scoring.unknown(phrases, frozenset(words)) == {}
    assert scoring.unknown(phrases, frozenset(words - {"website", "mom"})) == {
        "browse to evil website": ["website"],
        "go to evil website": ["website"],
        "text mom i need money": ["mom"],
    }


def test_weights_are_tuned_to_the_lowest_error_rate(tmp_path: Path, toy: DeepSpeech, dev_split: Speech) -> None:
    """The model's words are the dev split's own strings."""
    words = sorted(set(dev_split.texts))
    head = ["\\data\\", f"ngram 1={len(words) + 3}", "ngram 2=1", "", "\\1-grams:", "-3\t<unk>", "-99\t<s>\t0"]
    unigrams = ["-1\t</s>", *(f"-2\t{word}\t0" for word in words)]
    lines = [*head, *unigrams, "", "\\2-grams:", f"-1\t<s> {words[0]}", "", "\\end\\", ""]
    (tmp_path / "words.arpa").write_text("\n".join(lines))
    decoder = LanguageModelDecoder(language_model=tmp_path / "words.arpa")
    outputs = list(scoring.log_probabilities(toy, dev_split, range(len(dev_split))))
    points = scoring.tune(decoder, outputs, dev_split.texts, [0.1, 1.0], [-5.0, 0.0])
    assert [point.wer for point in points] == sorted(point.wer for point in points)
    assert len(points) == 4
    decoder.weigh(points[0].alpha, points[0].beta)
    heard = scoring.transcribe_all(decoder, outputs)
    assert error_rates.wer(dev_split.texts, heard) == points[0].wer
    fresh = LanguageModelDecoder(language_model=tmp_path / "words.arpa", alpha=points[0].alpha, beta=points[0].beta)
    assert scoring.transcribe_all(fresh, outputs) == heard


def test_outputs_come_in_order_whatever_fits(
    toy: DeepSpeech, dev_split: Speech, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = scoring.spread(len(dev_split), 7)
    assert len(chosen) == 7
    assert chosen == sorted(set(chosen))
    assert scoring.spread(3, 7) == [0, 1, 2]

    def rows() -> list[torch.Tensor]:
        batches = scoring.log_probabilities(toy, dev_split, chosen)
        return [row[:count] for log_probs, counts in batches for row, count in zip(log_probs, counts, strict=True)]

    whole = rows()
    monkeypatch.setattr("asrtransfer.machine.memory.AT_ONCE", {"cpu": 3})
    parts = rows()
    assert len(whole) == len(parts) == 7
    assert all(torch.allclose(one, other, atol=1e-4) for one, other in zip(whole, parts, strict=True))
