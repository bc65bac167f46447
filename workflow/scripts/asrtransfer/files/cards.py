"""Model cards: what is known of a model, as JSON with a checksum of its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from asrtransfer.files.errors import InputError
from asrtransfer.files.whole import replace_file

_CHECKSUM = "card_sha256"


def write_card(card: Mapping[str, Any], path: Path) -> None:
    """Write a card, whole or not at all; ``card_sha256`` is added to it."""
    content = json.dumps({**card, _CHECKSUM: _digest(card)}, indent=2) + "\n"
    replace_file(path, content.encode())


def read_card(path: Path) -> dict[str, Any]:
    """Read a card that :func:`write_card` wrote.

    Raises:
        InputError: if it is missing, or says anything else than what was written.
    """
    remedy = "delete the model's folder and run again"
    try:
        card = json.loads(path.read_bytes())
        found = card.pop(_CHECKSUM)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); {remedy}") from None
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise InputError(f"{path}: is no model card ({error!r}); {remedy}") from None
    if found != _digest(card):
        raise InputError(f"{path}: differs from the checksum kept in it; {remedy}")
    return dict(card)


def _digest(card: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(card, sort_keys=True).encode()).hexdigest()
