"""Decoding by several processes: any number gives the same texts, and no process outlives its job."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from posteriors import random_row, spoken_row
from test_decoding import arpa_text
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from asrtransfer.ctc.base import Decoder, Hypothesis
from asrtransfer.ctc.flashlight import FlashlightDecoder
from asrtransfer.ctc.language_model import LanguageModelDecoder
from asrtransfer.ctc.pool import Pool, open_pool
from asrtransfer.files.errors import InputError
from asrtransfer.hearing import scoring
from asrtransfer.text.alphabet import SIZE

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
LENGTHS = [31, 0, 2, 17, 1, 9, 0, 25, 40, 12, 5]
# A job as Snakemake starts it: code at the top level of a script, which must not run twice.
JOB = f"""
import os, sys, time, torch
sys.path.insert(0, {str(SCRIPTS)!r})
from asrtransfer.ctc.base import Decoder
from asrtransfer.ctc.pool import open_pool

class Slow(Decoder):
    def top(self, log_probs, lengths):
        os.write(1, b"searches\\n")
        time.sleep(0.3)
        return [[]]

os.write(1, b"begins\\n")
with open_pool(Slow(), 3) as decoder:
    decoder.top(torch.zeros(1000, 1, 29), torch.ones(1000, dtype=torch.long))
"""


class Odd(Decoder):
    """Fail as the first number of a row demands."""

    by_probability = False

    def top(self, log_probs: Tensor, lengths: Tensor) -> list[list[Hypothesis]]:
        (row,) = log_probs
        match row[0, 0].item():
            case -1:
                raise ValueError(f"a row of {len(row)} frames")
            case -2:
                os.kill(os.getpid(), signal.SIGKILL)
        return [[Hypothesis(str(os.getpid()), 0.0)]]


def rows(*firsts: float) -> tuple[Tensor, Tensor]:
    """Build rows that start with these numbers, each one frame longer than the one before."""
    log_probs = torch.zeros(len(firsts), len(firsts), SIZE)
    log_probs[:, 0, 0] = torch.tensor(firsts)
    return log_probs, torch.arange(1, len(firsts) + 1)


@pytest.fixture(scope="module")
def speech() -> tuple[Tensor, Tensor]:
    found = [random_row(length, seed, scale=3.0) for seed, length in enumerate(LENGTHS)]
    found += [spoken_row("open the door", seed, sharpness=1.5) for seed in range(3)]
    return pad_sequence(found, batch_first=True), torch.tensor([len(row) for row in found])


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_any_number_of_processes_finds_the_same(speech: tuple[Tensor, Tensor], workers: int) -> None:
    expected = FlashlightDecoder().top(*speech)
    with open_pool(FlashlightDecoder(), workers) as decoder:
        assert decoder.top(*speech) == expected
        assert decoder.top(speech[0][:1], speech[1][:1]) == expected[:1]
        assert decoder.top(speech[0][:0], speech[1][:0]) == []
        row = speech[0][-1]
        assert [decoder.is_top(row, len(row), one.text) for one in expected[-1][:2]] == [True, False]


def test_one_process_is_this_one_and_more_are_others() -> None:
    with open_pool(Odd(), 1) as decoder:
        assert isinstance(decoder, Odd)
        assert not multiprocessing.active_children()
    with open_pool(Odd(), 2) as decoder:
        assert not decoder.by_probability
        names = {top[0].text for top in decoder.top(*rows(*[0.0] * 20))}
        assert names <= {str(child.pid) for child in multiprocessing.active_children()}
        assert len(names) == 2
    assert not multiprocessing.active_children()


def test_tuning_gives_every_process_the_weights(tmp_path: Path, speech: tuple[Tensor, Tensor]) -> None:
    path = tmp_path / "words.arpa"
    path.write_text(arpa_text())
    truths = ["open the door"] * len(speech[0])
    tried = [0.1, 3.0], [-5.0, 2.0]
    alone = LanguageModelDecoder(language_model=path)
    expected = scoring.tune(alone, [speech], truths, *tried)
    assert len({point.wer for point in expected}) > 1
    with open_pool(LanguageModelDecoder(language_model=path), 2) as decoder:
        assert scoring.tune(decoder, [speech], truths, *tried) == expected
        assert decoder.top(*speech) == alone.top(*speech)


def test_an_error_of_a_process_is_the_callers(capfd: pytest.CaptureFixture[str]) -> None:
    """The first of two errors is raised with its traceback, and the processes continue."""
    with open_pool(Odd(), 2) as decoder:
        with pytest.raises(ValueError, match="a row of 2 frames") as caught:
            decoder.top(*rows(0, -1, 0, -1, 0))
        assert "in _decode_row" in caught.value.__notes__[0]
        assert len(decoder.top(*rows(0, 0, 0))) == 3
    assert capfd.readouterr() == ("", "")


def test_a_process_that_is_killed_ends_the_work_with_one_line() -> None:
    with (
        pytest.raises(InputError, match=r"^threads: one of 2 .*exit code -9.*run again$"),
        open_pool(Odd(), 2) as decoder,
    ):
        decoder.top(*rows(0, 0, -2, 0, 0, 0))
    with pytest.raises(InputError, match="exit code -9"), open_pool(Odd(), 2) as decoder:
        child = multiprocessing.active_children()[0]
        child.kill()
        child.join()
        decoder.top(*rows(0, 0, 0, 0))
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_processes_end_with_a_job_that_is_killed(number: signal.Signals) -> None:
    """Each process inherits standard output, which ends when the last process closes it."""
    with subprocess.Popen(
        [sys.executable, "-c", JOB], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as job:
        assert job.stdout is not None
        assert [job.stdout.readline() for _ in range(3)] == ["begins\n", "searches\n", "searches\n"]
        job.send_signal(number)
        killed = time.monotonic()
        rest, errors = job.communicate(timeout=30)
    assert time.monotonic() - killed < 5
    assert rest.count("searches") < 10
    assert "begins" not in rest
    assert job.returncode == -number
    assert ("KeyboardInterrupt" in errors) == (number == signal.SIGINT)
    assert errors.count("Traceback") == (number == signal.SIGINT)


def test_an_interrupt_at_the_terminal_is_the_jobs_alone() -> None:
    """The interrupt reaches the whole group; the job must not report the death of its processes instead."""
    with subprocess.Popen(
        [sys.executable, "-c", JOB], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    ) as job:
        assert job.stdout is not None
        assert [job.stdout.readline() for _ in range(3)] == ["begins\n", "searches\n", "searches\n"]
        os.killpg(job.pid, signal.SIGINT)
        _, errors = job.communicate(timeout=30)
    assert errors.count("Traceback") == 1
    assert errors.rstrip().endswith("KeyboardInterrupt")


def test_processes_are_made_before_cuda_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for path in SCRIPTS.glob("*.py"):
        text = path.read_text()
        if "with open_pool(" in text or " open_pool(" in text:
            order = [found.group() for found in re.finditer(r"open_pool\(|compute\.prepare\(", text)]
            assert order == ["open_pool(", "compute.prepare("], path.name
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    with pytest.raises(RuntimeError, match="make the pool first"):
        Pool(Odd(), 2)
