"""The way of the published study on real speech: archives from a server, manifest, training, attacks, report.

The utterances are the shortest of those beside the repository. A tiny model learns them by heart, and its test split
holds them a second time under other names, so that it gets some right, which is what selection asks for.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import pytest
import soundfile
import torch
import yaml
from archives import archive
from copies import ROOT, Repository

from asrtransfer.recognisers.deepspeech import training
from asrtransfer.recognisers.deepspeech.batches import Batches
from asrtransfer.recognisers.deepspeech.network import PUBLISHED_PARAMETERS, Network
from asrtransfer.recognisers.deepspeech.section import Recipe
from asrtransfer.speech.utterances import Speech
from study import config as configuration

REAL = ROOT.parent / "shared" / "data" / "librispeech" / "LibriSpeech"
UTTERANCES = 8
SUBSETS = {"train-clean-100": UTTERANCES, "dev-clean": 3, "test-clean": UTTERANCES}
STUDY = {
    "results": "results-walk",
    "corpus": {"kind": "librispeech", "librispeech": {"train": ["train-clean-100"]}},
    "models": ["seed-1"],
    "families": {
        "deepspeech": {
            "network": {"units": 128, "dropout": 0.0},
            "training": {"epochs": 130, "batch": 4, "learning_rate": 0.002, "clip": 50, "accumulate": 1},
        }
    },
    "scoring": {"language_model": "3-gram.pruned.3e-7", "alphas": [0.5, 2.0], "betas": [0.0, 2.0]},
    "selection": {"utterances": 2},
    "attacks": {
        "cw": {"phrases": ["go on"], "ranks": [], "iterations": 150, "keep": 2},
        "pgd": {"phrases": ["go on"], "iterations": 150, "keep": 2},
    },
    "statistics": {"resamples": 200},
    "neighbours": {"epochs": 1},
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not REAL.is_dir(), reason="shared/data/librispeech is not here"),
]


def shortest(count: int) -> list[tuple[bytes, str]]:
    """Audio files and texts of some utterances."""
    found = []
    for transcript in sorted(REAL.glob("*/*/*/*.trans.txt")):
        for line in transcript.read_text().splitlines():
            name, _, text = line.partition(" ")
            path = transcript.with_name(f"{name}.flac")
            found.append((soundfile.info(path).duration, path.read_bytes(), text))
    return [(audio, text) for _, audio, text in sorted(found)[:count]]


def published(subset: str, speaker: int, utterances: list[tuple[bytes, str]]) -> bytes:
    """Utterances as LibriSpeech's own archives hold them."""
    chapter = f"{speaker}-100"
    folder = f"LibriSpeech/{subset}/{speaker}/100"
    lines = [f"{chapter}-{number:04} {text}\n" for number, (_, text) in enumerate(utterances)]
    files = {f"{folder}/{chapter}.trans.txt": "".join(lines).encode()}
    files |= {f"{folder}/{chapter}-{number:04}.flac": audio for number, (audio, _) in enumerate(utterances)}
    return archive(files)


