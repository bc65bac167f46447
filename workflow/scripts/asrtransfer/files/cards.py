"""Model cards: facts about a model, as JSON that contains its own checksum."""

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
    """Write a card atomically and add ``card_sha256`` to it."""
    content = json.dumps({**card, _CHECKSUM: _compute_digest(card)}, indent=2) + "\n"
    replace_file(path, content.encode())


def read_card(path: Path) -> dict[str, Any]:
    """Read a card that :func:`write_card` wrote.

    Raises:
        InputError: if the card is missing, or differs from what was written.
    """
    remedy = "delete the model's folder and run again"
    try:
        card = json.loads(path.read_bytes())
        found = card.pop(_CHECKSUM)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); {remedy}") from None
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a model card ({error!r}); {remedy}") from None
    if found != _compute_digest(card):
        raise InputError(f"{path}: differs from the checksum kept in it; {remedy}")
    return dict(card)


def _compute_digest(card: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(card, sort_keys=True).encode()).hexdigest()
