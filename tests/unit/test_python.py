"""docs/python.md, run as a reader would type it, on recognisers that hear tones."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from asrtransfer.recognisers.deepspeech import DeepSpeech
from asrtransfer.recognisers.deepspeech.network import save_weights
from asrtransfer.speech.utterances import Speech

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "python.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def folder(toy: DeepSpeech, dev_split: Speech, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the page names: two models of a study, and clips."""
    from asrtransfer import quick

    place = tmp_path_factory.mktemp("notebook")
    for model in ("seed-1", "seed-2"):
        path = place / "results" / "models" / model / "weights.safetensors"
        path.parent.mkdir(parents=True)
        save_weights(toy.network, path)
    (place / "clips").mkdir()
    for number in range(5):
        quick.write_audio(place / "clips" / f"{'one' if number == 0 else number}.wav", dev_split.samples(number))
    return place


def run(block: str, folder: Path) -> str:
    """Run a block of the page in a process of its own; a toy hears a to d."""
    assert '"open the door"' in block
    code = "import torch\ntorch.set_num_threads(1)\n" + block.replace('"open the door"', '"abc"')
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT / "workflow" / "scripts"), "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_page_has_two_blocks_and_the_first_has_ten_lines_or_fewer() -> None:
    assert len(BLOCKS) == 2
    assert len([line for line in BLOCKS[0].splitlines() if line.strip()]) <= 10


def test_the_first_block_makes_a_sample(folder: Path, dev_split: Speech) -> None:
    first, second = run(BLOCKS[0], folder).splitlines()
    assert first == f"{dev_split.texts[0]} -> abc"
    # The models of the test are one.
    assert second == "another seed hears: abc"
    from asrtransfer import quick

    sample, clean = (quick.read_audio(folder / name) for name in ("one-adversarial.wav", "clips/one.wav"))
    assert sample.dtype == np.int16
    assert 0 < np.abs(sample.astype(int) - clean).max() <= 0.05 * 32768


def test_the_second_block_looks(folder: Path) -> None:
    text = run(BLOCKS[1], folder)
    assert text.startswith("No other recogniser listened: this look says nothing about transfer.")
    assert "equal weights" in text
    assert {path.name for path in (folder / "look").iterdir()} == {"look.txt", "look.json", "look.html"}
    assert (folder / "look" / "look.txt").read_text() == text.removesuffix("\n")


def test_the_command_of_the_page_is_the_call_of_the_page() -> None:
    command = next(part for part in PAGE.split("\n\n") if "-m asrtransfer.quick look" in part)
    words = command.replace("\\\n", " ").split()
    assert {"a=results/models/seed-1/weights.safetensors", "b=results/models/seed-2/weights.safetensors"} <= set(words)
    for option, value in (("--attack", "pgd"), ("--folder", "clips"), ("--count", "5")):
        assert words[words.index(option) + 1] == value
    assert '--phrase "open the door"' in command


def test_nothing_of_it_imports_snakemake_or_the_workflow(folder: Path) -> None:
    code = "from asrtransfer import quick\nimport sys\nassert 'torch' not in sys.modules\nquick.look, quick.load\n"
    code += "from asrtransfer.quick import page\n"
    code += "print(sorted({name.split('.')[0] for name in sys.modules} & {'snakemake', 'study', 'job', 'models'}))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT / "workflow" / "scripts"), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"
