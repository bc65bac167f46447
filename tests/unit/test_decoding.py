"""Decoders compared with an exhaustive list of texts, with each other, and with other libraries."""

from __future__ import annotations

import importlib
import itertools
import math
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from posteriors import exhaustive_top, one, random_row, spoken_row
from torch import Tensor

from asrtransfer.ctc import decoding
from asrtransfer.ctc.backends import BACKENDS
from asrtransfer.ctc.base import Decoder, Hypothesis
from asrtransfer.ctc.best_path import greedy
from asrtransfer.ctc.confidence import ctc_loss
from asrtransfer.ctc.decoding import build, is_top
from asrtransfer.ctc.flashlight import FlashlightDecoder
from asrtransfer.ctc.greedy import GreedyDecoder
from asrtransfer.files.errors import InputError
from asrtransfer.text.alphabet import BLANK, CHARACTERS, SIZE, collapse, decode, encode
from study.fingerprint import fingerprint

PHRASES = ["open the door", "go to evil website", "text mom i need money", "turn off all the cameras"]


def texts(hypotheses: list[Hypothesis]) -> list[str]:
    return [hypothesis.text for hypothesis in hypotheses]


def assert_same(found: list[Hypothesis], expected: list[Hypothesis]) -> None:
    assert texts(found) == texts(expected)
    for left, right in zip(found, expected, strict=True):
        assert left.log_probability == pytest.approx(right.log_probability, abs=1e-5)


@pytest.fixture(scope="module")
def decoder() -> FlashlightDecoder:
    return FlashlightDecoder()


class TestTopTen:
    @pytest.mark.parametrize("seed", range(3))
    def test_unpruned_search_finds_the_ten_best_of_all_texts(self, seed: int) -> None:
        row = random_row(3, seed, scale=1.0)
        whole = FlashlightDecoder(beam=30_000, tokens_per_frame=SIZE, thresholds=[math.inf])
        assert_same(whole.top(*one(row))[0], exhaustive_top(row))

    @pytest.mark.parametrize("seed", range(4))
    @pytest.mark.parametrize("scale", [1.0, 3.0])
    def test_default_search_finds_the_ten_best_of_few_letters(
        self, decoder: FlashlightDecoder, seed: int, scale: float
    ) -> None:
        row = random_row(6, seed, scale, classes=4)
        assert_same(decoder.top(*one(row))[0], exhaustive_top(row, classes=4))

    @pytest.mark.parametrize("phrase", PHRASES)
    @pytest.mark.parametrize("sharpness", [1.0, 2.0, 4.0])
    def test_pruning_changes_nothing_on_speech(self, decoder: FlashlightDecoder, phrase: str, sharpness: float) -> None:
        row = spoken_row(phrase, seed=len(phrase), sharpness=sharpness)
        whole = FlashlightDecoder(tokens_per_frame=SIZE, thresholds=[math.inf])
        assert decoder.top(*one(row)) == whole.top(*one(row))

    @pytest.mark.parametrize(
        ("threshold", "phrase", "seed", "sharpness"),
        [
            pytest.param(0.5, "open the door", 0, 4.0, id="fewer than ten texts"),
            pytest.param(4.0, "open the door", 9, 2.0, id="ten, but not the best ten"),
            pytest.param(8.0, "go to it", 6, 3.0, id="ten, but not the best ten of a short text"),
        ],
    )
    def test_threshold_that_cuts_the_list_is_given_up(
        self, threshold: float, phrase: str, seed: int, sharpness: float
    ) -> None:
        row = spoken_row(phrase, seed, sharpness)
        whole = FlashlightDecoder(thresholds=[math.inf])
        assert FlashlightDecoder(thresholds=[threshold, math.inf]).top(*one(row)) == whole.top(*one(row))

    @pytest.mark.parametrize("seed", range(3))
    def test_texts_are_different_ordered_and_scored_exactly(self, decoder: FlashlightDecoder, seed: int) -> None:
        row = random_row(40, seed, scale=3.0)
        (found,) = decoder.top(*one(row))
        assert len(set(texts(found))) == len(found) == 10
        scores = [hypothesis.log_probability for hypothesis in found]
        assert scores == sorted(scores, reverse=True)
        losses = ctc_loss(row.double().expand(10, -1, -1), torch.full((10,), 40), texts(found))
        assert scores == pytest.approx((-losses).tolist(), rel=1e-12)

    def test_equally_probable_texts_are_in_alphabetical_order(self) -> None:
        row = torch.full((1, SIZE), -math.log(SIZE))
        (found,) = FlashlightDecoder(tokens_per_frame=SIZE).top(*one(row))
        assert texts(found) == sorted(["", *CHARACTERS])[:10]

    @pytest.mark.parametrize("text", [" open", "door ", "too  hot", "aardvark", "it's", " "])
    def test_spaces_and_double_letters_survive(self, decoder: FlashlightDecoder, text: str) -> None:
        row = spoken_row(text, seed=2, sharpness=8.0)
        assert decoder.top(*one(row))[0][0].text == text

    def test_impossible_classes_are_never_chosen(self, decoder: FlashlightDecoder) -> None:
        row = torch.full((2, SIZE), -math.inf)
        row[:, [1, BLANK]] = math.log(0.5)
        (found,) = decoder.top(*one(row))
        assert found[0] == Hypothesis("a", pytest.approx(math.log(0.75)))
        assert found[1] == Hypothesis("", pytest.approx(math.log(0.25)))


