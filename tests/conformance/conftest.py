"""What every attack and every recogniser must pass: those of this project, and one of a user's own.

    make conformance FILE=my-lab/mine.py KEYS='{checkpoint: model.pt}'

tries the attack or the recogniser of a file, with keys for its section; without a file, those of this project.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import tiny_models
import torch
import toys
from subject import FILE, KEYS, PHRASE, Attack

from asrtransfer import extension, recognisers
from asrtransfer.files.errors import InputError
from asrtransfer.recognisers.base import Recogniser
from asrtransfer.recognisers.deepspeech import DeepSpeech
from asrtransfer.recognisers.deepspeech.network import Network, save_weights
from asrtransfer.speech.utterances import Speech

OF_WORDS = "deepspeech of words"
"""The family DeepSpeech, whose classes are words."""


def make_network_of_words() -> Network:
    """A network of random weights that knows the texts of the tests, each as one word."""
    network = Network(32, words=sorted(["ab" * 200, "bcbcd", PHRASE]))
    network.initialise(1)
    return network


def kind_of(file: str) -> extension.Kind:
    """Whether a file names an attack or a recogniser."""
    return "attack" if hasattr(extension.find("attack", file).module, "ATTACK") else "recogniser"


def pytest_configure() -> None:
    """Refuse a file that is none of the two before anything is tried."""
    try:
        if FILE:
            _ = extension.find(kind_of(FILE), FILE).class_
    except InputError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Try the user's file, or else everything that this project has."""
    for kind in ("attack", "recogniser"):
        if kind in metafunc.fixturenames:
            own = [*extension.names(kind), *([OF_WORDS] if kind == "recogniser" else [])]  # type: ignore[arg-type]
            metafunc.parametrize(
                "subject", [FILE] if FILE and kind_of(FILE) == kind else [] if FILE else own, scope="session"
            )


@pytest.fixture(scope="session")
def subject(request: pytest.FixtureRequest) -> str:
    """What is under test."""
    return str(request.param)


@pytest.fixture(scope="session")
def use(subject: str) -> str:
    """The name by which a configuration uses it."""
    return "deepspeech" if subject == OF_WORDS else subject


@pytest.fixture(scope="session")
def attack(use: str) -> Attack:
    """The attack under test."""
    return Attack(use)


@pytest.fixture(scope="session")
def load(
    subject: str, use: str, surrogate: DeepSpeech, split: Speech, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Recogniser]]:
    """Loads the recogniser under test, anew at each call; of those that others have trained, a small one."""
    if extension.is_file(use):
        yield lambda: recognisers.load(use, KEYS, "cpu")
    elif extension.find("recogniser", use).class_.trained:
        weights = tmp_path_factory.mktemp("weights") / "weights.safetensors"
        save_weights(make_network_of_words() if subject == OF_WORDS else surrogate.network, weights)
        yield lambda: recognisers.load(use, KEYS, "cpu", weights)
    else:
        with pytest.MonkeyPatch.context() as patch:
            keys = tiny_models.make(use, tmp_path_factory.mktemp(use), patch, split)
            if keys is None:
                pytest.skip(f"{use}: has no small model; tests/pretrained tries a real one")
            yield lambda: recognisers.load(use, keys, "cpu")


@pytest.fixture(scope="session")
def recogniser(load: Callable[[], Recogniser]) -> Recogniser:
    """The recogniser under test."""
    try:
        return load()
    except InputError as error:
        pytest.exit(str(error), returncode=1)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)


@pytest.fixture(scope="session")
def split(tmp_path_factory: pytest.TempPathFactory) -> Speech:
    """Utterances of several lengths."""
    return toys.tones(tmp_path_factory.mktemp("dev"), 24, seed=2)


@pytest.fixture(scope="session")
def surrogate(split: Speech, tmp_path_factory: pytest.TempPathFactory) -> DeepSpeech:
    """A recogniser that gets tones right, for attacks to fool; what differs between batches is the attack's doing."""
    train = toys.tones(tmp_path_factory.mktemp("train"), 96, seed=1)
    trained = toys.trained(train, split, tmp_path_factory.mktemp("toy") / "checkpoint.safetensors")
    return toys.RowByRow(trained.network)


@pytest.fixture(scope="session")
def audio(split: Speech) -> list[np.ndarray]:
    """Five utterances: of several lengths, two of them equally long."""
    chosen = [split.samples(index) for index in (0, 5, 10, 20)]
    return [*chosen, chosen[1][::-1].copy()]


LONG = "35 seconds"
ODD = {
    "a single sample": np.array([100], np.int16),
    "silence": np.zeros(16000, np.int16),
    LONG: np.tile(np.rint(3000 * np.sin(np.arange(16000) / 5)).astype(np.int16), 35),
    "full scale": np.tile(np.array([32767, -32768], np.int16), 8000),
}


@pytest.fixture(params=[pytest.param(name, marks=[pytest.mark.slow] * (name == LONG)) for name in ODD], scope="session")
def odd(request: pytest.FixtureRequest) -> tuple[str, np.ndarray]:
    """Audio that is unlike speech, by its name."""
    return request.param, ODD[request.param]
