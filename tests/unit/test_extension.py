"""Attacks and recognisers from files of the user's: all that they do wrong ends in one clear line or a failed row."""

from __future__ import annotations

import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asrtransfer import extension, recognisers
from asrtransfer.attacks.run import run_attack
from asrtransfer.attacks.task import Outcome, Task
from asrtransfer.files.errors import InputError
from asrtransfer.recognisers.deepspeech import DeepSpeech
from asrtransfer.speech.utterances import Speech
from study import config

STEPWISE = """
import time
import torch
from asrtransfer.attacks.method import Method
from asrtransfer.attacks.section import AttackSection

class Keys(AttackSection):
    "Does nothing."

class Mine(Method):
    label = "Mine"
    section = Keys

    def __init__(self, audio, lengths, generators, keys):
        super().__init__(audio, lengths, generators, keys)
        self.delta = audio.new_zeros(audio.shape)

    def perturbation(self):
        return self.delta

    def bounds(self):
        return self.audio.new_full((len(self.audio),), 100.0)

    def step(self, gradient):
        {step}

    def keep(self, rows):
        super().keep(rows)
        self.delta = self.delta[rows]

ATTACK = Mine
"""
WHOLE = """
import time
import numpy as np
from asrtransfer.attacks.method import Whole
from asrtransfer.attacks.section import AttackSection

class Keys(AttackSection):
    "Does nothing."

class Mine(Whole):
    label = "Mine"
    section = Keys

    def craft(self, surrogates, audio, phrase, generator):
        {craft}

    def bound(self, audio):
        {bound}

ATTACK = Mine
"""
LISTENER = """
import numpy as np
import torch
from asrtransfer.recognisers.base import Aim, Heard, Recogniser, Surrogate

class Mine(Surrogate):
    device = torch.device("cpu")

    def __init__(self, keys, device):
        pass

    @property
    def identity(self):
        return "ab" * 32

    def hear(self, utterances):
        {hear}

    def aim(self, audio, lengths, texts):
        {aim}

RECOGNISER = Mine
"""
SILENT = "return [Heard([''])] * len(utterances)"


def write(folder: Path, source: str, **parts: str) -> str:
    path = folder / "mine.py"
    path.write_text(textwrap.dedent(source).format(**parts))
    return str(path)


def line_of(path: str, text: str) -> int:
    return next(number for number, line in enumerate(Path(path).read_text().splitlines(), 1) if text in line)


def attack(toy: DeepSpeech, dev: Speech, use: str, limit: float | None = None, phrase: str = "dab") -> list[Outcome]:
    tasks = [Task(dev.utterance_ids[index], dev.samples(index), phrase) for index in range(3)]
    return run_attack([toy], tasks, use, {"iterations": 5, "threshold": None}, seed="test", limit=limit)


@pytest.mark.parametrize("option", [{"momentum": {}}, {"masking": {}}, {"views": {"shift": 20}}, {"margin": 1}])
def test_an_attack_of_the_users_has_the_options_of_steps(
    toy: DeepSpeech, dev_split: Speech, tmp_path: Path, option: dict[str, Any]
) -> None:
    task = Task(dev_split.utterance_ids[0], dev_split.samples(0), "dab")

    def best(step: str) -> float:
        folder = tmp_path / str(len(step))
        folder.mkdir()
        keys = {"iterations": 5, "threshold": None, **option}
        return run_attack([toy], [task], write(folder, STEPWISE, step=step), keys, seed="test")[0].best_loss

    assert best("self.delta = (self.delta - 20 * gradient.sign()).clamp(-100, 100)") < best("pass")


@pytest.mark.parametrize("work", ["raise ValueError('no')", "self.delta = undefined"])
def test_what_a_step_raises_is_blamed_on_its_line(
    toy: DeepSpeech, dev_split: Speech, tmp_path: Path, work: str
) -> None:
    use = write(tmp_path, STEPWISE, step=work)
    with pytest.raises(InputError) as error:
        attack(toy, dev_split, use)
    assert str(error.value).startswith(f"{use}:{line_of(use, work)}: ")
    assert str(error.value).endswith("correct the file")