def language_model(texts: list[str]) -> bytes:
    """A model of the texts' words, in upper case, as the publisher has it; KenLM wants a bigram at least."""
    words = sorted({word for text in texts for word in text.split()})
    unigrams = ["-3\t<UNK>", "-99\t<s>\t0", "-1\t</s>", *(f"-{2 + len(word) / 10}\t{word}\t0" for word in words)]
    head = ["\\data\\", f"ngram 1={len(unigrams)}", "ngram 2=1", ""]
    lines = [*head, "\\1-grams:", *unigrams, "", "\\2-grams:", f"-2\t<s> {words[0]}", "", "\\end\\", ""]
    return gzip.compress("\n".join(lines).encode())


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """The address of the archives, and their checksums."""
    folder = tmp_path_factory.mktemp("server")
    digests = {}
    for speaker, (subset, count) in enumerate(SUBSETS.items(), start=9001):
        content = published(subset, speaker, shortest(count))
        (folder / f"{subset}.tar.gz").write_bytes(content)
        digests[subset] = hashlib.sha256(content).hexdigest()
    arpa = language_model([text for _, text in shortest(UTTERANCES)])
    (folder / "3-gram.pruned.3e-7.arpa.gz").write_bytes(arpa)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", digests
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def walked(served: tuple[str, dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A copy of the repository in which the study has been run; it knows these archives' checksums."""
    mirror, digests = served
    copy = Repository.copy(tmp_path_factory.mktemp("walk") / "repository")
    code = copy.path / "workflow/scripts/asrtransfer/corpora/librispeech.py"
    text = code.read_text()
    assert "def _look_up_archive(subset: str)" in text
    known = (
        f"\n\ndef _look_up_archive(subset):\n    return f'http://127.0.0.1:9/{{subset}}.tar.gz', {digests!r}[subset]\n"
    )
    code.write_text(text + known)
    for section in (STUDY["corpus"]["librispeech"], STUDY["scoring"]):  # type: ignore[index]
        section["mirror"] = mirror
    # Laid over the published study's own file, so that its keys are the ones that are walked.
    (copy.path / "config/walk.yaml").write_text(yaml.safe_dump(STUDY | {"device": "cpu", "threads": 2}))
    copy.snakemake("--cores", "2", "--configfile", "config/paper.yaml", "config/walk.yaml")
    return copy


def test_archives_become_a_manifest(walked: Repository) -> None:
    corpus = walked.path / "results-walk/corpus"
    for subset, split in zip(SUBSETS, ("train", "dev", "test"), strict=True):
        table = pd.read_parquet(corpus / f"{split}.parquet")
        assert len(table) == SUBSETS[subset]
        assert list(table["seconds"]) == sorted(table["seconds"])
        assert all((corpus / path).is_file() for path in table["path"])
        assert table["path"].str.startswith(f"audio/{subset}/").all()
    assert [path.name for path in (corpus / "download").iterdir()] == ["LibriSpeech"]


def test_a_model_learns_them(walked: Repository) -> None:
    models = pd.read_csv(walked.path / "results-walk/tables/models.csv").set_index("model")
    assert models.loc["seed-1", "test_right"] >= 2


def test_models_are_scored_with_the_language_model(walked: Repository) -> None:
    models = pd.read_csv(walked.path / "results-walk/tables/models.csv").set_index("model")
    assert models.loc["seed-1", "test_wer_language_model"] <= models.loc["seed-1", "test_wer"] + 0.05
    tuned = json.loads((walked.path / "results-walk/language-model/tuned.json").read_text())
    assert len(tuned["tried"]) == 4
    assert tuned["phrases_lacking_words"] == {"go on": ["go", "on"]}
    assert "language model" in (walked.path / "results-walk/report.html").read_text()


def test_real_speech_is_attacked_to_success(walked: Repository) -> None:
    for attack in ("cw", "pgd"):
        samples = pd.read_parquet(walked.path / f"results-walk/attacks/{attack}/seed-1/go-on/high.parquet")
        assert (samples["status"] == "sample").any()
        assert (samples.loc[samples["status"] == "sample", "k1"] > 0.9).all()
    heard = pd.read_parquet(walked.path / "results-walk/transcripts/seed-1/seed-1.parquet")
    assert heard.loc[heard["kind"] == "adversarial", "hit"].all()


def test_the_report_is_there(walked: Repository) -> None:
    assert (walked.path / "results-walk/verdict.txt").read_text().startswith("VERDICT")
    assert "go on" in (walked.path / "results-walk/report.html").read_text()


def test_a_second_run_does_nothing(walked: Repository) -> None:
    given = ["--cores", "2", "--configfile", "config/paper.yaml", "config/walk.yaml"]
    assert "Nothing to be done" in walked.snakemake(*given).stdout


def test_the_published_width_trains_on_real_speech(tmp_path: Path) -> None:
    """Six steps of 2048 units on two utterances: the parameters are as many as published, and the loss falls."""
    rows = []
    for number, (content, text) in enumerate(shortest(2)):
        (tmp_path / f"{number}.flac").write_bytes(content)
        rows.append((str(number), f"{number}.flac", soundfile.info(tmp_path / f"{number}.flac").duration, text.lower()))
    table = pd.DataFrame(rows, columns=["utterance_id", "path", "seconds", "text"])
    speech = Speech(table, tmp_path)
    paper = configuration.read(
        yaml.safe_load((ROOT / "config/config.yaml").read_text())
        | yaml.safe_load((ROOT / "config/paper.yaml").read_text())
    )
    section = paper.section_of("seed-1")
    recipe = section.training
    assert recipe == Recipe()
    network = Network(**section.network.shape)
    network.initialise(1)
    assert sum(parameter.numel() for parameter in network.parameters()) == PUBLISHED_PARAMETERS
    optimiser = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.999), eps=1e-8)
    [batch] = Batches(speech, 2).read([0])
    losses = [training.train_step([network], optimiser, [batch], recipe, [step]) for step in range(6)]
    assert losses[-1] < 0.9 * losses[0]