@pytest.mark.parametrize("decoder", [FlashlightDecoder(), GreedyDecoder()], ids=["flashlight", "greedy"])
class TestBatches:
    def test_order_and_padding_do_not_matter(self, decoder: Decoder) -> None:
        rows = [spoken_row(phrase, seed, sharpness=1.5) for seed, phrase in enumerate(PHRASES)]
        lengths = torch.tensor([len(row) for row in rows])
        padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=math.nan)
        alone = [decoder.top(*one(row))[0] for row in rows]
        assert decoder.top(padded, lengths) == alone
        assert decoder.top(padded.flip(0), lengths.flip(0)) == alone[::-1]

    def test_no_frames_are_the_empty_text(self, decoder: Decoder) -> None:
        found = decoder.top(torch.zeros(2, 3, SIZE), torch.tensor([0, 0]))
        assert found == [[Hypothesis("", 0.0)]] * 2
        assert decoder.top(torch.zeros(0, 3, SIZE), torch.zeros(0, dtype=torch.long)) == []

    def test_not_a_number_is_refused(self, decoder: Decoder) -> None:
        log_probs = torch.stack([random_row(4, 0, 1.0), random_row(4, 1, 1.0)])
        log_probs[1, 2, 3] = math.nan
        with pytest.raises(ValueError, match="row 1"):
            decoder.top(log_probs, torch.tensor([4, 4]))
        decoder.top(log_probs, torch.tensor([4, 2]))


class TestGreedy:
    def test_is_the_collapsed_best_path(self) -> None:
        log_probs = torch.stack([random_row(50, seed, scale=1.0, classes=6) for seed in range(5)])
        lengths = torch.tensor([50, 1, 0, 31, 7])
        paths = log_probs.argmax(dim=-1).tolist()
        expected = [decode(collapse(path[:length])) for path, length in zip(paths, lengths.tolist(), strict=True)]
        assert greedy(log_probs, lengths) == expected
        assert [found[0].text for found in GreedyDecoder().top(log_probs, lengths)] == expected

    def test_need_not_be_the_most_probable_text(self, decoder: FlashlightDecoder) -> None:
        row = torch.full((2, SIZE), 1e-9)
        row[:, [encode("a")[0], BLANK]] = torch.tensor([0.4, 0.6])
        (by_path,), (by_text,) = GreedyDecoder().top(*one(row.log())), decoder.top(*one(row.log()))
        assert by_path == [Hypothesis("", pytest.approx(math.log(0.36)))]
        assert by_text[0] == Hypothesis("a", pytest.approx(math.log(0.64), abs=1e-6))


class TestIsTop:
    @pytest.mark.parametrize("sharpness", [0.5, 1.0, 2.0, 4.0])
    def test_agrees_with_the_list(self, decoder: FlashlightDecoder, sharpness: float) -> None:
        row = spoken_row("open the door", seed=1, sharpness=sharpness)
        candidates = [*texts(decoder.top(*one(row))[0]), "open the door", ""]
        best = candidates[0]
        assert [is_top(row, len(row), text) for text in candidates] == [text == best for text in candidates]

    def test_searches_only_where_it_must(self, monkeypatch: pytest.MonkeyPatch) -> None:
        row = spoken_row("open the door", seed=1, sharpness=8.0)
        decoder = FlashlightDecoder()
        monkeypatch.setattr(FlashlightDecoder, "top", lambda *_: pytest.fail("searched"))
        assert decoder.is_top(row, len(row), "open the door")
        assert not decoder.is_top(row, len(row), "open the moor")

    def test_of_a_greedy_decoder_is_the_greedy_text(self) -> None:
        row = torch.full((2, SIZE), 1e-9)
        row[:, [encode("a")[0], BLANK]] = torch.tensor([0.4, 0.6])
        assert is_top(row.log(), 2, "a")
        assert not is_top(row.log(), 2, "a", GreedyDecoder())
        assert is_top(row.log(), 2, "", GreedyDecoder())

    def test_ignores_padding(self) -> None:
        row = spoken_row("open the door", seed=1, sharpness=8.0)
        padded = torch.cat([row, torch.full((5, SIZE), math.nan)])
        assert is_top(padded, len(row), "open the door")