@pytest.mark.parametrize(
    ("work", "complaint"),
    [
        ("self.delta = self.delta * float('nan')", "perturbation returned values that are not finite"),
        ("self.delta = self.delta[:, :-1]", "perturbation returned a tensor of float32"),
        ("self.delta = self.delta.double()", "perturbation returned a tensor of float64"),
        ("self.delta = None", "perturbation returned a NoneType"),
        ("self.bounds = lambda: -self.audio.new_ones(len(self.audio))", "bounds returned a negative number"),
    ],
)
def test_what_a_step_leaves_behind_is_checked(
    toy: DeepSpeech, dev_split: Speech, tmp_path: Path, work: str, complaint: str
) -> None:
    use = write(tmp_path, STEPWISE, step=work)
    with pytest.raises(InputError, match=complaint) as error:
        # What the first utterance says already: bounds are asked for where something is stored.
        attack(toy, dev_split, use, phrase=dev_split.texts[0])
    assert str(error.value).startswith(f"{use}: ")


def test_a_step_that_hangs_ends_at_its_limit(toy: DeepSpeech, dev_split: Speech, tmp_path: Path) -> None:
    use = write(tmp_path, STEPWISE, step="time.sleep(60)")
    start = time.monotonic()
    with pytest.raises(InputError, match=r"took longer than its time_limit of 0.5 s"):
        attack(toy, dev_split, use, limit=0.5)
    assert time.monotonic() - start < 10


def test_the_audio_of_a_sample_is_the_given_one(toy: DeepSpeech, dev_split: Speech, tmp_path: Path) -> None:
    """An attack that writes into the audio that it was handed makes no sample that is louder than its bound."""
    use = write(tmp_path, STEPWISE, step="self.audio.fill_(0)")
    truth = dev_split.texts[0]
    for outcome in attack(toy, dev_split, use, phrase=truth):
        for sample in outcome.samples:
            assert np.abs(sample.audio.astype(int) - outcome.task.audio).max() <= 100


@pytest.mark.parametrize(
    ("craft", "complaint"),
    [
        ("raise RuntimeError('no')", r"mine\.py:\d+: RuntimeError: no; correct the file"),
        ("return audio[:-1]", "craft returned int16 of shape"),
        ("return audio * float('nan')", "not finite"),
        ("return 'audio'", "craft returned <U5"),
        ("return None", "craft returned object"),
    ],
)
def test_a_whole_attack_that_returns_no_audio_is_named(
    toy: DeepSpeech, dev_split: Speech, tmp_path: Path, craft: str, complaint: str
) -> None:
    use = write(tmp_path, WHOLE, craft=craft, bound="return None")
    with pytest.raises(InputError, match=complaint) as error:
        attack(toy, dev_split, use)
    assert str(error.value).startswith(use)


def test_a_whole_attack_that_hangs_ends_at_its_limit(toy: DeepSpeech, dev_split: Speech, tmp_path: Path) -> None:
    use = write(tmp_path, WHOLE, craft="time.sleep(60)", bound="return None")
    with pytest.raises(InputError, match="time_limit"):
        attack(toy, dev_split, use, limit=0.5)


def test_a_whole_attack_that_claims_success_has_none(toy: DeepSpeech, dev_split: Speech, tmp_path: Path) -> None:
    """It returns the clean audio, as if that were heard as the target."""
    use = write(tmp_path, WHOLE, craft="return audio", bound="return 1.0")
    outcomes = attack(toy, dev_split, use)
    assert [outcome.status for outcome in outcomes] == ["failed"] * 3
    assert all(np.isfinite(outcome.best_loss) for outcome in outcomes)


