"""How many hearings of a finished study a proof decides without a beam search, and the time that this takes and saves.

.venv/bin/python benchmarks/certify.py --results results --surrogate seed-1 --remote seed-2
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from asrtransfer.ctc import decoding
from asrtransfer.files import parquet
from asrtransfer.hearing import transfer
from asrtransfer.machine import compute
from asrtransfer.recognisers.deepspeech import DeepSpeech
from asrtransfer.recognisers.deepspeech.network import load_weights
from asrtransfer.speech.utterances import Speech

VERDICT = ["utterance_id", "attack", "target", "confidence", "kind", "iteration", "rank", "hit"]


def heard(
    remote: DeepSpeech, speech: Speech, samples: pd.DataFrame, certify: bool
) -> tuple[float, pd.DataFrame, float]:
    """Seconds of processor time, the rows, and the seconds for hearing the clean audio, which are not part of them."""
    clean = {name: speech.samples(index) for index, name in enumerate(speech.utterance_ids)}
    texts = dict(zip(speech.utterance_ids, speech.texts, strict=True))
    start = time.process_time()
    listener = transfer.Listener(remote, decoding.build("flashlight"), clean, texts, certify=certify)
    ready = time.process_time()
    rows = pd.DataFrame(listener.transcripts(samples))
    return time.process_time() - ready, rows, ready - start


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--surrogate", default="seed-1")
    parser.add_argument("--remote", default="seed-2")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    compute.prepare("cpu", 1)
    remote = DeepSpeech(load_weights(given.results / "models" / given.remote / "weights.safetensors"))
    speech = Speech.read(given.results / "selected.parquet", given.results / "corpus")
    files = sorted((given.results / "attacks").glob(f"*/{given.surrogate}/*/*.parquet"))
    samples = pd.concat([parquet.read(path) for path in files], ignore_index=True)
    samples = samples[samples["status"] == "sample"]
    near = samples["target_kind"] == "near"
    parts = {
        "primary samples and controls": samples["primary"],
        "other samples of phrases": ~samples["primary"] & ~near,
        "other samples of near targets": ~samples["primary"] & near,
    }
    for name, part in parts.items():
        chosen = samples[part]
        seconds: dict[bool, list[float]] = {True: [], False: []}
        found: dict[bool, pd.DataFrame] = {}
        for _ in range(given.repeats):
            for certify in (False, True):
                took, found[certify], _ = heard(remote, speech, chosen, certify)
                seconds[certify].append(took)
        assert found[True][VERDICT].equals(found[False][VERDICT]), "the shortcut changed a verdict"
        full, short = (statistics.median(seconds[certify]) for certify in (False, True))
        rows = found[True]
        rows = rows[rows["kind"] != "clean"]
        saved = int((~rows["searched"]).sum())
        print(
            f"{name}: {saved} of {len(rows)} searches saved ({saved / len(rows):.0%}); "
            f"{full / len(rows) * 1e3:.1f} ms a hearing with every search, {short / len(rows) * 1e3:.1f} ms without "
            f"those: {full / short:.1f} times as fast"
        )


if __name__ == "__main__":
    main()
