"""Synthetic speech: household commands spoken by the formant voices of espeak-ng, byte-identical for a seed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asrtransfer.corpora import SPLITS, Utterance, create_audio_folder
from asrtransfer.files.errors import InputError
from asrtransfer.speech import audio
from asrtransfer.speech.espeak import Engine, trim_silence

_ACTIONS = (
    *("open", "take", "order", "delete", "move", "fix", "bring", "check", "wash", "text"),
    *("turn off", "go to", "browse to", "transfer", "i need", "what is"),
)
_OWNERS = ("the", "my", "our", "all the")
_ADJECTIVES = ("evil", "red", "green", "quiet", "small", "dear")
_THINGS = (
    *("door", "picture", "messages", "website", "money", "account", "candy", "cameras", "weather", "fault"),
    *("box", "window", "jug", "piano", "puzzle", "lamp"),
)
_PLACES = ("in the kitchen", "in our garden", "to my office", "near the stars", "to the website", "in my account")
_PEOPLE = ("me", "mom")
_AMOUNTS = ("some", "the", "all my", "not our")
_TIMES = ("now", "today", "again", "soon")

TEMPLATES = (
    (_ACTIONS, _OWNERS, _THINGS, _TIMES),
    (_ACTIONS, _OWNERS, _ADJECTIVES, _THINGS),
    (_ACTIONS, _OWNERS, _THINGS, _PLACES),
    (_ACTIONS, _PEOPLE, _AMOUNTS, _THINGS),
    (_ACTIONS, _PEOPLE, _AMOUNTS, _THINGS, _TIMES),
    (_ACTIONS, _OWNERS, _ADJECTIVES, _THINGS, _TIMES),
)
"""The grammar: a sentence takes one entry from each place of one template.