def test_a_whole_attack_over_its_bound_has_no_sample(toy: DeepSpeech, dev_split: Speech, tmp_path: Path) -> None:
    """The first utterance's own text is its target, so that any small change is a success but for the bound."""
    truth = dev_split.texts[0]
    for size, status in ((3, "failed"), (2, "sample")):
        folder = tmp_path / str(size)
        folder.mkdir()
        use = write(folder, WHOLE, craft=f"return audio.astype(int) + {size}", bound="return 2.0")
        outcome = attack(toy, dev_split, use, phrase=truth)[0]
        assert outcome.status == status
        assert [sample.bound for sample in outcome.samples] == [2.0] * len(outcome.samples)


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("x = 1\n", "names no attack; end the file with ATTACK = YourClass"),
        ("x = (\n", r"mine\.py:1: SyntaxError"),
        ("import nothing_like_it\n", r"mine\.py:1: ModuleNotFoundError: No module named 'nothing_like_it'"),
        ("class A: pass\nATTACK = A\n", "A is no attack"),
        ("ATTACK = 3\n", "names no attack"),
    ],
)
def test_a_file_that_holds_no_attack_is_named(
    toy: DeepSpeech, dev_split: Speech, tmp_path: Path, source: str, complaint: str
) -> None:
    (tmp_path / "mine.py").write_text(source)
    with pytest.raises((InputError, AttributeError), match=complaint):
        class_ = extension.find("attack", str(tmp_path / "mine.py")).class_
        from study.config.extensions import class_of

        assert class_ is not None
        class_of("attack", "mine", str(tmp_path / "mine.py"))


@pytest.mark.parametrize(
    ("hear", "complaint"),
    [
        ("raise KeyError('x')", r"mine\.py:\d+: KeyError"),
        ("return []", "hear returned a list of 0 for 2 utterances"),
        ("return ['a', 'b']", "hear returned a str"),
        ("return [Heard(['Hello'])] * 2", "has 'H'; bring texts to a-z"),
        ("return [Heard([])] * 2", "hear returned 0 texts"),
        ("return [Heard(['a', 'a'])] * 2", "a text twice"),
        ("return [Heard(['a', 'b'], [-2.0, -1.0])] * 2", "the best text comes first"),
        ("return [Heard(['a'], [float('nan')])] * 2", "ln P is at most 0"),
        ("return [Heard(['a  b'])] * 2", "double spaces"),
    ],
)
def test_what_a_recogniser_hears_is_checked(tmp_path: Path, hear: str, complaint: str) -> None:
    use = write(tmp_path, LISTENER, hear=hear, aim="pass")
    recogniser = recognisers.load(use, {}, "cpu")
    with pytest.raises(InputError, match=complaint) as error:
        recogniser.hear([np.zeros(100, np.int16)] * 2)
    assert str(error.value).startswith(use)


@pytest.mark.parametrize(
    ("aim", "complaint"),
    [
        ("return None", "aim returned a NoneType"),
        ("return Aim(audio.sum(), lambda: [True])", r"aim returned the loss a tensor of float32 \(\)"),
        ("return Aim(audio.sum(1) * float('nan'), lambda: [True])", "not a number"),
        ("return Aim(audio.double().sum(1), lambda: [True])", "float64"),
        ("return Aim(audio.sum(1) * 0, lambda: [True, True, True, True])", "says returned 4 values"),
    ],
)
def test_what_a_surrogate_aims_is_checked(dev_split: Speech, tmp_path: Path, aim: str, complaint: str) -> None:
    use = write(tmp_path, LISTENER, hear=SILENT, aim=aim)
    surrogate = recognisers.load(use, {}, "cpu")
    tasks = [Task("u", dev_split.samples(0), "dab")]
    with pytest.raises(InputError, match=complaint) as error:
        run_attack([surrogate], tasks, "pgd", {"iterations": 2, "threshold": None}, seed="test")  # type: ignore[list-item]
    assert str(error.value).startswith(use)


def test_a_surrogate_that_lies_about_success_makes_no_sample(dev_split: Speech, tmp_path: Path) -> None:
    """Its loss is zero and it says that every row is heard as the target; what it hears decides."""
    use = write(tmp_path, LISTENER, hear=SILENT, aim="return Aim(audio.sum(1) * 0, lambda: [True] * len(audio))")
    surrogate = recognisers.load(use, {}, "cpu")
    tasks = [Task("u", dev_split.samples(0), "dab")]
    outcomes = run_attack([surrogate], tasks, "pgd", {"iterations": 3}, seed="test")  # type: ignore[list-item]
    assert outcomes[0].status == "failed"