UNIGRAMS = {"</s>": (-1.2, 0.0), "open": (-0.7, -0.2), "the": (-0.9, -0.25), "door": (-1.1, -0.1)}
BIGRAMS = {("<s>", "open"): -0.4, ("open", "the"): -0.3, ("the", "door"): -0.2, ("door", "</s>"): -0.5}
START_BACKOFF = -0.3


def arpa_text() -> str:
    """Write the model above as an ARPA file, with one word outside the alphabet."""
    unigrams = [f"{score}\t{word}\t{backoff}" for word, (score, backoff) in UNIGRAMS.items()]
    bigrams = [f"{score}\t{' '.join(words)}" for words, score in BIGRAMS.items()]
    head = f"\\data\\\nngram 1={len(unigrams) + 3}\nngram 2={len(bigrams)}\n"
    others = ["-1.5\t<unk>", f"-99\t<s>\t{START_BACKOFF}", "-1.4\tDoor"]
    sections = ["\\1-grams:", *others, *unigrams, "", "\\2-grams:", *bigrams, "", "\\end\\"]
    return head + "\n" + "\n".join(sections) + "\n"


def language_score(words: tuple[str, ...]) -> float:
    """Compute log10 of the probability of a sentence: bigrams with back-off to unigrams."""
    backoffs = {"<s>": START_BACKOFF, **{word: backoff for word, (_, backoff) in UNIGRAMS.items()}}
    pairs = itertools.pairwise(["<s>", *words, "</s>"])
    return sum(BIGRAMS.get(pair, backoffs[pair[0]] + UNIGRAMS[pair[1]][0]) for pair in pairs)


