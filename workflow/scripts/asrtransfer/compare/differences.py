"""What differs between the configurations of studies, and between the machines that ran them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from asrtransfer.compare.studies import MACHINE, Studies, Study


def list_differences(studies: Studies) -> tuple[dict[str, list[str | None]], int]:
    """Compare the configurations and the machines of studies.

    Returns:
        By dotted key that differs, the value of each study as text, None where it has no such key; and the number of
        keys that all studies have alike.
    """
    flat = [dict(_flatten(study.configuration)) | dict(_describe_machine(study)) for study in studies.values()]
    keys = dict.fromkeys(key for one in flat for key in one)
    values = {key: [one.get(key) for one in flat] for key in keys}
    differing = {key: found for key, found in values.items() if len(set(found)) > 1}
    return differing, len(values) - len(differing)


def _flatten(section: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in section.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _write(value)


def _write(value: Any) -> str:
    """Write a value as a reader of YAML knows it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(map(_write, value)) or "none"
    return str(value)


def _describe_machine(study: Study) -> Iterator[tuple[str, str]]:
    for fact in MACHINE:
        found = sorted({str(card[fact]) for card in study.cards.values() if fact in card})
        if found:
            yield f"machine: {fact}", ", ".join(found)
