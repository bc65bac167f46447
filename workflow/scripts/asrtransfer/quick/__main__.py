"""What the library does from the command line: ``python -m asrtransfer.quick --help``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from asrtransfer import quick
from asrtransfer.files.errors import InputError

A_RECOGNISER = "a weights.safetensors, a Python file of your own, or a family that is loaded, with its keys as JSON: "
EXAMPLE = 'w=my-lab/mine.py:{"checkpoint": "model.pt"}'


def main(arguments: list[str] | None = None) -> int:
    """Do what a command says, and print what came out."""
    given = _build_parser().parse_args(arguments)
    try:
        given.run(given)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _look(given: argparse.Namespace) -> None:
    found = quick.look(
        dict(_split(one) for one in given.recognisers),
        given.attack,
        given.phrase,
        given.folder,
        given.count,
        keys=_read_keys("--keys", given.keys),
        confidence=given.confidence,
        surrogates=given.surrogates,
        seed=given.seed,
        device=given.device,
        threads=given.threads,
        report=_tell,
    )
    found.write(given.out)
    print(found.text(), end="")
    print(f"{given.out}/look.html shows it, with the samples to hear")


def _hear(given: argparse.Namespace) -> None:
    found = quick.listen(
        dict(_split(one) for one in given.recognisers),
        given.files,
        given.phrase,
        device=given.device,
        threads=given.threads,
        report=_tell,
    )
    print(found.text(), end="")
    if given.out is not None:
        found.write(given.out)


def _export(given: argparse.Namespace) -> None:
    count = quick.export(given.results, given.out, every=given.every)
    print(f"{given.out}/samples/metadata.csv lists {count} samples")


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m asrtransfer.quick", description="Attack, hear and export without a study of your own."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _describe_look(
        commands.add_parser("look", help="attack some utterances on each recogniser, and let all hear the samples")
    )
    _describe_hear(commands.add_parser("hear", help="let recognisers hear audio files"))
    _describe_export(commands.add_parser("export", help="write a study's samples as WAV files, with a table"))
    return parser


def _describe_look(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_look)
    parser.add_argument("recognisers", nargs="+", metavar="NAME=FILE", help=f"{A_RECOGNISER}{EXAMPLE}")
    parser.add_argument("--phrase", required=True, help="what shall be heard")
    parser.add_argument("--folder", required=True, help="holds the audio")
    parser.add_argument("--attack", default="pgd", help="name, or a Python file of your own (default: %(default)s)")
    parser.add_argument("--keys", default="{}", help="the attack's keys, as JSON: '{\"iterations\": 300}'")
    parser.add_argument("--count", type=int, default=5, help="utterances to attack (default: %(default)s)")
    parser.add_argument("--confidence", help="one of the attack's, such as low or high (default: its first)")
    parser.add_argument("--surrogates", nargs="+", metavar="NAME", help="whom to attack (default: all that can be)")
    parser.add_argument("--seed", type=int, default=0, help="(default: %(default)s)")
    parser.add_argument("--out", default="look", help="folder for look.txt, .json and .html (default: %(default)s)")
    _describe_machine(parser)


def _describe_hear(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_hear)
    parser.add_argument("recognisers", nargs="+", metavar="NAME=FILE", help=f"{A_RECOGNISER}{EXAMPLE}")
    parser.add_argument("--files", nargs="+", required=True, help="audio files, and folders that hold some")
    parser.add_argument("--phrase", help="whose place among the texts, and whose probability, is told")
    parser.add_argument("--out", metavar="FILE.csv", help="a table of all that is heard (default: none)")
    _describe_machine(parser)


def _describe_export(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_export)
    parser.add_argument("results", help="the folder of a study's results")
    parser.add_argument("out", help="folder to write into; empty, or not there")
    parser.add_argument("--every", action="store_true", help="all samples, not only the one that stands for an attempt")


def _describe_machine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"], help="(default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="of the CPU (default: %(default)s)")


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _split(text: str) -> tuple[str, str | dict[str, Any]]:
    """Read NAME=FILE or NAME=USE:KEYS."""
    name, equals, about = text.partition("=")
    if not (name and equals and about):
        raise InputError(f"recognisers: {text!r} is not NAME=FILE; write such as a=models/seed-1/weights.safetensors")
    use, brace, keys = about.partition(":{")
    if brace:
        return name, {"use": use, "keys": _read_keys(f"recognisers.{name}", f"{{{keys}")}
    known = Path(about).suffix in (".safetensors", ".py")
    return name, about if known or Path(about).exists() else {"use": about}


def _read_keys(what: str, text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InputError(f"{what}: no JSON ({error}); write such as '{{\"iterations\": 300}}'") from None
    if not isinstance(found, dict):
        raise InputError(f"{what}: no JSON object; write such as '{{\"iterations\": 300}}'")
    return found


if __name__ == "__main__":
    sys.exit(main())