The words are those of the published phrases and some more. They combine freely, so that a small network learns words
and not sentences: a network that memorises the grammar hardly transcribes anything else, even under attack.
"""

UNSAID = (
    "delete my messages",
    "browse to evil website",
    "what is the weather today",
    "go to evil website",
    "open the door",
    "transfer money to my account",
    "the fault dear is not in our stars",
    "turn off all the cameras",
    "text mom i need money",
    "order me some candy",
    "take a picture",
)
"""The published phrases. No sentence contains one, so no model learns a target."""

_ACCENTS = ("en-us", "en-gb-x-rp", "en", "en-us-nyc")
_VARIANTS = ("m3", "f2", "m1", "f1", "m7", "f4", "m2", "f3", "m4", "m6")

MOST_SENTENCES = 40_000
"""Of a vocabulary: where more are possible, as many are drawn."""
_RATE = (160, 185)
"""Words per minute; the range from which a voice draws its mean rate."""
_PITCH = {"m": (35, 60), "f": (40, 65)}
"""The 0..100 scale of espeak, centred on the pitch of the variant."""
_NOISE_PEAK = (3, 30)
"""16-bit units. Digital silence has no finite logarithm, and no recording contains it."""


def prepare(
    folder: Path,
    *,
    seed: int,
    train_minutes: float,
    dev_utterances: int,
    test_utterances: int,
    train_voices: int,
    held_out_voices: int,
    sentences: int = 1,
    vocabulary: int | None = None,
    length: int = 4,
) -> list[Utterance]:
    """Speak a corpus into `folder`/audio and return its utterances.

    The sentences of train, dev and test differ. Training voices speak dev; held-out voices speak test, or training
    voices if none is held out. With ten training voices or more, training contains the accent and the variant of each
    held-out voice, but not their combination. An utterance depends only on the seed, its split, its number and the
    number of voices, so a longer corpus begins with the shorter one.

    Args:
        folder: the corpus folder.
        seed: seed of sentences, voices and noise.
        train_minutes: minimum length of the training split.
        dev_utterances: number of dev utterances.
        test_utterances: number of test utterances.
        train_voices: number of voices that speak train and dev.
        held_out_voices: number of voices that speak test only.
        sentences: sentences that an utterance says, joined by "and".
        vocabulary: number of words, all equally frequent, of which sentences are drawn; None: the grammar's sentences.
        length: words of a sentence that is drawn.

    Raises:
        InputError: if a value is outside the range of available sentences or voices.
    """
    said = list_sentences(seed) if vocabulary is None else draw_sentences(seed, vocabulary, length)
    pools = {split: _join_sentences(pool, sentences) for split, pool in said.items()}
    voices = _draw_voices(seed, train_voices, held_out_voices)
    _check_amounts(pools, train_minutes, dev_utterances, test_utterances)
    create_audio_folder(folder)
    counts = {"dev": dev_utterances, "test": test_utterances}
    utterances = []
    with Engine() as engine:
        for split in SPLITS:
            seconds = 0.0
            for number in itertools.count():
                if seconds >= train_minutes * 60 if split == "train" else number >= counts[split]:
                    break
                text = pools[split][number % len(pools[split])]
                rng = np.random.default_rng([seed, SPLITS.index(split), number])
                voice = voices[split][number % len(voices[split])]
                samples = _speak_sentence(engine, text, voice, rng)
                name = f"{split}-{number:05d}"
                path = f"audio/{name}.flac"
                digest = audio.write_flac(folder / path, samples)
                lasts = len(samples) / audio.SAMPLE_RATE
                utterances.append(Utterance(name, split, voice.speaker, path, lasts, text, digest))
                seconds += lasts
    return utterances


def _join_sentences(pool: list[str], count: int) -> list[str]:
    """Join each sentence and those that follow it; the utterances of a split share no sentence."""
    return [" and ".join(pool[start : start + count]) for start in range(0, len(pool) - count + 1, count)]


def list_sentences(seed: int) -> dict[str, list[str]]:
    """List all sentences of the grammar by split, without overlap, in seeded order, alternating between templates."""
    rng = np.random.default_rng([seed, len(SPLITS)])
    shuffled = []
    for template in TEMPLATES:
        every = [" ".join(words) for words in itertools.product(*template)]
        every = [sentence for sentence in every if not any(phrase in sentence for phrase in UNSAID)]
        shuffled.append([every[index] for index in rng.permutation(len(every))])
    pools: dict[str, list[str]] = {split: [] for split in SPLITS}
    for rank, row in enumerate(itertools.zip_longest(*shuffled)):
        pools[_choose_split(rank)] += [sentence for sentence in row if sentence is not None]
    return pools


def _choose_split(rank: int) -> str:
    return {0: "test", 1: "dev"}.get(rank % 10, "train")


def list_words() -> list[str]:
    """List the words of the grammar, each once."""
    entries = [entry for template in TEMPLATES for place in template for entry in place]
    return list(dict.fromkeys(word for entry in entries for word in entry.split()))


def draw_sentences(seed: int, vocabulary: int, length: int) -> dict[str, list[str]]:
    """Draw sentences of some of the grammar's words, by split, without overlap.

    Words follow one another at random, each as often as any other. A smaller vocabulary is a part of a larger one.

    Args:
        seed: draws words and sentences.
        vocabulary: number of words.
        length: words of a sentence.

    Raises:
        InputError: if there are not as many words.
    """
    rng = np.random.default_rng([seed, len(SPLITS) + 2])
    every = list_words()
    if vocabulary > len(every):
        raise InputError(f"vocabulary: {vocabulary} is more than the {len(every)} words that there are; lower it")
    words = [every[place] for place in rng.permutation(len(every))[:vocabulary]]
    if vocabulary**length <= MOST_SENTENCES:
        listed = list(itertools.product(words, repeat=length))
        drawn = [listed[place] for place in rng.permutation(len(listed))]
    else:
        drawn = [
            tuple(words[place] for place in row) for row in rng.integers(vocabulary, size=(MOST_SENTENCES, length))
        ]
    texts = [text for text in dict.fromkeys(map(" ".join, drawn)) if not any(phrase in text for phrase in UNSAID)]
    pools: dict[str, list[str]] = {split: [] for split in SPLITS}
    for rank, text in enumerate(texts):
        pools[_choose_split(rank)].append(text)
    return pools


def voice_names() -> tuple[list[str], list[str]]:
    """List the espeak voices for training and those to be held out, each in the order of use.

    A diagonal in the table of accents and variants pairs consecutive variants with different accents, so the first ten
    voices cover every variant and every accent.
    """

    def diagonals(chosen: range) -> Iterator[str]:
        for diagonal in chosen:
            for index, variant in enumerate(_VARIANTS):
                yield f"{_ACCENTS[(index + diagonal) % len(_ACCENTS)]}+{variant}"

    return list(diagonals(range(3))), list(diagonals(range(3, len(_ACCENTS))))


@dataclass(frozen=True)
class _Voice:
    name: str
    rate: int
    pitch: int

    @property
    def speaker(self) -> str:
        return self.name.replace("+", "-")


def _draw_voices(seed: int, train_voices: int, held_out_voices: int) -> dict[str, list[_Voice]]:
    training, held_out = voice_names()
    for key, count, least, available in (
        ("train_voices", train_voices, 1, training),
        ("held_out_voices", held_out_voices, 0, held_out),
    ):
        if not least <= count <= len(available):
            raise InputError(
                f"{key}: {count} is outside {least}..{len(available)}, the number of available voices; change it"
            )

    def draw(name: str) -> _Voice:
        rng = np.random.default_rng([seed, len(SPLITS) + 1, *name.encode()])
        return _Voice(name, int(rng.integers(*_RATE)), int(rng.integers(*_PITCH[name.rpartition("+")[2][0]])))

    trained = [draw(name) for name in training[:train_voices]]
    tested = [draw(name) for name in held_out[:held_out_voices]]
    return {"train": trained, "dev": trained, "test": tested or trained}


def _check_amounts(pools: dict[str, list[str]], minutes: float, dev_utterances: int, test_utterances: int) -> None:
    if not minutes > 0:
        raise InputError(f"train_minutes: {minutes} must be greater than 0; raise it")
    for split, count in (("dev", dev_utterances), ("test", test_utterances)):
        if not 1 <= count <= len(pools[split]):
            limit = len(pools[split])
            raise InputError(
                f"{split}_utterances: {count} is outside 1..{limit}, what there are sentences for; change it"
            )


def _speak_sentence(engine: Engine, text: str, voice: _Voice, rng: np.random.Generator) -> audio.Samples:
    rate = voice.rate + int(rng.integers(-6, 7))
    pitch = voice.pitch + int(rng.integers(-6, 7))
    spoken = engine.say(text, voice.name, rate=rate, pitch=pitch, volume=int(rng.integers(45, 71)))
    signal = audio.resample(trim_silence(spoken.astype(np.float64), engine.rate), engine.rate)
    peak = int(rng.integers(*_NOISE_PEAK))
    return audio.to_int16(signal + rng.integers(-peak, peak + 1, size=len(signal)))
