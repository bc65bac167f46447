"""The attacks of docs/extending.md, from the text of the page, on a real model."""

from __future__ import annotations

from pathlib import Path

import pytest
from copies import LAB, read_recipes

from asrtransfer import extension
from asrtransfer.attacks.run import run_attack
from asrtransfer.attacks.task import Task
from asrtransfer.recognisers.deepspeech import DeepSpeech
from asrtransfer.speech.utterances import Speech


@pytest.mark.parametrize(
    ("name", "package"),
    [("mim", None), ("art_cw", "art"), ("package_pgd", "asr_attacks")],
    ids=["MI-FGSM", "C&W of the Adversarial Robustness Toolbox", "PGD of asr-attacks"],
)
def test_an_attack_of_the_page_fools_a_model(
    toy: DeepSpeech, dev_split: Speech, tmp_path: Path, name: str, package: str | None
) -> None:
    if package is not None:
        pytest.importorskip(package, reason=f"{package} is not installed; its wrapper is not tried")
    path = tmp_path / f"{name}.py"
    path.write_text(read_recipes()[f"{LAB}/{name}.py"])
    section = extension.find("attack", str(path)).class_.section
    assert section.model_validate({"phrases": ["dab"]}).bound > 0
    tasks = [Task(dev_split.utterance_ids[index], dev_split.samples(index), "dab") for index in range(3)]
    outcomes = run_attack([toy], tasks, str(path), {"iterations": 100, "threshold": None}, seed="recipe")
    reached = [outcome for outcome in outcomes if outcome.status == "sample"]
    assert reached
    for outcome in reached:
        for sample in outcome.samples:
            assert toy.hear([sample.audio])[0].texts[0] == "dab"
            assert sample.bound is not None
