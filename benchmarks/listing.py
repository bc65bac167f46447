"""Seconds and memory to list, sort by length and check a LibriSpeech of full size: 281,241 utterances.

    .venv/bin/python benchmarks/listing.py

The folders have the corpus's own layout; the audio files are links to a few short ones, of which only the header is
read. The next step of a study is measured, too: reading and hashing the table, as a training job does first.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from peak import megabytes

from asrtransfer import corpora
from asrtransfer.corpora import librispeech
from asrtransfer.speech import audio

UTTERANCES = 281_241
"""In train-clean-100, train-clean-360 and train-other-500 (28,539 + 104,014 + 148,688)."""
# Utterances of a chapter, about as in the corpus. File systems limit the links to one file.
CHAPTER = 50
LINKS = 20_000
LETTERS = 180


def build(root: Path, utterances: int) -> None:
    """Make a library of ``utterances`` utterances in train-clean-360, and of one each in dev-clean and test-clean."""
    drawn = random.Random(1)
    words = ["".join(drawn.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=drawn.randint(1, 9))) for _ in range(2000)]
    root.mkdir(parents=True)
    pool = []
    for number in range(-(-utterances // LINKS)):
        pool.append(root / f"{number}.flac")
        # Long enough for any text.
        pool[-1].write_bytes(audio.encode_flac(np.zeros(16_000 * (4 + number) + number, np.int16)))
    files = cycle(pool)
    for place, (subset, count) in enumerate({"dev-clean": 1, "test-clean": 1, "train-clean-360": utterances}.items()):
        for first in range(0, count, CHAPTER):
            speaker, chapter = 10_000 * place + first // CHAPTER // 10, first // CHAPTER
            folder = root / "LibriSpeech" / subset / str(speaker) / str(chapter)
            folder.mkdir(parents=True)
            lines = []
            for number in range(min(CHAPTER, count - first)):
                name = f"{speaker}-{chapter}-{number:04}"
                (folder / f"{name}.flac").hardlink_to(next(files))
                text = " ".join(drawn.choices(words, k=LETTERS // 6))[:LETTERS].strip()
                lines.append(f"{name} {text}\n")
            (folder / f"{speaker}-{chapter}.trans.txt").write_text("".join(lines))


def main() -> None:
    """Print what it takes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--utterances", type=int, default=UTTERANCES)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root, folder = Path(name, "library"), Path(name, "corpus")
        build(root, given.utterances)
        before = megabytes()
        start = time.monotonic()
        splits = {"train": ["train-clean-360"], "dev": ["dev-clean"], "test": ["test-clean"]}
        found = librispeech.prepare(folder, source=root, download=False, mirror=None, **splits)
        corpora.write(found, folder)
        listed = time.monotonic() - start
        total = len(found)
        peak = megabytes()
        del found
        # Imported late: it brings PyTorch, half a gigabyte, which listing does not need.
        from asrtransfer.speech.utterances import Speech

        start = time.monotonic()
        speech = Speech.read(folder / "train.parquet")
        speech.digest()
        read = time.monotonic() - start
        assert list(speech.table["seconds"]) == sorted(speech.table["seconds"])
        last = megabytes()
    print(
        f"{total} utterances listed, sorted and written in {listed:.1f} s with at most {peak / 1024:.2f} GB of memory "
        f"({before / 1024:.2f} GB before it began); read and hashed in {read:.1f} s, {last / 1024:.2f} GB"
    )


if __name__ == "__main__":
    main()