def test_a_recogniser_cannot_change_the_studys_audio(tmp_path: Path) -> None:
    use = write(tmp_path, LISTENER, hear=f"utterances[0][:] = 7\n        {SILENT}", aim="pass")
    audio = np.zeros(100, np.int16)
    recognisers.load(use, {}, "cpu").hear([audio])
    assert not audio.any()


def test_several_surrogates_must_all_hear_the_target(toy: DeepSpeech, other_toy: DeepSpeech, dev_split: Speech) -> None:
    tasks = [Task(dev_split.utterance_ids[index], dev_split.samples(index), "dab") for index in range(4)]
    both = run_attack([toy, other_toy], tasks, "pgd", {"iterations": 150, "keep": 1, "threshold": None}, seed="test")
    reached = [outcome for outcome in both if outcome.samples]
    assert reached
    for outcome in reached:
        audio = outcome.samples[-1].audio
        assert [one.texts[0] for model in (toy, other_toy) for one in model.hear([audio])] == ["dab", "dab"]


def test_a_set_of_one_surrogate_is_that_surrogate(toy: DeepSpeech, dev_split: Speech) -> None:
    """Twice the same model has the same mean loss, and the same samples, as once."""
    tasks = [Task(dev_split.utterance_ids[index], dev_split.samples(index), "dab") for index in range(2)]
    once, twice = (
        run_attack(some, tasks, "pgd", {"iterations": 60, "threshold": None}, seed="x") for some in ([toy], [toy, toy])
    )
    for one, two in zip(once, twice, strict=True):
        assert [s.audio.tobytes() for s in one.samples] == [s.audio.tobytes() for s in two.samples]


@pytest.mark.parametrize("method", ["files", "check"])
def test_what_a_section_raises_is_a_line_of_the_configuration(tmp_path: Path, method: str) -> None:
    use = tmp_path / "mine.py"
    use.write_text(
        textwrap.dedent(
            f"""
            from asrtransfer.recognisers.base import Heard, Recogniser
            from asrtransfer.recognisers.section import LoadedSection

            class Keys(LoadedSection):
                "Fails."
                def {method}(self, *given):
                    return undefined

            class Mine(Recogniser):
                section = Keys
                identity = "ab"
                def hear(self, utterances):
                    return [Heard([""]) for _ in utterances]

            RECOGNISER = Mine
            """
        )
    )
    given = {
        "models": ["seed-1", "mine"],
        "selection": {"utterances": 1},
        "families": {"mine": {"use": str(use)}},
        "attacks": {"pgd": {"phrases": ["go"]}},
    }
    with pytest.raises(config.ConfigError, match=rf"mine\.py:{line_of(str(use), 'undefined')}: NameError"):
        config.read(given)


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        ({"views": {"noise": 5}}, "views"),
        ({"confidences": {"low": {}, "high": {"momentum": {}}}}, "momentum"),
        ({"combine": "worst"}, "combine"),
    ],
)
def test_a_whole_attack_takes_no_keys_of_steps(tmp_path: Path, keys: dict[str, Any], name: str) -> None:
    use = write(tmp_path, WHOLE, craft="return audio", bound="return None")
    given = {"models": ["seed-1"], "attacks": {"mine": {"use": str(use), "phrases": ["go"], **keys}}}
    with pytest.raises(config.ConfigError, match=rf"attacks\.mine\.{name}: Mine makes a sample at once, without steps"):
        config.read(given)


def test_a_margin_needs_a_ctc_model(tmp_path: Path) -> None:
    use = write(tmp_path, LISTENER, hear=SILENT, aim="return Aim(audio.sum(1) * 0, lambda: [True] * len(audio))")
    given = {
        "models": ["seed-1", "mine"],
        "surrogates": ["mine"],
        "families": {"mine": {"use": str(use)}},
        "attacks": {"pgd": {"phrases": ["go"], "margin": 2}},
    }
    with pytest.raises(
        config.ConfigError, match=r"attacks\.pgd\.margin: the surrogate mine has no frames of characters; set it to"
    ):
        config.read(given)
