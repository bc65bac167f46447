"""A quick look from the command line: ``python -m asrtransfer.quick --help``."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from asrtransfer import quick
from asrtransfer.files.errors import InputError


def main(arguments: list[str] | None = None) -> int:
    """Look, print the result, and write it into a folder."""
    given = _build_parser().parse_args(arguments)
    try:
        found = quick.look(
            dict(_split(one) for one in given.recognisers),
            given.attack,
            given.phrase,
            given.folder,
            given.count,
            keys=_read_keys(given.keys),
            confidence=given.confidence,
            surrogates=given.surrogates,
            seed=given.seed,
            device=given.device,
            threads=given.threads,
            report=lambda line: print(line, file=sys.stderr, flush=True),
        )
        found.write(given.out)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(found.text(), end="")
    print(f"{given.out}/look.html shows it, with the samples to hear")
    return 0


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m asrtransfer.quick",
        description="Attack some utterances on each recogniser, and let all of them hear the samples.",
    )
    parser.add_argument(
        "recognisers", nargs="+", metavar="NAME=FILE", help="a weights.safetensors, or a Python file of your own"
    )
    parser.add_argument("--phrase", required=True, help="what shall be heard")
    parser.add_argument("--folder", required=True, help="holds the audio")
    parser.add_argument("--attack", default="pgd", help="name, or a Python file of your own (default: %(default)s)")
    parser.add_argument("--keys", default="{}", help="the attack's keys, as JSON: '{\"iterations\": 300}'")
    parser.add_argument("--count", type=int, default=5, help="utterances to attack (default: %(default)s)")
    parser.add_argument("--confidence", help="one of the attack's, such as low or high (default: its first)")
    parser.add_argument("--surrogates", nargs="+", metavar="NAME", help="whom to attack (default: all that can be)")
    parser.add_argument("--seed", type=int, default=0, help="(default: %(default)s)")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"], help="(default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="of the CPU (default: %(default)s)")
    parser.add_argument("--out", default="look", help="folder for look.txt, .json and .html (default: %(default)s)")
    return parser


def _split(text: str) -> tuple[str, str]:
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise InputError(f"recognisers: {text!r} is not NAME=FILE; write such as a=models/seed-1/weights.safetensors")
    return name, path


def _read_keys(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InputError(f"--keys: no JSON ({error}); write such as '{{\"iterations\": 300}}'") from None
    if not isinstance(found, dict):
        raise InputError("--keys: no JSON object; write such as '{\"iterations\": 300}'")
    return found


if __name__ == "__main__":
    sys.exit(main())