class TestLanguageModel:
    @pytest.fixture
    def arpa(self, tmp_path: Path) -> Path:
        path = tmp_path / "words.arpa"
        path.write_text(arpa_text())
        return path

    def test_corrects_what_was_heard(self, arpa: Path, decoder: FlashlightDecoder) -> None:
        row = spoken_row("opan tha door", seed=1, sharpness=3.0)
        assert decoder.top(*one(row))[0][0].text == "opan tha door"
        found = build("language-model", language_model=arpa).top(*one(row))[0]
        assert found[0].text == "open the door"
        assert len(set(texts(found))) == len(found) <= 10

    @pytest.mark.parametrize(("alpha", "beta"), [(0.75, 1.85), (3.0, 0.0), (0.0, -2.0)])
    def test_order_is_by_acoustics_alpha_and_beta(self, arpa: Path, alpha: float, beta: float) -> None:
        """The list equals an exhaustive scoring of the word sequences that fit into the frames."""
        row = random_row(11, seed=5, scale=0.5)
        sentences = [s for n in range(4) for s in itertools.product(["open", "the", "door"], repeat=n)]
        losses = ctc_loss(
            row.double().expand(len(sentences), -1, -1),
            torch.full((len(sentences),), len(row)),
            [" ".join(words) for words in sentences],
        )
        scored = {
            " ".join(words): -loss + alpha * math.log(10) * language_score(words) + beta * len(words)
            for words, loss in zip(sentences, losses.tolist(), strict=True)
            if loss < math.inf
        }
        settings = {"alpha": alpha, "beta": beta, "beam": 5000, "tokens_per_frame": SIZE}
        (found,) = build("language-model", language_model=arpa, **settings).top(*one(row))
        assert len(scored) > 10
        assert texts(found) == sorted(scored, key=lambda text: -scored[text])[:10]

    def test_needs_no_space_around_the_words(self, arpa: Path) -> None:
        decoder = build("language-model", language_model=arpa, beam=2)
        for text in ("open", "open ", " open", "open  the"):
            row = spoken_row(text, seed=4, sharpness=6.0)
            assert decoder.top(*one(row))[0][0].text == " ".join(text.split())

    def test_lexicon_restricts_the_words(self, arpa: Path, tmp_path: Path) -> None:
        lexicon = tmp_path / "words.txt"
        lexicon.write_text("open\nthe\n")
        row = spoken_row("open the door", seed=3, sharpness=3.0)
        decoder = build("language-model", language_model=arpa, lexicon=lexicon)
        assert all({"open", "the"}.issuperset(text.split()) for text in texts(decoder.top(*one(row))[0]))

    def test_no_frames_are_the_empty_text(self, arpa: Path) -> None:
        decoder = build("language-model", language_model=arpa)
        assert decoder.top(torch.zeros(1, 3, SIZE), torch.tensor([0])) == [[Hypothesis("", 0.0)]]

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (None, "no such file"),
            ("not a model", "lexicon"),
            ("\\1-grams:\n-1\topen\n\\end\\\n", "KenLM cannot read it"),
        ],
    )
    def test_bad_files_are_named(self, tmp_path: Path, content: str | None, message: str) -> None:
        path = tmp_path / "bad.arpa"
        if content is not None:
            path.write_text(content)
        with pytest.raises(InputError, match=message) as caught:
            build("language-model", language_model=path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


class TestOtherLibraries:
    @pytest.mark.parametrize("seed", range(2))
    def test_pyctcdecode_has_the_same_best_texts(self, decoder: FlashlightDecoder, seed: int) -> None:
        pyctcdecode = pytest.importorskip("pyctcdecode")
        row = spoken_row("opensesame", seed, sharpness=1.5)
        row[:, 0] = -60.0  # it strips spaces, which would merge texts
        row = row.log_softmax(dim=-1)
        other = pyctcdecode.build_ctcdecoder([*CHARACTERS, ""])
        beams = other.decode_beams(row.numpy(), beam_width=100, beam_prune_logp=-40, token_min_logp=-12)
        assert [beam[0] for beam in beams[:3]] == texts(decoder.top(*one(row))[0][:3])

    def test_ctcdecode_has_the_same_best_texts(self, decoder: FlashlightDecoder) -> None:
        pytest.importorskip("ctcdecode")
        other = build("ctcdecode")
        for seed, phrase in enumerate(PHRASES):
            row = spoken_row(phrase, seed, sharpness=2.0)
            assert other.top(*one(row))[0][:3] == decoder.top(*one(row))[0][:3]

    def test_ctcdecode_results_are_rescored_and_ordered(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A stub with the interface of ctcdecode returns one text twice and the best text last."""
        row = spoken_row("ab", seed=0, sharpness=4.0)

        class CTCBeamDecoder:
            def __init__(self, labels: list[str], **settings: object) -> None:
                assert len(labels) == SIZE
                assert settings["log_probs_input"] and settings["blank_id"] == BLANK

            def decode(self, log_probs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
                assert lengths.tolist() == [log_probs.shape[1]]
                beams = torch.tensor([[[1, 7, 7], [1, 9, 9], [1, 2, 7]]], dtype=torch.int32)
                none = torch.zeros(1, 3)
                return beams, none, none, torch.tensor([[1, 1, 2]], dtype=torch.int32)

        module = ModuleType("ctcdecode")
        module.CTCBeamDecoder = CTCBeamDecoder  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "ctcdecode", module)
        assert texts(build("ctcdecode").top(*one(row))[0]) == ["ab", "a"]

    def test_ctcdecode_that_is_absent_is_explained(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "ctcdecode", None)
        with pytest.raises(InputError, match="use flashlight"):
            build("ctcdecode")


def test_unknown_backend_is_named() -> None:
    for ask in (build, decoding.module):
        with pytest.raises(InputError, match="'beam' is unknown: use one of flashlight, ctcdecode, greedy"):
            ask("beam")


@pytest.mark.parametrize("backend", BACKENDS)
def test_backends_are_modules_that_name_their_decoder(backend: str) -> None:
    module = importlib.import_module(decoding.module(backend))
    assert issubclass(module.DECODER, Decoder)
    assert module.DECODER.__module__ == module.__name__


def test_scripts_reach_the_chosen_backend_alone() -> None:
    """Attacks and pools use flashlight; the other back ends count only where a rule names them."""
    root = Path(decoding.__file__).parents[2]
    users = {
        "asrtransfer.attacks.loop": {"flashlight"},
        "asrtransfer.ctc.pool": set(),
        "asrtransfer.ctc.decoding": {"flashlight"},
    }
    backends = {decoding.module(backend): backend for backend in BACKENDS}
    for user, expected in users.items():
        reached = fingerprint(root / f"{user.replace('.', '/')}.py", root)
        assert {backends[name] for name in reached if name in backends} == expected
    chosen = fingerprint(root / "asrtransfer/ctc/pool.py", root, [decoding.module("language-model")])
    assert {"asrtransfer.ctc.language_model", "asrtransfer.ctc.flashlight"} <= chosen.keys()
    assert "asrtransfer.ctc.ctcdecode_backend" not in chosen


def test_registry_is_read_without_pytorch() -> None:
    command = "import sys; from asrtransfer.ctc import backends; sys.exit('torch' in sys.modules)"
    subprocess.run(
        [sys.executable, "-c", command], env={"PYTHONPATH": str(Path(decoding.__file__).parents[2])}, check=True
    )
